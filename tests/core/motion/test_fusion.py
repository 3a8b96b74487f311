import pytest
import torch
from torch import nn

from rdvfi_core.motion.adjacent import AdjacentMotion, Features
from rdvfi_core.motion.fusion import IterativeFusion
from rdvfi_core.precision import mixed

CPU = torch.device("cpu")


def features(height: int = 6, width: int = 7, batch: int = 1, seed: int = 0) -> Features:
    torch.manual_seed(seed)
    phi1 = AdjacentMotion(latent_channels=6, fine=8, width=16, hidden=12).requires_grad_(False)
    return phi1.encode(torch.randn(batch, 6, height, width))


def network() -> IterativeFusion:
    torch.manual_seed(1)
    return IterativeFusion(fine=8, hidden=12)


def base(height: int = 6, width: int = 7, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return 9 * torch.randn(batch, 2, 8 * height, 8 * width, generator=generator) + 30.123


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(6, 7), (8, 8), (5, 3)])
def test_untrained_it_is_exact_composition(height, width, dtype):
    given = base(height, width, 2)
    with mixed(CPU, dtype):
        found = network()(features(height, width, 2), features(height, width, 2, seed=3), given)
    assert torch.equal(found.flow, given)
    assert found.visible.shape == (2, 1, 8 * height, 8 * width)
    assert 0 <= found.visible.min() and found.visible.max() <= 1


@torch.no_grad()
def test_an_untrained_gate_takes_half_of_the_change():
    phi2 = network()
    phi2.fine_step.correct.bias.copy_(torch.tensor((1.5, -0.5)))  # px at 1/4
    given = base()
    change = phi2(features(), features(seed=3), given).flow - given
    expected = 0.5 * 4 * torch.tensor((1.5, -0.5)).view(1, 2, 1, 1).expand_as(change)
    torch.testing.assert_close(change, expected, atol=1e-4, rtol=0)


@torch.no_grad()
def test_recurrent_corrections_are_scaled_from_an_eighth_to_the_motion_grid():
    phi2 = network()
    phi2.update.correct[-1].bias.copy_(torch.tensor((0.25, 1.0)))  # px at 1/8, twice
    given = base()
    found = phi2(features(), features(seed=3), given)
    expected = 0.5 * 8 * 2 * torch.tensor((0.25, 1.0)).view(1, 2, 1, 1).expand_as(given)
    torch.testing.assert_close(found.flow - given, expected, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("bias", "share"), [(-30.0, 0.0), (30.0, 1.0)])
def test_the_gate_decides_how_much_of_the_change_is_taken(bias, share):
    phi2 = network()
    nn.init.constant_(phi2.fine_step.correct.bias, 2.0)
    nn.init.constant_(phi2.gate[-1].bias, bias)
    given = base()
    change = phi2(features(), features(seed=3), given).flow - given
    torch.testing.assert_close(change, torch.full_like(change, 8 * share), atol=1e-4, rtol=0)


def test_an_untrained_network_learns_from_its_first_step():
    """All changes are zero then, a point where a length has no slope."""
    phi2 = network()
    found = phi2(features(), features(seed=3), base())
    ((found.flow - base() - 1).square().mean() + found.visibility.square().mean()).backward()
    assert all(p.grad.isfinite().all() for p in phi2.parameters())
    assert phi2.fine_step.correct.weight.grad.any() and phi2.update.correct[-1].weight.grad.any()


def test_gradients_reach_all_parameters():
    phi2 = network()
    for layer in (phi2.update.correct[-1], phi2.fine_step.correct, phi2.gate[-1]):  # the heads that start at zero
        nn.init.normal_(layer.weight, std=0.1)
    found = phi2(features(), features(seed=3), base())
    ((found.flow - base()).square().mean() + found.visibility.square().mean()).backward()
    without = [name for name, p in phi2.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
