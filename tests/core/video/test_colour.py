"""Tags of colour: what a source says goes along, and what it does not say is not written down."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from video_files import pattern, run, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video.reader import VideoFile

TWICE = Timeline.multiplied(2)
UNTAGGED = 2, 2, 2, 0  # matrix, primaries, transfer, range
COLOURS = [(200, 30, 30), (30, 170, 40), (40, 60, 200), (225, 170, 140)]
SWSCALE = {1: 1, 6: 5}


def bars(height: int, width: int) -> np.ndarray:
    return np.repeat(np.repeat(np.array([COLOURS], np.uint8), width // 4, 1), height, 0)


def film(path, pixels: np.ndarray, matrix: int, tags=UNTAGGED, count: int = 2):
    """Coded by this matrix in limited range, with these tags."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "4"})
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format="yuv444p", src_color_range=2, dst_color_range=1, dst_colorspace=SWSCALE[matrix]
            )
            frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
            frame.pts, frame.time_base = i, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tags_of(path) -> tuple:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "h264"), ("mp4", "hevc"), ("mov", "prores"), ("webm", "vp9"), ("mkv", "av1")]
)
def test_what_is_not_tagged_stays_untagged_with_the_same_luma_and_chroma(tmp_path, suffix, codec):
    source = film(tmp_path / "in.mp4", bars(64, 96), 6)
    assert tags_of(source) == UNTAGGED
    run(source, tmp_path / f"out.{suffix}", TWICE, codec=codec, quality="best", hardware=False)
    matrix, primaries, transfer, span = tags_of(tmp_path / f"out.{suffix}")
    assert (matrix, primaries, transfer) == (2, 2, 2)
    assert span in (0, 1)  # some codecs (VP9, AV1) always say which
    planes = []
    for path in (source, tmp_path / f"out.{suffix}"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).reformat(format="yuv444p")  # no matrix has a part in this
            planes.append([np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes])
    centres = [np.stack([plane[32, 12:96:24] for plane in file]).astype(int) for file in planes]
    assert np.abs(centres[0] - centres[1]).max() <= 3


@pytest.mark.parametrize("tags", [(1, 2, 2, 1), (6, 6, 6, 1), (5, 5, 2, 1), (1, 1, 13, 1)])
def test_what_is_tagged_keeps_its_tags_and_gets_no_others(tmp_path, tags):
    source = film(tmp_path / "in.mp4", bars(64, 96), 1 if tags[0] == 1 else 6, tags)
    assert tags_of(source) == tags
    run(source, tmp_path / "out.mkv", TWICE, hardware=False)
    assert tags_of(tmp_path / "out.mkv") == tags


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((128, 1280), 1), ((1280, 128), 1), ((592, 640), 1), ((576, 720), 6), ((480, 864), 6)],
)
def test_untagged_video_is_taken_as_players_take_it(tmp_path, size, matrix):
    """Scope films and upright phone videos are HD as well, though one side has few lines."""
    upright = size[0] > size[1]
    pixels = np.ascontiguousarray(bars(*size[::-1]).transpose(1, 0, 2)) if upright else bars(*size)
    video = VideoFile(film(tmp_path / "in.mp4", pixels, matrix, count=1))
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        frame = frames[0].numpy()
    places = [size[1 - upright] * (2 * i + 1) // 8 for i in range(4)]
    found = [frame[:, place, size[1] // 2] if upright else frame[:, size[0] // 2, place] for place in places]
    assert np.abs(np.stack(found) * 255 - np.array(COLOURS)).max() < 5


def test_rgb_is_tagged_by_what_it_is_coded_with(tmp_path):
    source = write(tmp_path / "in.mkv", [pattern(i) for i in range(3)], codec="ffv1", pixel_format="bgr0", options={})
    run(source, tmp_path / "out.mp4", TWICE, hardware=False)
    assert tags_of(tmp_path / "out.mp4") == (1, 1, 1, 1)
