"""Numbered frames as a clip, with a renderer that cross-fades."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from video_files import CrossFade, decoded, pattern, times_of

from rdvfi_core.timeline import Timeline
from rdvfi_core.video.convert import Choices, convert, make_job, open_clip
from rdvfi_core.video.sequence import FrameFiles

FPS = Fraction(12)
FFV1 = Choices(codec="ffv1")


def picture(i: int) -> np.ndarray:  # (64, 96, 3) uint8
    return (pattern(i) * 255).round().astype(np.uint8)


def save(folder: Path, numbers, name="f_{:03d}.png", frame=picture, **more) -> tuple[Path, ...]:
    paths = tuple(folder / name.format(number) for number in numbers)
    for i, path in enumerate(paths):
        Image.fromarray(frame(i)).save(path, **more)
    return paths


def run(paths, output: Path, timeline=None) -> list[str]:
    clip, source = open_clip(FrameFiles(paths, FPS))
    job = make_job(clip, source, timeline or Timeline.multiplied(2, hold_end=True), output, FFV1)
    return job.notes + convert(CrossFade(), job)


@pytest.mark.parametrize("name", ["f_{:03d}.png", "{}.bmp", "scan{:04d}.tiff", "w{}.webp"])
def test_frames_go_through_untouched(tmp_path, name):
    more = {"lossless": True} if name.endswith("webp") else {}
    paths = save(tmp_path, range(8, 13), name, **more)
    assert run(paths, tmp_path / "out.mkv") == []
    found = decoded(tmp_path / "out.mkv")
    assert len(found) == 10 and abs(times_of(tmp_path / "out.mkv")[1] - Fraction(1, 24)) < Fraction(1, 999)
    for i in range(5):
        assert np.array_equal(found[2 * i], picture(i)), i


def test_jpegs_keep_their_colours(tmp_path):
    colour = np.array([200, 60, 30], np.uint8)
    paths = save(tmp_path, range(3), "j{}.jpg", lambda i: np.full((64, 96, 3), colour), quality=95)
    run(paths, tmp_path / "out.mkv")
    assert np.abs(decoded(tmp_path / "out.mkv")[0].astype(int) - colour).max() <= 3


def test_what_is_missing_leaves_a_longer_way(tmp_path):
    paths = save(tmp_path, [10, 20, 30, 50])  # every tenth frame of a renderer, without the fourth
    (note,) = run(paths, tmp_path / "out.mkv")
    assert "1 of the frames 10 to 50" in note and "are missing" in note
    found = decoded(tmp_path / "out.mkv")
    assert len(found) == 10  # five twelfths of a second
    middle = (picture(2).astype(float) + picture(3)) / 2
    assert np.abs(found[6] - middle).max() <= 1


@pytest.mark.parametrize("orientation, turned", [(6, True), (3, False), (8, True), (5, True), (2, False)])
def test_photographs_are_upright_as_in_a_viewer(tmp_path, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    paths = save(tmp_path, range(2), "p{}.png", exif=exif)
    from PIL import ImageOps

    with Image.open(paths[0]) as file:
        truth = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    run(paths, tmp_path / "out.mkv")
    found = decoded(tmp_path / "out.mkv")
    assert found.shape[1:3] == ((96, 64) if turned else (64, 96)) and np.array_equal(found[0], truth)


def test_alpha_and_depth_are_kept(tmp_path):
    def glass(i: int) -> np.ndarray:
        return np.dstack([picture(i), np.full((64, 96), 100 + i, np.uint8)])

    run(save(tmp_path, range(3), frame=glass), tmp_path / "glass.mkv")
    assert [frame[..., 3].mean() for frame in decoded(tmp_path / "glass.mkv")[::2]] == [100, 101, 102]
    ramp = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    paths = save(tmp_path, range(3), "deep{}.png", lambda i: ramp)
    clip, _ = open_clip(FrameFiles(paths, FPS))
    with clip.frames(None) as frames:
        assert torch.equal((frames[0][0] * 65535).round().int(), torch.from_numpy(ramp.astype(np.int32)))


def test_opaque_alpha_is_none_and_what_is_hidden_is_white(tmp_path):
    opaque = save(tmp_path, range(2), "o{}.png", lambda i: np.dstack([picture(i), np.full((64, 96), 255, np.uint8)]))
    assert not open_clip(FrameFiles(opaque, FPS))[0].survey.alpha
    hidden = save(tmp_path, range(2), "h{}.png", lambda i: np.zeros((64, 96, 4), np.uint8))
    clip, _ = open_clip(FrameFiles(hidden, FPS))
    assert clip.survey.alpha
    with clip.without_alpha().frames(None) as frames:
        assert torch.equal(frames[0], torch.ones(3, 64, 96))


@pytest.mark.parametrize("fault", ["size", "broken", "twice"])
def test_frames_that_do_not_belong_together_are_one_sentence(tmp_path, fault):
    paths = save(tmp_path, range(3))
    if fault == "size":
        Image.fromarray(picture(0)[:, :80]).save(paths[2])
        words = "f_002.png is 80x64, the frames before it are 96x64"
    elif fault == "broken":
        paths[1].write_bytes(paths[1].read_bytes()[:20])
        words = "f_001.png cannot be read as an image"
    else:
        paths = (*paths, *save(tmp_path, [2], "f_{}.png"))
        words = "have the same number"
    with pytest.raises(ValueError, match=words):
        open_clip(FrameFiles(paths, FPS))
