"""Methods without training, on textures with known motion."""

import pytest
import torch
from panning_clips import psnr, texture

from rdvfi_core.evaluation.baselines import blend, dis, dis_flow, minterpolate


def test_blend_is_exact():
    image0, image1 = texture(64, 64), texture(64, 64, seed=1)
    frames = blend(image0, image1, [0.0, 0.25, 1.0])
    assert torch.equal(frames[0], image0) and torch.equal(frames[2], image1)
    assert torch.equal(frames[1], 0.75 * image0 + 0.25 * image1)


def test_dis_flow_points_to_where_the_pixels_go():
    wide = texture(96, 144)
    flow = dis_flow(wide[..., 8:136], wide[..., :128])[..., 16:-16, 16:-16]  # the picture moves 8 px to the right
    assert flow[0, 0].mean().item() == pytest.approx(8, abs=0.2)
    assert flow[0, 1].mean().item() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("method", (dis, minterpolate))
def test_flow_baselines_beat_blend_on_a_moving_texture(method):
    wide = texture(96, 168)
    image0, *truth, image1 = (wide[..., left : left + 160] for left in (0, 2, 4, 6, 8))
    times = [0.25, 0.5, 0.75]
    made, blended, truth = method(image0, image1, times), blend(image0, image1, times), torch.stack(truth)
    assert made.shape == truth.shape and 0 <= made.min() and made.max() <= 1
    inner = (..., slice(16, -16), slice(16, -16))  # what enters at the edges is unknown to any method
    for frame in range(3):
        assert psnr(made[frame][inner], truth[frame][inner]) > psnr(blended[frame][inner], truth[frame][inner]) + 3


def test_minterpolate_takes_odd_sizes_and_uneven_times():
    image0, image1 = texture(65, 97), texture(65, 97, seed=1)
    made = minterpolate(image0, image1, [0.0, 1 / 3, 1.0])
    assert psnr(made[0], image0) > 45 and psnr(made[2], image1) > 45
