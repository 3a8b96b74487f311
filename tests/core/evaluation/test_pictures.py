"""What sheets show: where most moves at full size, inputs, methods, errors, motion; which windows and clips."""

import numpy as np
import pytest
import torch
from panning_clips import panning, texture, write_images
from PIL import Image

from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.evaluation.metrics import Metrics
from rdvfi_core.evaluation.pictures import CROP, ClipSheets, most_moving
from rdvfi_core.evaluation.protocols import PROTOCOLS, Protocol
from rdvfi_core.evaluation.runner import evaluate

GAP7 = PROTOCOLS["gap7"]
MIDDLE = Protocol("middle", gap=2, offsets=(1,), windows_at_most=1)


@pytest.mark.parametrize(
    ("size", "at", "patch"),
    [
        ((360, 640), (200, 500), (60, 80)),  # all of it fits
        ((300, 400), (0, 0), (40, 40)),  # at the picture's corner
        ((480, 1000), (470, 990), (10, 10)),  # at the other one
        ((600, 330), (300, 5), (20, 320)),  # a tall picture, hardly wider than the crop
    ],
)
def test_the_crop_holds_what_moves(size, at, patch):
    image0 = texture(*size)
    image1 = image0.clone()
    rows, columns = slice(at[0], at[0] + patch[0]), slice(at[1], at[1] + patch[1])
    image1[:, rows, columns] = 1 - image1[:, rows, columns]
    found = most_moving(image0, image1, CROP)
    for part, changed, wanted, side in zip(found, (rows, columns), CROP, size, strict=True):
        assert part.start >= 0 and part.stop <= side and part.stop - part.start == wanted
        assert part.start <= changed.start and changed.stop <= part.stop


def test_a_picture_smaller_than_the_crop_is_shown_whole():
    assert most_moving(*torch.rand(2, 3, 64, 400).unbind(), CROP)[0] == slice(0, 64)
    assert most_moving(*torch.rand(2, 3, 64, 96).unbind(), CROP) == (slice(0, 64), slice(0, 96))


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clips" / "a").mkdir(parents=True)
    frames = panning(3, 256, 352, speed=9)
    write_images(tmp_path / "clips" / "a" / "one", frames)
    return torch.from_numpy(frames[1]).permute(2, 0, 1) / 255


def test_a_sheet_per_clip_shows_inputs_methods_errors_and_motion(tmp_path, clip):
    flow = torch.zeros(1, 2, 64, 96)
    flow[:, 0] = 12.0  # to the right: pure red
    sheets = ClipSheets(tmp_path / "sheets", {"blend": lambda image0, image1, tau: flow})
    evaluate(tmp_path / "clips", MIDDLE, {"blend": blend, "truth": lambda *given: clip[None]}, sheets=sheets)
    with Image.open(tmp_path / "sheets" / "a_one.png") as sheet:
        pixels = np.asarray(sheet).astype(int)
    text, crop, small = 2 * 22 + 8, 240, round(320 * 256 / 352)  # heights: two lines of text over a picture
    assert pixels.shape == (4 * (text + small) + text + crop - (small - round(320 * 64 / 96)), 3 * (320 + 4) + 4, 3)
    truth, blended, known = (pixels[48 : 48 + crop, 4 + i * 324 : 324 + i * 324] for i in range(3))
    whole = (clip.permute(1, 2, 0) * 255).round().int().numpy()
    corners = [(top, left) for top in range(17) for left in range(33) if (whole[top, left] == truth[0, 0]).all()]
    # At full size, not scaled.
    assert any(np.array_equal(whole[top : top + crop, left : left + 320], truth) for top, left in corners)
    assert np.array_equal(truth, known) and np.abs(blended - truth).mean() > 5
    top = 2 * (text + small) + text + crop + 48
    errors = [pixels[top : top + small, 4 + i * 324 : 324 + i * 324] for i in range(2)]
    assert errors[0].mean() > 5 and errors[1].max() == 0
    assert tuple(pixels[top + text + small + 50, 200]) == (255, 0, 0)


def test_where_lpips_is_measured_it_says_which_window_and_which_clip_is_worst(tmp_path):
    """A distance that contradicts PSNR: the mean of the truth."""
    for name, speeds in (("dark", 3), ("light", 1)):
        frames = panning(18, speed=speeds)
        frames[9:] = frames[9:] // 2 + 127 if name == "light" else frames[9:] // 2
        write_images(tmp_path / name, frames)
    shown = {}

    class Kept(ClipSheets):
        def write(self, clip, picture):
            shown[clip] = picture.start

    by_mean = Metrics({"lpips": lambda frame, truth: truth.mean().item()}, left_out={})
    sheets = Kept(tmp_path)
    report = evaluate(tmp_path, GAP7, {"blend": blend}, by_mean, sheets)
    assert report.ranked() == ["light", "dark"] and shown == {"dark": 0, "light": 9}
    report = evaluate(tmp_path, GAP7, {"blend": blend}, None, sheets)
    assert report.ranked() == ["dark", "light"] and shown == {"dark": 0, "light": 0}
