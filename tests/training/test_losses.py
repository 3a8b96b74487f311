"""The loss on frames, with LPIPS' network stood in for by random weights in its published layout."""

import pytest
import torch

from rdvfi_core.perceptual import BACKBONE, HEADS
from rdvfi_core.training.losses import FrameLoss

CPU = torch.device("cpu")
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # of VGG16's convolutions


@pytest.fixture(scope="module")
def lpips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lpips")
    generator = torch.Generator().manual_seed(0)
    state, before = {"classifier.0.bias": torch.zeros(3)}, 3
    for place, width in zip(PLACES, WIDTHS, strict=True):
        weight = torch.randn(width, before, 3, 3, generator=generator) / (4.5 * before) ** 0.5
        state |= {f"features.{place}.weight": weight.half(), f"features.{place}.bias": torch.zeros(width)}
        before = width
    torch.save(state, folder / BACKBONE)
    torch.save([torch.full((1, w, 1, 1), 1.0 / w) for w in (64, 128, 256, 512, 512)], folder / HEADS)
    return folder


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 1, 3, 32, 32, generator=generator).unbind(0)


def test_with_lpips_the_loss_is_the_papers(lpips, pair):
    loss = FrameLoss(CPU, lpips)
    assert loss.name == "0.2 LPIPS + 1.0 L2"
    frame, target = pair[0].clone().requires_grad_(), pair[1]
    terms = loss(frame, target)
    assert terms["lpips"] > 0.01
    expected = (frame - target).square().mean() + 0.2 * terms["lpips"]
    torch.testing.assert_close(terms["loss"], expected)
    terms["loss"].backward()
    assert frame.grad.abs().min() >= 0 and frame.grad.abs().max() > 0
    assert loss(target, target)["loss"] < 1e-6


def test_without_lpips_a_stand_in_says_that_it_is_one(pair):
    loss = FrameLoss(CPU)
    assert loss.name.startswith("stand-in for 0.2 LPIPS + 1.0 L2")
    assert "lpips" not in loss(*pair) and loss(*pair)["loss"] > (pair[0] - pair[1]).square().mean()


def test_without_the_perceptual_term_the_loss_is_l2(lpips, pair):
    loss = FrameLoss(CPU, lpips, perceptual=False)
    assert loss.name == "1.0 L2"
    assert torch.equal(loss(*pair)["loss"], (pair[0] - pair[1]).square().mean())


def test_files_that_are_missing_or_something_else_are_refused(lpips, tmp_path):
    with pytest.raises(ValueError, match=f"needs {BACKBONE} and {HEADS} in one folder, but there is no"):
        FrameLoss(CPU, tmp_path)
    (tmp_path / HEADS).write_bytes((lpips / HEADS).read_bytes())
    (tmp_path / BACKBONE).write_bytes(b"torn")
    with pytest.raises(ValueError, match="damaged or no PyTorch file"):
        FrameLoss(CPU, tmp_path)
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / BACKBONE)
    with pytest.raises(ValueError, match="holds no VGG16"):
        FrameLoss(CPU, tmp_path)
