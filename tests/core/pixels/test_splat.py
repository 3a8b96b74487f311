import pytest
import torch

from rdvfi_core.pixels import splat as module
from rdvfi_core.pixels.splat import _add_planes, _add_rows, _corners, fill_holes, remove_strays, splat


def test_zero_flow_returns_the_values():
    values, weight = torch.rand(2, 3, 7, 9), torch.rand(2, 1, 7, 9)
    sums, weights = splat(values, torch.zeros(2, 2, 7, 9), weight)
    torch.testing.assert_close(sums, values * weight, atol=0, rtol=0)
    torch.testing.assert_close(weights, weight, atol=0, rtol=0)


def test_integer_translation_is_exact_and_leaves_the_rest_empty():
    values, weight = torch.rand(1, 3, 8, 10), torch.ones(1, 1, 8, 10)
    flow = torch.tensor([3.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 8, 10)
    sums, weights = splat(values, flow, weight)
    assert torch.equal(sums[..., :6, 3:], values[..., 2:, :7])
    assert weights[..., :6, 3:].eq(1).all()
    assert weights[..., 6:, :].eq(0).all() and weights[..., :3].eq(0).all()


def test_a_pixel_is_shared_bilinearly():
    values, weight = torch.full((1, 1, 4, 5), 2.0), torch.zeros(1, 1, 4, 5)
    weight[..., 1, 1] = 1
    flow = torch.tensor([1.25, 0.5]).view(1, 2, 1, 1).expand(1, 2, 4, 5)
    sums, weights = splat(values, flow, weight)
    expected = torch.zeros(4, 5)
    expected[1:3, 2:4] = torch.tensor([[0.375, 0.125], [0.375, 0.125]])
    torch.testing.assert_close(weights[0, 0], expected)
    torch.testing.assert_close(sums[0, 0], 2 * expected)


def test_the_part_that_falls_outside_is_dropped():
    values, weight = torch.ones(1, 1, 4, 5), torch.ones(1, 1, 4, 5)
    for shift, first, last in ((-0.25, 1.0, 0.75), (0.25, 0.75, 1.0), (-1.5, 1.0, 0.0), (1.5, 0.0, 1.0)):
        for axis in (0, 1):
            flow = torch.zeros(1, 2, 4, 5)
            flow[:, axis] = shift
            weights = splat(values, flow, weight)[1].movedim(3 - axis, 0)
            assert weights[0].eq(first).all() and weights[-1].eq(last).all()


def test_mass_is_conserved_inside_the_frame():
    weight = torch.zeros(2, 1, 20, 24)
    weight[..., 6:14, 6:18] = torch.rand(2, 1, 8, 12)
    values, flow = torch.rand(2, 4, 20, 24), torch.rand(2, 2, 20, 24) * 10 - 5
    sums, weights = splat(values, flow, weight)
    torch.testing.assert_close(weights.sum((2, 3)), weight.sum((2, 3)))
    torch.testing.assert_close(sums.sum((2, 3)), (values * weight).sum((2, 3)))


def test_items_of_a_batch_do_not_mix():
    values, weight, flow = torch.rand(3, 2, 6, 5), torch.rand(3, 1, 6, 5), torch.randn(3, 2, 6, 5) * 3
    sums, weights = splat(values, flow, weight)
    for i in range(3):
        alone = splat(values[i : i + 1], flow[i : i + 1], weight[i : i + 1])
        assert torch.equal(sums[i], alone[0][0]) and torch.equal(weights[i], alone[1][0])


def test_the_cuda_form_gives_the_same_sums():
    planes = torch.rand(2, 4, 56, dtype=torch.float64)
    corners = [(i, share.double()) for i, share in _corners(torch.randn(2, 2, 7, 8) * 4, 7, 8)]
    torch.testing.assert_close(_add_rows(planes, corners), _add_planes(planes, corners))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e30])
