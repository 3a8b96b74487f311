"""Streams that change their size, as recordings of calls do when the line gets better or worse."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from video_files import decoded, pattern, run

from rdvfi_core.timeline import Timeline
from rdvfi_core.video.reader import VideoFile


def recording(path, sizes: list[tuple[int, int]], each: int = 4):
    """(width, height) of one piece after the other, in one stream."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", 12)
        (stream.width, stream.height), stream.pix_fmt = sizes[0], "yuvj420p"
        for number, (width, height) in enumerate(size for size in sizes for _ in range(each)):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
            encoder.framerate, encoder.time_base = Fraction(12), Fraction(1, 12)
            image = (pattern(number, height, width) * 255).astype("uint8")
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, encoder.time_base
            for packet in encoder.encode(frame) + encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    return path


@pytest.mark.parametrize(
    "sizes", [[(96, 64), (192, 128)], [(192, 128), (96, 64)], [(96, 64), (144, 96), (192, 128), (96, 64)]]
)
def test_all_frames_get_the_largest_size(tmp_path, sizes):
    source = recording(tmp_path / "call.mkv", sizes)
    (note,) = [note for note in run(source, tmp_path / "out.mkv", Timeline.multiplied(2)) if "scaled" in note]
    assert f"of {4 * len(sizes)} frames are smaller and are scaled to 192x128" in note
    found = decoded(tmp_path / "out.mkv")
    assert found.shape[1:3] == (128, 192) and len(found) == 8 * len(sizes) - 1


@pytest.mark.parametrize("other", [(64, 96), (96, 96), (192, 64)])
def test_another_shape_is_refused(tmp_path, other):
    source = recording(tmp_path / "turned.mkv", [(96, 64), other])
    with pytest.raises(ValueError, match=f"turned.mkv changes from 96x64 to {other[0]}x{other[1]}, which is another"):
        VideoFile(source).survey()


def test_television_with_fewer_columns_is_the_same_picture(tmp_path):
    source = recording(tmp_path / "tv.mkv", [(720, 576), (544, 576)], each=2)
    survey, _ = VideoFile(source).survey()
    assert (survey.width, survey.height) == (720, 576)
