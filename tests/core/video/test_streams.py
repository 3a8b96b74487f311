"""Of several video streams the film is taken."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from video_files import integers, pattern

from rdvfi_core.video.reader import VideoFile

RATE = Fraction(24)
DEFAULT, COVER = Disposition.default, Disposition.attached_pic


def tracks(path, *made):
    """made: (codec, frames, (height, width), disposition) of each stream, all shown from 0 on."""
    with av.open(str(path), "w") as container:
        streams = []
        for codec, _, size, disposition in made:
            stream = container.add_stream(codec, rate=RATE)
            stream.height, stream.width = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = getattr(disposition, "value", disposition)  # no int before PyAV 18
            streams.append(stream)
        for stream, (_, count, size, _) in zip(streams, made, strict=True):
            for i in range(count):
                frame = av.VideoFrame.from_ndarray(integers(pattern(i, *size)), "rgb24")
                frame.pts, frame.time_base = i, 1 / RATE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("suffix", "made", "shown"),
    [
        ("mkv", [("mjpeg", 1, (96, 64), COVER), ("libx264", 6, (64, 96), DEFAULT)], (6, 64, 96)),
        ("mkv", [("mjpeg", 1, (96, 64), 0), ("libx264", 6, (64, 96), DEFAULT)], (6, 64, 96)),
        ("mp4", [("libx264", 1, (96, 96), DEFAULT), ("libx264", 5, (64, 96), 0)], (5, 64, 96)),
        ("mp4", [("libx264", 4, (96, 128), 0), ("libx264", 5, (64, 96), DEFAULT)], (5, 64, 96)),
        ("mkv", [("libx264", 4, (64, 96), DEFAULT), ("libx264", 5, (96, 128), DEFAULT)], (5, 96, 128)),
        ("mp4", [("libx264", 4, (64, 96), DEFAULT), ("mjpeg", 1, (96, 64), COVER)], (4, 64, 96)),
    ],
)
def test_the_film_is_taken(tmp_path, suffix, made, shown):
    video = VideoFile(tracks(tmp_path / f"a.{suffix}", *made))
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        assert (len(frames), *frames[1].shape[1:]) == shown
        truth = np.moveaxis(pattern(1, *shown[1:]), -1, 0)
        assert np.abs(frames[1].numpy() - truth).mean() < 0.03
    films = sum(count > 1 for _, count, _, _ in made)
    assert ("holds 2 video streams" in " ".join(survey.notes)) == (films > 1)


def test_a_picture_alone_is_still_read(tmp_path):
    survey, _ = VideoFile(tracks(tmp_path / "a.mp4", ("mjpeg", 1, (64, 96), DEFAULT))).survey()
    assert len(survey.ticks) == 1
