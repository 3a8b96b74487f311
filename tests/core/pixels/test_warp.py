import pytest
import torch

from rdvfi_core.pixels.warp import backward_warp, compose, inside, pixel_grid, resize, resize_flow, sample_at


def constant(x: float, y: float, height: int = 12, width: int = 20) -> torch.Tensor:
    return torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)


def test_identity_warp_returns_the_input():
    values = torch.rand(2, 3, 33, 50)
    torch.testing.assert_close(backward_warp(values, torch.zeros(2, 2, 33, 50)), values, atol=1e-5, rtol=0)


def test_positions_are_x_then_y_in_pixels():
    values = torch.arange(12.0).view(1, 1, 3, 4)
    assert sample_at(values, torch.tensor([3.0, 1.0]).view(1, 2, 1, 1)).item() == pytest.approx(7)
    assert sample_at(values, torch.tensor([0.5, 1.5]).view(1, 2, 1, 1)).item() == pytest.approx(6.5)


def test_backward_warp_fetches_from_where_the_flow_points():
    values = torch.rand(1, 3, 12, 20)
    warped = backward_warp(values, constant(3, -2))
    torch.testing.assert_close(warped[..., 2:, :-3], values[..., :-2, 3:], atol=1e-5, rtol=0)


def test_border_repeats_the_edge_and_zeros_is_empty_outside():
    values = torch.rand(1, 3, 12, 20) + 1
    torch.testing.assert_close(
        backward_warp(values, constant(100, 0)), values[..., -1:].expand_as(values), atol=1e-5, rtol=0
    )
    positions = pixel_grid(12, 20) + constant(100, 0)
    assert sample_at(values, positions, "zeros").abs().max() == 0


def test_half_precision_values_keep_their_type_and_their_pixels():
    values = torch.arange(4096).remainder(7).half().view(1, 1, 1, -1).expand(1, 1, 2, -1)
    warped = backward_warp(values, torch.zeros(1, 2, 2, 4096))
    assert warped.dtype == torch.float16
    torch.testing.assert_close(warped, values, atol=5e-3, rtol=0)


def test_composition_of_constant_flows_is_their_sum():
    torch.testing.assert_close(compose(constant(1.5, -2), constant(-4, 0.25)), constant(-2.5, -1.75))


def test_composition_reads_the_second_flow_where_the_first_one_ends():
    second = pixel_grid(12, 20) * 0.1
    composed = compose(constant(2, 1), second)
    expected = constant(2, 1) + 0.1 * (pixel_grid(12, 20) + constant(2, 1))
    torch.testing.assert_close(composed[..., :-1, :-2], expected[..., :-1, :-2])


def test_inside_includes_the_outermost_pixel_centres():
    assert inside(constant(0, 0)).all()
    right = inside(constant(1, 0))
    assert right[..., -1].sum() == 0 and right[..., :-1].all()
    above = inside(constant(0, -0.5))
    assert above[..., 0, :].sum() == 0 and above[..., 1:, :].all()


def test_resize_flow_scales_each_axis_with_its_side():
    flow = resize_flow(constant(4, -3, 16, 32), 32, 96)
    torch.testing.assert_close(flow, constant(12, -6, 32, 96))
    torch.testing.assert_close(resize_flow(flow, 16, 32), constant(4, -3, 16, 32))


def test_resize_to_the_same_size_changes_nothing():
    values = torch.rand(1, 3, 9, 7)
    assert resize(values, 9, 7) is values