def test_a_flow_that_is_not_usable_loses_its_own_pixel_only(bad):
    flow, ones = torch.zeros(1, 2, 5, 6), torch.ones(1, 1, 5, 6)
    flow[0, 0, 2, 3] = bad
    sums, weights = splat(torch.ones(1, 2, 5, 6), flow, ones)
    expected = ones.clone()
    expected[0, 0, 2, 3] = 0
    assert torch.equal(weights, expected) and torch.equal(sums, expected.expand_as(sums))


def test_half_precision_is_summed_in_float32():
    sums, weights = splat(torch.ones(1, 1, 4, 4).half(), torch.zeros(1, 2, 4, 4), torch.ones(1, 1, 4, 4))
    assert sums.dtype == weights.dtype == torch.float32


def test_gradients_of_values_flow_and_weight():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1, 2, 3, 4, dtype=torch.float64, generator=generator)
    weight = torch.rand(1, 1, 3, 4, dtype=torch.float64, generator=generator)
    whole = torch.randint(-2, 3, (1, 2, 3, 4), generator=generator)
    flow = whole + 0.2 + 0.6 * torch.rand(1, 2, 3, 4, dtype=torch.float64, generator=generator)  # away from the kinks
    assert torch.autograd.gradcheck(splat, [t.requires_grad_() for t in (values, flow, weight)])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (8, 16), (13, 27)])
def test_fill_leaves_covered_pixels_untouched(size):
    values, weight = torch.rand(2, 3, *size), torch.rand(2, 1, *size)
    filled = fill_holes(values, weight, threshold=0.5)
    covered = (weight >= 0.5).expand_as(values)
    assert torch.equal(filled[covered], values[covered])
    assert filled.isfinite().all()


def test_fill_spreads_a_constant_and_ignores_what_holes_contain():
    weight = torch.zeros(1, 1, 13, 27)
    weight[..., 9, 4] = 1
    values = torch.where(weight > 0, 0.7, torch.nan).expand(1, 2, 13, 27)
    torch.testing.assert_close(fill_holes(values, weight), torch.full((1, 2, 13, 27), 0.7))


def test_fill_stays_within_the_range_around_the_hole_and_changes_smoothly():
    values = torch.linspace(0, 1, 32).expand(1, 1, 24, 32)
    weight = torch.ones(1, 1, 24, 32)
    weight[..., 4:20, 8:24] = 0
    filled = fill_holes(values, weight)
    assert filled.min() >= 0 and filled.max() <= 1
    assert filled.diff(dim=-1).abs().max() < 0.25
    assert (filled - values).abs().max() < 0.25


def test_fill_of_an_empty_frame_is_zero():
    assert fill_holes(torch.rand(1, 2, 6, 7), torch.zeros(1, 1, 6, 7)).abs().max() == 0


# Strays


@pytest.mark.parametrize("at_once", [2**14, 7])
def test_single_strays_on_sparse_ground_give_way_to_the_ground(monkeypatch, at_once):
    monkeypatch.setattr(module, "MEDIANS_AT_ONCE", at_once)
    values, weight = torch.zeros(1, 2, 24, 24), torch.full((1, 1, 24, 24), 0.01)
    values[:, 0] = 3.0
    for y, x in ((5, 5), (9, 14), (18, 7)):
        values[..., y, x], weight[..., y, x] = 50.0, 1.0
    settled = remove_strays(values, weight)
    assert settled[:, 0].eq(3).all() and settled[:, 1].eq(0).all()


def test_where_enough_arrived_nothing_changes():
    values = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(remove_strays(values, torch.ones(2, 1, 20, 28)), values)
    half = torch.ones(2, 1, 20, 28)
    half[..., 14:] = 0.01
    assert torch.equal(remove_strays(values, half)[..., :13], values[..., :13])
    assert torch.equal(remove_strays(values, torch.full((2, 1, 20, 28), 0.3)), values)  # also at the frame's edge
