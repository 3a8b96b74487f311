"""Film on interlaced video comes out at its own rate, evenly and without combs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from video_files import clip_of, integers, pattern, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video.colour import to_integers
from rdvfi_core.video.convert import open_clip
from rdvfi_core.video.reader import VideoFile

FILM, VIDEO = Fraction(24000, 1001), Fraction(30000, 1001)
FIELDS = {"crf": "4", "g": "12", "flags": "+ildct+ilme"}
WOVEN = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))  # frames of the film that give the upper and the lower field


def picture(number: float) -> np.ndarray:
    """A texture of large and small parts that moves by 4 px."""
    y, x = np.mgrid[0:96, 0:128].astype(float)
    x = x - 4 * number
    waves = [np.sin(x / 5 + y / 9), np.cos(y / 6 - x / 8), np.sin((x + 2 * y) / 11)]
    return np.stack(waves, -1) * 0.3 + 0.45 + 0.1 * (np.sin(x / 2) * np.sin(y / 3))[..., None]


def telecine(count: int, order: str, first: int = 0) -> list[np.ndarray]:
    frames = []
    for i in range(first, first + count):
        film, place = i // 5 * 4, i % 5
        upper, lower = WOVEN[place] if order == "tff" else WOVEN[place][::-1]
        frame = picture(film + upper)
        frame[1::2] = picture(film + lower)[1::2]
        frames.append(frame)
    return frames


@pytest.mark.parametrize(("order", "mark", "first"), [("tff", "tff", 0), ("bff", "bff", 3), ("tff", "", 1)])
def test_the_films_own_frames_come_out_evenly(tmp_path, order, mark, first):
    """mark: rips often do not say that their frames are woven."""
    frames = telecine(60, order, first)
    path = write(tmp_path / "in.mkv", frames, VIDEO, pixel_format="yuv444p", options=FIELDS, fields=mark)
    clip, source = open_clip(VideoFile(path))
    assert clip.survey.telecine == order and not clip.survey.interlaced
    notes = " ".join(clip.survey.notes)
    assert "telecine" in notes and "23.976 frames a second are shown as 29.97" in notes
    plan = Timeline.multiplied(1).plan(source)
    assert plan.fps == FILM and abs(len(plan) - 48) <= 1
    own = [frame.first for frame in plan if frame.kind == "copy"]
    assert len(own) >= len(plan) - 2
    with clip.frames(None) as opened:
        shown = [to_integers(opened[number]) for number in own[1:-1]]
    start = round(Fraction(own[1] + first) * 4 / 5)
    errors = []
    for number, found in enumerate(shown):
        truth = [np.abs(found.astype(float) - integers(picture(start + number + off))).mean() for off in (-1, 0, 1)]
        errors.append(truth)
    best = np.argmin(np.mean(errors, 0))
    assert max(error[best] for error in errors) < 5  # no combs anywhere, and one frame of the film after the other


def interlaced(count: int) -> list[np.ndarray]:
    frames = [picture(i) for i in range(count)]
    for i, frame in enumerate(frames):
        frame[1::2] = picture(i + 0.5)[1::2]
    return frames


@pytest.mark.parametrize(
    ("frames", "fields"),
    [
        (interlaced(40), "tff"),
        ([picture(i) for i in range(40)], ""),
        ([picture(i * 4 // 5) for i in range(40)], ""),  # whole frames are repeated
        ([picture(0)] * 40, "tff"),
        ([pattern(i, 96, 128) for i in range(40)], "bff"),
    ],
)
def test_other_videos_are_no_telecine(tmp_path, frames, fields):
    path = write(tmp_path / "in.mkv", frames, VIDEO, pixel_format="yuv444p", options=FIELDS, fields=fields)
    assert not VideoFile(path).survey()[0].telecine


def test_frames_that_are_kept_as_they_are_stay_so(tmp_path):
    path = write(tmp_path / "in.mkv", telecine(40, "tff"), VIDEO, pixel_format="yuv444p", options=FIELDS, fields="tff")
    clip, _ = clip_of(path, deinterlace=False)
    assert not clip.survey.telecine and "are left as they are" in clip.survey.notes[0]


def test_a_frame_is_the_same_wherever_decoding_began(tmp_path):
    path = write(tmp_path / "in.mkv", telecine(60, "tff"), VIDEO, pixel_format="yuv444p", options=FIELDS, fields="tff")
    video = VideoFile(path)
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        straight = [to_integers(frame) for frame in frames]
    for index in (59, 37, 12, 50, 0):
        with video.frames(survey) as frames:
            assert np.array_equal(to_integers(frames[index]), straight[index]), index
