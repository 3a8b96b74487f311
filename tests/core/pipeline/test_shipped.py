"""The shipped weights on pictures with known motion, and on a real pair where there is one."""

from pathlib import Path

import pytest
import torch
from small_networks import moving, psnr, textured

from rdvfi_core import Interpolator
from rdvfi_core.clips import list_clips
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.weights import files as weights

VAL = Path(__file__).parents[3].parent / "shared" / "data" / "val"


@pytest.fixture(scope="module")
def shipped() -> Interpolator:
    if not weights.shipped().is_file():
        pytest.skip("this checkout has no shipped weights")
    return Interpolator.from_pretrained(device="cpu")


def test_equal_inputs_come_back(shipped):
    image = moving(1, (0, 0))[0]
    found = [psnr(frame, image) for frame in shipped(image, image, [0.25, 0.5])]
    assert min(found) >= 45, found


def test_a_moving_texture_is_followed(shipped):
    frames = moving(9, (2, 1))
    truth = torch.stack(frames[2:8:2])
    times = [0.25, 0.5, 0.75]
    found, faded = (psnr(f, truth) for f in (shipped(frames[0], frames[8], times), blend(frames[0], frames[8], times)))
    assert found > faded + 5, f"{found:.2f} dB, the linear blend has {faded:.2f} dB"


def test_keyframes_make_the_path_curved(shipped):
    """The texture accelerates from rest: straight motion is 12 px off at half time, eight frames put it right."""
    canvas = textured(192, 304, seed=3)
    at = [round(48 * (i / 16) ** 2) for i in range(17)]
    frames = [canvas[:, :, 48 - x : 304 - x] for x in at]
    inner, tau = range(2, 16, 2), 7 / 16  # tau lies between two knots
    chained = shipped.fit_frames(
        frames[0], frames[16], torch.stack([frames[i] for i in inner]), [i / 16 for i in inner]
    )
    straight = shipped.fit(frames[0], frames[16], keyframes="straight")
    found, without = (psnr(shipped.render(frames[0], frames[16], t, [tau])[0], frames[7]) for t in (chained, straight))
    assert found > without + 3, f"{found:.2f} dB along the keyframes, {without:.2f} dB straight"


def test_swapping_the_inputs_mirrors_the_frames(shipped, record_property):
    frames = moving(9, (2, 1))
    there = shipped(frames[0], frames[8], [0.25, 0.5])
    back = shipped(frames[8], frames[0], [0.75, 0.5])
    found = psnr(there, back)
    record_property("mirror_db", round(found, 2))
    assert found > 35, f"{found:.2f} dB"


def test_a_real_pair_is_interpolated_better_than_by_the_linear_blend(shipped):
    if not VAL.is_dir():
        pytest.skip(f"{VAL} is not here")
    windows = []
    for clip in list_clips(VAL):
        image0, truth, image1 = (torch.from_numpy(f).permute(2, 0, 1) / 255 for f in clip.read([8, 12, 16]))
        windows.append((psnr(blend(image0, image1, [0.5])[0], truth), clip.name, image0, truth, image1))
    windows.sort(key=lambda window: window[:2])
    faded, name, image0, truth, image1 = windows[len(windows) // 2]  # neither the stillest clip nor the wildest
    found = psnr(shipped(image0, image1, [0.5])[0], truth)
    assert found > faded, f"{name}: {found:.2f} dB, the linear blend has {faded:.2f} dB"
