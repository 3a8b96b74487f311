"""Every trainer takes a few steps with small networks on small crops."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from rdvfi_core.autoencoder import Autoencoder
from rdvfi_core.fusion import IterativeFusion
from rdvfi_core.motion import AdjacentMotion, Motion
from rdvfi_core.synthesis import Synthesis
from rdvfi_core.training.autoencoder import train_autoencoder
from rdvfi_core.training.fusion import fusion_losses, train_fusion
from rdvfi_core.training.motion import motion_losses, train_motion
from rdvfi_core.training.pairs import RenderedPairs
from rdvfi_core.training.rendering import reconstruction_losses, train_rendering

CPU = torch.device("cpu")
SMALL = dict(steps=2, device=CPU, crop=(64, 64))


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(RenderedPairs, "SCENES", 1)  # in a block of the stream


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "autoencoder": Autoencoder(6, 8),
        "motion": AdjacentMotion(6, 8, 16, 12),
        "fusion": IterativeFusion(8, 12),
        "synthesis": Synthesis(8, 8),
    }


@pytest.fixture
def clips(tmp_path) -> Path:
    """A folder of 26 frames of noise that moves to the left."""
    folder = tmp_path / "clips" / "a"
    folder.mkdir(parents=True)
    wide = np.random.default_rng(0).integers(0, 256, (24, 45, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    for index in range(26):
        Image.fromarray(wide[:, 2 * index : 2 * index + 128]).save(folder / f"{index}.png")
    return tmp_path / "clips"


def copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(network: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def check_trained(network: nn.Module, before: dict[str, torch.Tensor]) -> None:
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    assert not same(network, before)
    assert not network.training


def last_row(folder: Path) -> dict:
    return json.loads((folder / "curves.json").read_text())[-1]


def test_autoencoder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    generator = np.random.default_rng(0)
    for i in range(2):
        noise = generator.integers(0, 256, (17, 17, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((272, 272), Image.Resampling.BICUBIC).save(pictures / f"{i}.png")
    run = tmp_path / "run"
    found = train_autoencoder(run, str(pictures), None, steps=2, device=CPU, channels=24, batch=2, crop=64)
    assert all(tensor.isfinite().all() for tensor in found.state_dict().values())
    assert found.deblock[-1].weight.any()  # it starts at zero
    assert last_row(run)["psnr"] > 25  # the linear path is fitted before the first step
    assert last_row(run)["step"] == 2


def test_autoencoder_without_a_picture_that_is_large_enough(tmp_path):
    Image.new("RGB", (200, 300)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="No photograph has both sides of at least 256 pixels"):
        train_autoencoder(tmp_path / "run", str(tmp_path), None, steps=1, device=CPU)


def test_motion(tmp_path, networks):
    before, frozen = copy(networks["motion"]), copy(networks["autoencoder"])
    found = train_motion(tmp_path, networks["autoencoder"], networks["motion"], None, **SMALL, batch=2, iterations=2)
    check_trained(found, before)
    assert same(networks["autoencoder"], frozen)
    assert {"loss", "epe", "visibility"} <= last_row(tmp_path).keys()


def test_fusion(tmp_path, networks):
    before, frozen = copy(networks["fusion"]), copy(networks["motion"])
    found = train_fusion(tmp_path, networks["autoencoder"], networks["motion"], networks["fusion"], None, **SMALL)
    check_trained(found, before)
    assert same(networks["motion"], frozen)
    row = last_row(tmp_path)
    assert row["epe"] > 0 and row["base"] > 0


@pytest.mark.parametrize("joint", [False, True])
def test_rendering(tmp_path, networks, clips, joint):
    before, motion = copy(networks["synthesis"]), copy(networks["motion"])
    autoencoder = copy(networks["autoencoder"])
    found_motion, found = train_rendering(
        tmp_path / "run", networks["autoencoder"], networks["motion"], networks["synthesis"], str(clips), None,
        **SMALL, joint=joint, batch=2,
    )  # fmt: skip
    check_trained(found, before)
    assert same(networks["autoencoder"], autoencoder)
    assert last_row(tmp_path / "run")["psnr"] > 5
    if joint:
        check_trained(found_motion, motion)
    else:
        assert same(found_motion, motion)


# Losses


def test_motion_losses_are_least_where_the_motion_is_exact():
    flow = torch.randn(2, 2, 32, 48).cumsum(-1)
    seen = (torch.rand(2, 1, 32, 48) < 0.7).float()
    steps = tuple(flow[..., f // 2 :: f, f // 2 :: f] / f for f in (8, 8, 4))
    exact = motion_losses(Motion(flow, 20 * (seen - 0.5), steps), flow, seen)
    assert exact["loss"] < 0.1 and exact["epe"] < 0.02
    for spoiled in (
        Motion(flow + 1, 20 * (seen - 0.5), steps),
        Motion(flow, 20 * (0.5 - seen), steps),
        Motion(flow, 20 * (seen - 0.5), (*steps[:2], steps[2] + 0.5)),
    ):
        assert motion_losses(spoiled, flow, seen)["loss"] > exact["loss"] + 0.5


def test_endpoint_error_is_that_of_visible_pixels():
    flow, seen = torch.zeros(1, 2, 16, 16), torch.zeros(1, 1, 16, 16)
    seen[..., :8] = 1
    found = flow + torch.tensor((3.0, 4.0)).view(1, 2, 1, 1) * (2 - seen)  # 5 px off where seen, 10 where not
    assert motion_losses(Motion(found, seen), flow, seen)["epe"].item() == pytest.approx(5, abs=1e-3)
    terms = fusion_losses(found, seen, flow + 1, flow, seen)
    assert terms["epe"].item() == pytest.approx(5, abs=1e-3)
    assert terms["base"].item() == pytest.approx(2**0.5, abs=1e-3)


def test_reconstruction_losses():
    target = torch.rand(2, 3, 24, 24)
    assert reconstruction_losses(target, target)["loss"] == 0
    found = reconstruction_losses(target + 0.1, target)
    assert found["psnr"].item() == pytest.approx(20, abs=1e-3)
    noise = 0.1 * torch.randn(2, 3, 24, 24).sign()  # as large, but it breaks the gradients
    assert reconstruction_losses(target + noise, target)["loss"] > found["loss"] + 0.05
