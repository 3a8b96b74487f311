"""The loss on frames, with LPIPS on small random networks."""

import pytest
import torch
from random_anchors import random_anchors

from rdvfi_core.anchors.lpips import BACKBONES, Lpips
from rdvfi_core.training.losses import FrameLoss

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def anchors(tmp_path_factory):
    return random_anchors(tmp_path_factory.mktemp("anchors"))


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 2, 3, 64, 64, generator=generator).unbind(0)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_with_lpips_the_loss_is_the_papers_and_half_of_l1(anchors, pair, backbone):
    loss = FrameLoss(CPU, anchors, backbone)
    assert loss.name == f"0.2 LPIPS ({backbone}) + 1.0 L2 + 0.5 L1"
    frame, target = pair[0].clone().requires_grad_(), pair[1]
    terms = loss(frame, target)
    assert terms["lpips"] > 1e-3
    torch.testing.assert_close(terms["lpips"], Lpips.load(anchors, backbone)(frame, target).mean())
    error = frame - target
    expected = error.square().mean() + 0.2 * terms["lpips"] + 0.5 * error.abs().mean()
    torch.testing.assert_close(terms["loss"], expected)
    terms["loss"].backward()
    assert frame.grad.abs().min() >= 0 and frame.grad.abs().max() > 0
    assert loss(target, target)["loss"] < 1e-6


def test_without_lpips_a_stand_in_says_that_it_is_one(pair):
    loss = FrameLoss(CPU)
    assert loss.name.startswith("stand-in for 0.2 LPIPS + 1.0 L2")
    assert "lpips" not in loss(*pair) and loss(*pair)["loss"] > (pair[0] - pair[1]).square().mean()


def test_without_the_perceptual_term_the_loss_is_l2(anchors, pair):
    loss = FrameLoss(CPU, anchors, perceptual=False)
    assert loss.name == "1.0 L2"
    assert torch.equal(loss(*pair)["loss"], (pair[0] - pair[1]).square().mean())


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match="LPIPS needs vgg16.pth, but there is no"):
        FrameLoss(CPU, tmp_path, "vgg")
