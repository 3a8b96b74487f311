import pytest
import torch

from rdvfi_core.pixels.warp import backward_warp
from rdvfi_core.scenes.pans import Pans
from rdvfi_core.scenes.textures import Textures


@pytest.fixture(scope="module", params=[False, True])
def pans(request) -> Pans:
    return Pans.draw(Textures(None), 3, (96, 128), torch.Generator().manual_seed(5), beside=request.param)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.0), (0.5, 1.0), (0.25, 1.0), (1.0, 0.0)])
def test_one_frame_is_the_other_one_along_the_flow(pans, a, b):
    flow = pans.flow(a, b)
    there = backward_warp(pans.frame(b), flow)
    grid = torch.stack(torch.meshgrid(torch.arange(128.0), torch.arange(96.0), indexing="xy"))[None] + flow
    inside = ((grid[:, 0] > 2) & (grid[:, 0] < 125) & (grid[:, 1] > 2) & (grid[:, 1] < 93))[:, None]
    error = ((there - pans.frame(a)).abs() * inside).sum() / (3 * inside.sum())
    still = ((pans.frame(b) - pans.frame(a)).abs() * inside).sum() / (3 * inside.sum())
    assert error < 0.01 and error < 0.3 * still


def test_flows_of_one_view_follow_each_other(pans):
    """Forth and back is nothing, and the middle of an uneven way is not half of it."""
    there, back = pans.flow(0.3, 1.0), pans.flow(1.0, 0.3)
    round_trip = (there + backward_warp(back, there))[..., 40:56, 56:72]
    assert round_trip.abs().max() < 0.05
    half, whole = pans.flow(0.0, 0.5)[..., 48, 64], pans.flow(0.0, 1.0)[..., 48, 64]
    assert ((half - whole / 2).norm(dim=1) / whole.norm(dim=1)).max() > 0.02


def test_motion_of_every_length_up_to_the_longest_comes_up():
    many = Pans.draw(Textures(None), 40, (16, 16), torch.Generator().manual_seed(1), beside=True)
    length = many.flow(0.0, 1.0)[..., 8, 8].norm(dim=1)
    assert length.min() < 3 and 15 < length.max() < 40
