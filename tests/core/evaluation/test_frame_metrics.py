"""Metrics of frames with known errors."""

import pytest
import torch
from panning_clips import texture

from rdvfi_core.evaluation.metrics import measure


def test_identical_frames_are_perfect():
    frames = torch.stack([texture(64, 80), texture(64, 80, seed=1)])
    scores = measure(frames, frames)
    assert scores["psnr"] == pytest.approx([80, 80], abs=0.01)
    assert scores["ssim"] == pytest.approx([1, 1], abs=1e-5)
    assert scores["haarpsi"] == pytest.approx([1, 1], abs=1e-5)
    assert scores["sharpness"] == [1, 1]


def test_psnr_of_a_known_error_and_of_single_frames():
    truth = torch.full((2, 3, 64, 64), 0.5)
    frames = truth + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert measure(frames, truth)["psnr"] == pytest.approx([20, 40], abs=0.01)


def test_worse_frames_score_lower_in_every_metric():
    truth = texture(64, 80)[None]
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    little, much = (measure((truth + sigma * noise).clamp(0, 1), truth) for sigma in (0.02, 0.1))
    assert all(1 > much[metric][0] / little[metric][0] for metric in little if metric != "sharpness")


def test_soft_frames_are_told_from_crisp_ones_wherever_things_are():
    truth = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    soft = (truth + truth.roll(1, -1)) / 2
    assert measure(soft, truth)["sharpness"][0] < 0.8
    assert measure(truth.roll(8, -1), truth)["sharpness"] == pytest.approx([1], abs=0.05)
    still = torch.full_like(truth, 0.5)
    assert measure(still, still)["sharpness"] == [1]


def test_frames_that_cannot_be_scored_are_refused():
    truth = torch.zeros(1, 3, 64, 64)
    with pytest.raises(ValueError, match="cannot be compared"):
        measure(truth[..., :63], truth)
    with pytest.raises(ValueError, match="NaN"):
        measure(truth / 0, truth)
