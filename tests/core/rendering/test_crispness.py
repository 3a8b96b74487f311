"""What bilinear warping takes, and where it is given back."""

import pytest
import torch

from rdvfi_core.pixels.warp import backward_warp
from rdvfi_core.rendering.crispness import agreement, lost
from rdvfi_core.rendering.synthesis import Synthesis
from rdvfi_core.trajectory.cubic import cubic_weights
from rdvfi_core.trajectory.flow_pair import FlowPair

HEIGHT, WIDTH = 48, 64


def noise(seed: int = 0, channels: int = 3) -> torch.Tensor:
    return torch.rand(1, channels, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def even(x: float, y: float) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("axis", [3, 2])
def test_along_an_axis_it_makes_bilinear_samples_those_of_cubic_convolution(share, axis):
    image = noise()
    flow = even(share, 0) if axis == 3 else even(0, share)
    found = backward_warp(image, flow).mean(1, keepdim=True) + lost(image, flow)
    weights = cubic_weights((-1, 0, 1, 2), share)
    expected = sum(weights[i] * image.roll(-offset, axis) for i, offset in enumerate((-1, 0, 1, 2)))
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(found[inner], expected.mean(1, keepdim=True)[inner], atol=1e-5, rtol=0)


def test_whole_pixels_lose_nothing_and_planes_beside_the_colours_do_not_count():
    image = noise()
    assert lost(image, even(3, -5)).abs().max() < 1e-5
    both = lost(torch.cat((image, noise(1, 1)), 1), even(0.5, 0.25))
    assert torch.equal(both, lost(image, even(0.5, 0.25)))
    halves = lost(image.half(), even(0.5, 0.25))
    assert halves.dtype == torch.float32 and (halves - lost(image.half().float(), even(0.5, 0.25))).abs().max() < 1e-3


def test_warps_agree_where_they_show_the_same_and_not_where_one_shows_something_else():
    left, half = noise(), torch.full((1, 1, 1, 1), 0.5)
    right = left.clone()
    right[..., WIDTH // 2 :] = noise(1)[..., WIDTH // 2 :]
    found = agreement(left, right, half)
    assert found.shape == (1, 1, HEIGHT, WIDTH)
    assert found[..., : WIDTH // 2 - 4].min() > 0.99 and found[..., WIDTH // 2 + 4 :].max() < 0.3
    faint = agreement(0.5 + 0.05 * left, 0.5 + 0.05 * right, half)  # by their own contrast, not by the difference
    assert faint[..., WIDTH // 2 + 4 :].mean() < 0.5
    nearer = agreement(left, right, torch.full((1, 1, 1, 1), 0.05))
    assert (nearer >= found).all() and nearer[..., WIDTH // 2 + 4 :].mean() > found[..., WIDTH // 2 + 4 :].mean() + 0.2


def test_a_picture_that_slides_by_half_a_pixel_keeps_its_fine_detail(monkeypatch):
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH + 8).float(), indexing="ij")

    def shown(shift: float) -> torch.Tensor:
        waves = 0.5 + 0.2 * torch.sin(1.7 * (x + shift)) + 0.1 * torch.sin(0.9 * (x + shift) + 1.1 * y)
        return waves[None, None, :, :WIDTH].expand(1, 3, HEIGHT, WIDTH).contiguous()

    ones = torch.ones(1, 1, HEIGHT, WIDTH)
    flows = FlowPair(0.5, even(0.5, 0), even(-0.5, 0), ones, ones, ones, shown(0.5))
    given = shown(0), shown(1), shown(0), shown(1), flows
    network = Synthesis(width=16, detail=8).eval().requires_grad_(False)

    def error() -> float:
        return (network(*given) - shown(0.5))[..., 4:-4].square().mean().item()

    crisp = error()
    monkeypatch.setattr("rdvfi_core.rendering.synthesis.lost", lambda image, flow: torch.zeros_like(flow[:, :1]))
    assert crisp < 0.35 * error()
