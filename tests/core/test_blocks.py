import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rdvfi_core.blocks import ResidualBlock, convex_upsample, exact, local_correlation, zero_
from rdvfi_core.precision import mixed

CPU = torch.device("cpu")


def choose(neighbour: int, factor: int, height: int, width: int) -> torch.Tensor:
    """Logits (1, 9 factor^2, height, width) that give all weight to one of the 3x3 neighbours, counted row by row."""
    logits = torch.full((1, 9, factor * factor, height, width), -1e4)
    logits[:, neighbour] = 0
    return logits.flatten(1, 2)


def test_residual_block_starts_from_its_input():
    block = ResidualBlock(4)
    x = torch.randn(1, 4, 5, 6)
    assert not torch.equal(block(x), x)
    zero_(block.second)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("factor", [2, 4])
def test_the_middle_neighbour_is_nearest_upsampling(factor):
    values = torch.randn(1, 2, 3, 5)
    found = convex_upsample(values, choose(4, factor, 3, 5), factor)
    assert torch.equal(found, values.repeat_interleave(factor, -1).repeat_interleave(factor, -2))


def test_neighbours_are_counted_row_by_row_and_the_edge_is_repeated():
    values = torch.randn(1, 2, 3, 5)
    right, below = (convex_upsample(values, choose(k, 2, 3, 5), 2) for k in (5, 7))
    assert torch.equal(right[..., ::2, ::2], torch.cat((values[..., 1:], values[..., -1:]), -1))
    assert torch.equal(below[..., ::2, ::2], torch.cat((values[..., 1:, :], values[..., -1:, :]), -2))


def test_every_fine_pixel_has_weights_of_its_own():
    logits = choose(4, 2, 3, 5).view(1, 9, 4, 3, 5)
    logits[:, :, 1] = choose(5, 2, 3, 5).view(1, 9, 4, 3, 5)[:, :, 1]  # the upper right of the four
    values = torch.randn(1, 1, 3, 5)
    found = convex_upsample(values, logits.flatten(1, 2), 2)
    assert torch.equal(found[..., ::2, ::2], values)
    assert torch.equal(found[..., ::2, 1:-1:2], values[..., 1:])


def test_values_stay_within_those_around_them():
    values, logits = torch.randn(1, 2, 4, 4), 3 * torch.randn(1, 9 * 16, 4, 4)
    found = convex_upsample(values, logits, 4)
    high = F.max_pool2d(values, 3, 1, 1).repeat_interleave(4, -1).repeat_interleave(4, -2)
    low = -F.max_pool2d(-values, 3, 1, 1).repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert (found <= high + 1e-5).all() and (found >= low - 1e-5).all()


def test_coordinates_are_not_rounded_in_mixed_precision():
    with mixed(CPU, torch.bfloat16):
        found = convex_upsample(torch.full((1, 2, 4, 5), 30.123), torch.randn(1, 9 * 16, 4, 5).bfloat16(), 4)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full((1, 2, 16, 20), 30.123), atol=1e-4, rtol=0)


def test_exact_turns_mixed_precision_off_and_back_on():
    a = torch.eye(3)
    with mixed(CPU, torch.bfloat16):
        with exact(a):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16


def test_zeroed_layers_output_zeros():
    assert not zero_(nn.Conv2d(2, 3, 3))(torch.randn(1, 2, 5, 5)).any()


@pytest.mark.parametrize("radius", [1, 2])
def test_local_correlation_is_the_mean_product_with_every_shift(radius):
    first, second = torch.randn(2, 4, 6, 7), torch.randn(2, 4, 6, 7)
    found = local_correlation(first, second, radius)
    side = 2 * radius + 1
    assert found.shape == (2, side * side, 6, 7)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            there = torch.zeros_like(second)  # second at (y + dy, x + dx), zeros outside
            ys, xs = slice(max(0, -dy), 6 - max(0, dy)), slice(max(0, -dx), 7 - max(0, dx))
            there[..., ys, xs] = second[..., max(0, dy) : 6 - max(0, -dy), max(0, dx) : 7 - max(0, -dx)]
            plane = (dy + radius) * side + dx + radius
            torch.testing.assert_close(found[:, plane], (first * there).mean(1))


def test_gradients_of_local_correlation():
    first, second = (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(local_correlation, (first, second))
