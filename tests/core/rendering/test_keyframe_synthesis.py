"""phi_s along keyframes: what their colours change in a frame, and what they leave alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.pixels.warp import resize
from rdvfi_core.rendering.synthesis import KeyframeSynthesis, Synthesis
from rdvfi_core.trajectory.flow_pair import FlowPair

GRID, LARGE = (128, 192), (384, 576)


def straight() -> Synthesis:
    """Untrained: it does not look at the keyframes' colours."""
    torch.manual_seed(0)
    return Synthesis(16, 8).eval().requires_grad_(False)


def keyframed() -> KeyframeSynthesis:
    return KeyframeSynthesis.of(straight()).eval().requires_grad_(False)


def texture(height: int, width: int, seed: int, cells: int = 9) -> torch.Tensor:
    drawn = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(drawn, (height, width), mode="bicubic", align_corners=True).clamp(0, 1) * 0.4 + 0.3


def pair(size: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    images = texture(*size, 1, size[0] // 3), texture(*size, 2, size[0] // 3)
    return *images, *(resize(image, *GRID) for image in images)


def flows(colour: torch.Tensor | None = None) -> FlowPair:
    drawn = torch.rand(1, 4, 3, 4, generator=torch.Generator().manual_seed(5))
    smooth = F.interpolate(drawn, GRID, mode="bilinear", align_corners=True)
    even = torch.ones(1, 1, *GRID)
    colour = texture(*GRID, 3) if colour is None else colour
    return FlowPair(0.4, 4 * smooth[:, :2], -4 * smooth[:, 2:], even, even, even, colour, keyframed=True)


def shown(images: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The frame without keyframes, on the motion grid."""
    return resize(straight()(*images, flows()), *GRID)


def test_a_frame_that_keyframes_agree_with_stays():
    for size in (GRID, (197, 231), LARGE):
        images = pair(size)
        found = keyframed()(*images, flows(shown(images)))
        torch.testing.assert_close(found, straight()(*images, flows()), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [GRID, LARGE])
def test_what_keyframes_alone_show_is_shown(size):
    """A thing on ground that both know."""
    images = pair(size)
    colour = shown(images).clone()
    colour[:, :, 32:96, 24:72] = torch.tensor((0.9, 0.1, 0.1))[:, None, None]
    found, before = keyframed()(*images, flows(colour)), straight()(*images, flows())
    factor = size[0] // GRID[0]
    inside = (..., slice(48 * factor, 80 * factor), slice(36 * factor, 60 * factor))
    outside = (..., slice(144 * factor, None))
    assert (found - resize(colour, *size))[inside].abs().mean() < 0.05
    assert (before - resize(colour, *size))[inside].abs().mean() > 0.3
    torch.testing.assert_close(found[outside], before[outside], atol=1e-4, rtol=0)


def test_fine_detail_stays_where_the_difference_is_small():
    images = pair(LARGE)
    small = 0.02 * (texture(*GRID, 7, cells=4) - 0.5)
    found, before = keyframed()(*images, flows(shown(images) + small)), straight()(*images, flows())

    def detail(frame):
        return frame - resize(resize(frame, *GRID), *LARGE)

    assert detail(before).abs().mean() > 0.02
    assert (detail(found) - detail(before)).abs().mean() < 0.1 * detail(before).abs().mean()


def test_fine_detail_fades_where_the_warps_are_wrong():
    images = pair(LARGE)
    colour = texture(*GRID, 3, cells=4) * 2 - 0.5  # far from what the images show
    found = keyframed()(*images, flows(colour))
    assert (found - resize(colour.clamp(0, 1), *LARGE)).abs().mean() < 0.06


def test_a_generators_brightness_is_not_taken_over():
    images = pair((256, 384))
    found = keyframed()(*images, flows(shown(images) + 0.04))
    assert (found - straight()(*images, flows())).abs().max() < 0.2 * 0.04


@pytest.mark.parametrize("fault", ["soft", "grainy"])
def test_keyframes_that_differ_in_detail_alone_change_little(fault):
    images = pair(GRID)
    before = shown(images)
    noise = 0.05 * torch.randn(before.shape, generator=torch.Generator().manual_seed(3))
    faulty = F.avg_pool2d(before, 3, 1, 1, count_include_pad=False) if fault == "soft" else before + noise
    found = keyframed()(*images, flows(faulty))
    assert (found - before).abs().mean() < 0.5 * (faulty - before).abs().mean()


def test_other_planes_keep_to_the_motion():
    image0, image1, *small = pair((256, 384))
    images = *(torch.cat((image, image[:, :1]), 1) for image in (image0, image1)), *small
    found, before = keyframed()(*images, flows()), straight()(*images, flows())
    assert torch.equal(found[:, 3:], before[:, 3:])
    assert (found - before)[:, :3].abs().mean() > 0.05


@pytest.mark.parametrize("size", [GRID, (197, 231)])
def test_gradients_reach_what_is_learned_and_the_keyframes(size):
    made = KeyframeSynthesis.of(straight()).train().requires_grad_(True)
    for head in (made.correction.decide, made.detail.decide):
        torch.nn.init.normal_(head.weight, std=0.2)
    given = flows()
    colour = given.colour.clone().requires_grad_(True)
    made(*pair(size), replace(given, colour=colour)).square().mean().backward()
    assert colour.grad.abs().sum() > 0
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()] == []
