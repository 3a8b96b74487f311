"""Frames of two fields become one picture each, at the time of the first field."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from video_files import CrossFade, decoded, integers, pattern, setfield, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video import parts
from rdvfi_core.video.colour import to_integers
from rdvfi_core.video.convert import Choices, convert, make_job, open_clip
from rdvfi_core.video.decoding import deinterlaced
from rdvfi_core.video.reader import VideoFile

COUNT, SHIFT = 60, 6.0  # frames, and pixels that the pattern moves from one to the next
FIELDS = {"crf": "1", "g": "12", "flags": "+ildct+ilme"}


def woven(index: int, upper_first: bool) -> np.ndarray:
    """The second field is half a frame later."""
    frame, later = pattern(index, shift=SHIFT), pattern(index + 0.5, shift=SHIFT)
    frame[int(upper_first) :: 2] = later[int(upper_first) :: 2]
    return frame


def interlaced(path, upper_first: bool = True, count: int = COUNT):
    frames, fields = [woven(i, upper_first) for i in range(count)], "tff" if upper_first else "bff"
    return write(path, frames, pixel_format="yuv444p", options=FIELDS, fields=fields)


def error(frames: np.ndarray, truth: np.ndarray) -> float:
    return np.abs(frames[:, 4:-4, 8:-8].astype(float) - truth[:, 4:-4, 8:-8]).mean()


@pytest.mark.parametrize("upper_first", [True, False])
def test_the_second_field_is_replaced(tmp_path, upper_first):
    path = interlaced(tmp_path / "in.mp4", upper_first, 12)
    truth = np.stack([integers(pattern(i, shift=SHIFT)) for i in range(12)])
    whole = decoded(path)
    left = decoded(VideoFile(path, deinterlace=False))
    assert len(whole) == len(left) == 12
    assert error(left, truth) > 10 and error(whole, truth) < 2


def test_it_is_said_and_can_be_left(tmp_path):
    path = interlaced(tmp_path / "in.mp4", count=12)
    survey, _ = VideoFile(path).survey()
    assert survey.interlaced and "12 of 12 frames are interlaced and are made whole pictures" in survey.notes[0]
    survey, _ = VideoFile(path, deinterlace=False).survey()
    assert not survey.interlaced and "are left as they are" in survey.notes[0]


def test_the_look_before_sees_no_comb(tmp_path):
    seen = []
    VideoFile(interlaced(tmp_path / "in.mp4", count=4)).survey(lambda frames, ticks: seen.extend(frames))
    assert seen[1].shape == (3, 64, 96)
    assert (seen[1][:, 1:] - seen[1][:, :-1]).abs().mean() < (seen[1][:, 2:] - seen[1][:, :-2]).abs().mean()


def test_progressive_frames_are_left_alone(tmp_path):
    path = write(tmp_path / "in.mp4", [pattern(i) for i in range(4)])
    survey, _ = VideoFile(path).survey()
    assert not survey.interlaced and not survey.notes


def test_whole_frames_among_them_are_left_alone_and_the_size_may_change():
    rate = Fraction(1, 24)

    def frame(number: int, height: int, fields: bool) -> av.VideoFrame:
        made = av.VideoFrame.from_ndarray(integers(woven(number, True))[:height], "rgb24").reformat(format="yuv444p")
        made.pts, made.time_base = number, rate
        return setfield(height, made.width, "yuv444p", rate, "tff")(made) if fields else made

    given = [(10 * i, frame(i, 64 if i < 6 else 48, i % 3 == 0)) for i in range(10)]
    before = [frame.to_ndarray() for _, frame in given]
    found = list(deinterlaced(iter(given)))
    assert [tick for tick, _ in found] == [tick for tick, _ in given]
    assert [frame.height for _, frame in found] == [64] * 6 + [48] * 4
    for number, (_, whole) in enumerate(found):
        assert np.array_equal(whole.to_ndarray(), before[number]) == (number % 3 != 0)


def test_parts_of_a_run_with_other_fields_are_not_mixed_in(tmp_path):
    path = interlaced(tmp_path / "in.mp4", count=4)
    whole, left = (open_clip(VideoFile(path, deinterlace=way))[0].identity() for way in (True, False))
    assert whole != left


def test_a_frame_is_the_same_wherever_decoding_began(tmp_path):
    video = VideoFile(interlaced(tmp_path / "in.mp4"))
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        straight = [to_integers(frame) for frame in frames]
    for index in (59, 55, 12, 48, 0):  # a key frame is every twelfth
        with video.frames(survey) as frames:
            assert np.array_equal(to_integers(frames[index]), straight[index])


def test_parts_of_an_interlaced_video_make_the_same_film(tmp_path, monkeypatch):
    clip, source = open_clip(VideoFile(interlaced(tmp_path / "in.mp4", count=24)))
    films = []
    for name, lengths in (("whole", (240, 60)), ("parts", (10, 4))):
        monkeypatch.setattr(parts.split, "__defaults__", lengths)
        job = make_job(clip, source, Timeline.multiplied(2), tmp_path / f"{name}.mkv", Choices(codec="ffv1"))
        convert(CrossFade(), job)
        films.append(decoded(tmp_path / f"{name}.mkv"))
    assert len(films[0]) == 47 and np.array_equal(*films)
