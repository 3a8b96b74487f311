import pytest
import torch

from rdvfi_core.pixels.flow_viz import flow_to_rgb


def pixel(x: float, y: float) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1)


def test_no_motion_is_white():
    assert flow_to_rgb(torch.zeros(2, 2, 4, 5)).eq(1).all()


@pytest.mark.parametrize(
    ("direction", "rgb"),
    [((3, 0), (1, 0, 0)), ((0, 3), (0.5, 1, 0)), ((-3, 0), (0, 1, 1)), ((0, -3), (0.5, 0, 1))],
)
def test_direction_is_hue(direction, rgb):
    torch.testing.assert_close(flow_to_rgb(pixel(*direction)).flatten(), torch.tensor(rgb).float(), atol=1e-5, rtol=0)


def test_magnitude_is_saturation_up_to_the_maximum():
    half, full, over = (flow_to_rgb(pixel(x, 0), max_magnitude=8).flatten() for x in (4.0, 8.0, 20.0))
    torch.testing.assert_close(half, torch.tensor([1, 0.5, 0.5]))
    assert torch.equal(full, torch.tensor([1.0, 0, 0])) and torch.equal(over, full)


def test_by_default_each_flow_is_scaled_to_its_own_maximum():
    flow = torch.randn(1, 2, 6, 7)
    rgb = flow_to_rgb(torch.cat((flow, 10 * flow)))
    torch.testing.assert_close(rgb[0], rgb[1])
    assert rgb.shape == (2, 3, 6, 7) and rgb.min() >= 0 and rgb.max() <= 1


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_a_maximum_that_is_not_positive_is_refused(bad):
    with pytest.raises(ValueError, match="max_magnitude"):
        flow_to_rgb(torch.zeros(1, 2, 4, 4), bad)
