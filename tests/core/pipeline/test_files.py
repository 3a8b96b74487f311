"""Weights files: as good as the networks they hold, refused when they are not complete."""

from pathlib import Path

import pytest
import torch
from small_networks import CONFIGS, random_networks

from rdvfi_core import Interpolator
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.keyframes.generator import KeyframeGenerator
from rdvfi_core.motion.adjacent import AdjacentMotion
from rdvfi_core.motion.between import Between
from rdvfi_core.motion.fusion import IterativeFusion
from rdvfi_core.rendering.synthesis import Synthesis
from rdvfi_core.weights import files as weights


@pytest.fixture
def saved(tmp_path) -> Path:
    networks = random_networks()
    extra = {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    weights.save(tmp_path / "s.safetensors", networks, {name: CONFIGS[name] for name in networks}, extra)
    return tmp_path / "s.safetensors"


def test_from_a_file_it_works_as_before(saved, interpolator, pair, fitted):
    loaded = Interpolator.from_pretrained(saved, device="cpu")
    assert torch.equal(loaded.render(*pair, fitted, [0.5]), interpolator.render(*pair, fitted, [0.5]))
    assert not any(p.requires_grad for network in loaded.networks.values() for p in network.parameters())


def test_a_truncated_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="s.safetensors is truncated"):
        Interpolator.from_pretrained(saved)


def test_files_that_lack_a_network_or_hold_an_unknown_one_are_refused(tmp_path):
    extra = {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    made = random_networks()
    synthesis = made.pop("synthesis")
    assert isinstance(synthesis, Synthesis) and {type(n) for n in made.values()} == {
        Autoencoder, AdjacentMotion, Between, IterativeFusion
    }  # fmt: skip
    weights.save(tmp_path / "few.safetensors", made, {name: CONFIGS[name] for name in made}, extra)
    with pytest.raises(ValueError, match="lack the network 'synthesis'"):
        Interpolator.from_pretrained(tmp_path / "few.safetensors")
    odd = {"upscaler": KeyframeGenerator(**CONFIGS["generator"])}
    weights.save(tmp_path / "odd.safetensors", odd, {"upscaler": CONFIGS["generator"]}, extra)
    with pytest.raises(ValueError, match="unknown network 'upscaler'"):
        Interpolator.from_pretrained(tmp_path / "odd.safetensors")
