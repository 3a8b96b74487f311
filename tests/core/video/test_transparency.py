"""Transparency is read, kept where the output has a place for it, and what it hides is never uncovered."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from video_files import decoded, pattern, run, write

from rdvfi_core.timeline import Timeline
from rdvfi_core.video.reader import VideoFile

TWICE = Timeline.multiplied(2)
HIDDEN = (255, 0, 255)
CORNER, INSIDE = (slice(0, 8), slice(0, 8)), (slice(28, 36), slice(36, 44))


def disc(number: int) -> np.ndarray:  # (64, 96) bool
    y, x = np.mgrid[0:64, 0:96]
    return (y - 32) ** 2 + (x - 40 - 2 * number) ** 2 < 24**2


def sticker(path, transparent: bool = True):
    """GIF or animated PNG: a disc before nothing, or before one of its colours."""
    frames = []
    for i in range(4):
        few = Image.fromarray((pattern(i) * 255).astype(np.uint8)).quantize(200)
        numbers = np.asarray(few).copy()
        numbers[~disc(i)] = 200
        frames.append(Image.fromarray(numbers, "P"))
        frames[-1].putpalette([*few.getpalette()[:600], *HIDDEN])
    more = {"transparency": 200} if transparent else {}
    if path.suffix == ".png":  # Pillow writes no palettes into animated ones
        pixels = [np.dstack([frame.convert("RGB"), disc(i) * np.uint8(255)]) for i, frame in enumerate(frames)]
        frames, more = [Image.fromarray(frame, "RGBA") for frame in pixels], {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80, loop=0, disposal=2, **more)
    return path


def straight(path):
    """Full colours, magenta where they are hidden."""
    frames = []
    for i in range(4):
        inside = disc(i)[..., None]
        frames.append(np.concatenate((np.where(inside, pattern(i), np.array(HIDDEN) / 255), inside), -1))
    return write(path, frames, codec="ffv1", pixel_format="bgra", options={})


@pytest.fixture(params=["gif", "png", "mkv"])
def source(request, tmp_path):
    return straight(tmp_path / "in.mkv") if request.param == "mkv" else sticker(tmp_path / f"in.{request.param}")


@pytest.mark.parametrize("suffix", ["gif", "webm", "mov", "mkv", ""])
def test_it_goes_through(source, suffix, tmp_path):
    notes = run(source, tmp_path / (f"out.{suffix}" if suffix else "out"), TWICE)
    assert notes == [] or suffix == "gif"
    if not suffix:
        frames = np.stack([np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").glob("*.png"))])
    else:
        frames = decoded(tmp_path / f"out.{suffix}")
    assert frames.shape[1:] == (64, 96, 4)
    assert frames[2][CORNER][..., 3].max() <= 3 and frames[2][INSIDE][..., 3].min() >= 252
    truth = np.asarray(VideoFile(source).frames(VideoFile(source).survey()[0])[1]).transpose(1, 2, 0)
    assert np.abs(frames[2][INSIDE][..., :3] / 255 - truth[INSIDE][..., :3]).mean() < 0.06


def test_where_there_is_no_place_for_it_white_is_behind_it(source, tmp_path):
    notes = run(source, tmp_path / "out.mp4", TWICE, quality="best")
    assert any("no alpha channel: what is transparent becomes white" in note for note in notes)
    for frame in decoded(tmp_path / "out.mp4"):
        assert frame[CORNER].min() > 250


def test_an_opaque_gif_has_no_alpha(tmp_path):
    survey, _ = VideoFile(sticker(tmp_path / "in.gif", transparent=False)).survey()
    assert not survey.alpha
    assert run(tmp_path / "in.gif", tmp_path / "out.mp4", TWICE) == []


def test_the_look_before_does_not_see_what_is_hidden(tmp_path):
    looks = []
    for hidden in (0.0, 1.0):
        frames = [np.concatenate((np.where(disc(0)[..., None], pattern(0), hidden), disc(0)[..., None]), -1)] * 2
        path = write(tmp_path / f"{hidden}.mkv", frames, codec="ffv1", pixel_format="bgra", options={})
        looks += VideoFile(path).survey(lambda small, ticks: list(small))[1]
    assert all((look - looks[0]).abs().max() == 0 for look in looks)
