from itertools import pairwise

import pytest
import torch
from torch import nn

from rdvfi_core.motion.adjacent import LOOKUP_RADIUS, LOOKUP_VALUES, AdjacentMotion, CorrelationPyramid
from rdvfi_core.precision import mixed

CPU = torch.device("cpu")
SIDE = 2 * LOOKUP_RADIUS + 1


def network(seed: int = 0) -> AdjacentMotion:
    torch.manual_seed(seed)
    return AdjacentMotion(latent_channels=6, fine=8, width=16, hidden=12)


def latents(height: int, width: int, batch: int = 1, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, 6, height, width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (5, 12), (3, 2)])
def test_shapes_for_any_latent_size(height, width):
    phi1 = network()
    a, b = (phi1.encode(latents(height, width, 2, seed)) for seed in (1, 2))
    found = phi1(a, b, 3)
    assert found.flow.shape == (2, 2, 8 * height, 8 * width)
    assert found.visibility.shape == found.visible.shape == (2, 1, 8 * height, 8 * width)
    assert 0 <= found.visible.min() and found.visible.max() <= 1
    assert [step.shape[-2:] for step in found.steps] == 3 * [(height, width)] + [(2 * height, 2 * width)]
    assert found.flow.isfinite().all() and found.flow.std() > 0


@torch.no_grad()
def test_pairs_of_a_batch_do_not_touch_each_other():
    phi1 = network()
    a, b = (phi1.encode(latents(4, 5, 2, seed)) for seed in (1, 2))
    both = phi1(a, b, 2)
    alone = phi1(a[[1]], b[[1]], 2)
    torch.testing.assert_close(both.flow[[1]], alone.flow, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both.visibility[[1]], alone.visibility, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_flow_is_not_rounded_in_mixed_precision():
    """Five corrections that bfloat16 can hold add up to a flow that it cannot: 8 x 5 x (1 + 1/128) = 40.3125."""
    phi1 = network()
    nn.init.zeros_(phi1.update.correct[-1].weight)
    nn.init.constant_(phi1.update.correct[-1].bias, 1 + 1 / 128)
    with mixed(CPU, torch.bfloat16):
        features = phi1.encode(latents(4, 5))
        found = phi1(features, features, 5)
    assert features.match.dtype == torch.bfloat16
    assert {found.flow.dtype, *(step.dtype for step in found.steps)} == {torch.float32}
    torch.testing.assert_close(found.flow, torch.full_like(found.flow, 40.3125), atol=1e-4, rtol=0)


def test_gradients_reach_all_parameters():
    phi1 = network()
    features = phi1.encode(latents(6, 7, 2))
    found = phi1(features, features[[1, 0]], 3)
    loss = found.flow.square().mean() + found.visibility.square().mean() + sum(s.square().mean() for s in found.steps)
    loss.backward()
    without = [name for name, p in phi1.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_lookup_finds_the_match_where_it_lies():
    """b is a moved 2 cells right and 1 down, so the best match lies at that offset; once the flow points there, in the
    middle of the window."""
    first = torch.eye(48).view(1, 48, 6, 8)  # every cell has a feature of its own
    pyramid = CorrelationPyramid(first, first.roll((1, 2), (-2, -1)))
    still = torch.zeros(1, 2, 6, 8)
    found = pyramid.lookup(still)
    assert found.shape == (1, LOOKUP_VALUES, 6, 8)
    y, x = 2, 3
    right = (LOOKUP_RADIUS + 1) * SIDE + LOOKUP_RADIUS + 2
    middle = LOOKUP_RADIUS * SIDE + LOOKUP_RADIUS
    assert found[0, : SIDE * SIDE, y, x].argmax() == right
    torch.testing.assert_close(found[0, right, y, x], torch.tensor(48**-0.5))
    moved = pyramid.lookup(still + torch.tensor((2.0, 1.0)).view(1, 2, 1, 1))
    assert moved[0, : SIDE * SIDE, y, x].argmax() == middle


def test_coarse_levels_see_far():
    """A match 20 cells away is out of reach at the finest level and within the window of the coarsest."""
    features = torch.eye(32).view(1, 32, 1, 32)
    found = CorrelationPyramid(features, features.roll(20, -1)).lookup(torch.zeros(1, 2, 1, 32))
    fine, coarse = found[0, : SIDE * SIDE, 0, 2], found[0, -SIDE * SIDE :, 0, 2]
    assert not fine.any()
    assert coarse.any()
    assert coarse.view(SIDE, SIDE).sum(0).argmax() > LOOKUP_RADIUS  # to the right


def test_coarse_levels_are_means_of_fine_ones():
    """Of up to 2x2 similarities; a last odd row or column has fewer."""
    first, second = torch.randn(2, 2, 4, 5, 7, generator=torch.Generator().manual_seed(0))
    levels = CorrelationPyramid(first, second).levels
    for fine, coarse in pairwise(levels):
        pooled = torch.nn.functional.avg_pool2d(fine, 2, ceil_mode=True, count_include_pad=False)
        torch.testing.assert_close(coarse, pooled)


def test_a_lookup_that_does_not_learn_leaves_the_features_alone():
    first = torch.randn(1, 4, 5, 5, requires_grad=True)
    pyramid = CorrelationPyramid(first, first)
    flow = torch.zeros(1, 2, 5, 5)
    assert pyramid.lookup(flow).requires_grad
    assert not pyramid.lookup(flow, learn=False).requires_grad
    assert torch.equal(pyramid.lookup(flow), pyramid.lookup(flow, learn=False))


@torch.no_grad()
def test_features_are_indexed_along_the_batch():
    features = network().encode(latents(4, 5, 3))
    picked = features[[2, 0]]
    for name in ("fine", "match", "hidden", "context"):
        assert torch.equal(getattr(picked, name), getattr(features, name)[[2, 0]])
