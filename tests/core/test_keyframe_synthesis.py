"""phi_s along keyframes: what their colours change in a frame, and what they leave alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.synthesis import SHUFFLE, KeyframeSynthesis, Synthesis
from rdvfi_core.trajectory import FlowPair
from rdvfi_core.warp import resize

GRID = (64, 96)
NEVER, ALWAYS = -100.0, 100.0  # logits


def straight(spread: float = 0.05) -> Synthesis:
    """With random weights in the heads, which start at zero."""
    torch.manual_seed(0)
    made = Synthesis(16, 8)
    for head in (made.correction.decide, made.detail.decide):
        torch.nn.init.normal_(head.weight, std=spread)
    return made.eval().requires_grad_(False)


def trusting(coarse: float, fine: float, spread: float = 0.05) -> KeyframeSynthesis:
    """`straight`, with the same trust everywhere."""
    made = KeyframeSynthesis.of(straight(spread)).eval().requires_grad_(False)
    bias = made.correction.decide.bias
    for plane, logit in ((-2, coarse), (-1, fine)):
        bias.view(-1, SHUFFLE**2)[plane] = logit
    return made


def texture(height: int, width: int, seed: int, cells: int = 9) -> torch.Tensor:
    drawn = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(drawn, (height, width), mode="bicubic", align_corners=True).clamp(0, 1) * 0.4 + 0.3


def pair(height: int, width: int) -> tuple[torch.Tensor, ...]:
    images = texture(height, width, 1, height // 3), texture(height, width, 2, height // 3)
    return *images, *(resize(image, *GRID) for image in images)


def flows() -> FlowPair:
    drawn = torch.rand(1, 4, 3, 4, generator=torch.Generator().manual_seed(5))
    smooth = F.interpolate(drawn, GRID, mode="bilinear", align_corners=True)
    even = torch.ones(1, 1, *GRID)
    return FlowPair(0.4, 4 * smooth[:, :2], -4 * smooth[:, 2:], even, even, even, texture(*GRID, 3), keyframed=True)


@pytest.mark.parametrize("size", [(64, 96), (97, 131), (192, 288)])
def test_without_trust_in_keyframes_it_is_the_straight_one(size):
    given = (*pair(*size), flows())
    torch.testing.assert_close(trusting(NEVER, ALWAYS)(*given), straight()(*given), atol=1e-5, rtol=0)


def test_on_the_keyframes_own_grid_trust_shows_their_colour():
    given = flows()
    found = trusting(ALWAYS, ALWAYS)(*pair(*GRID), given)
    assert (found - given.colour).abs().mean() < 0.02  # an even light apart
    assert (straight()(*pair(*GRID), given) - given.colour).abs().mean() > 0.1


def test_coarse_colour_is_the_keyframes_and_fine_detail_the_images():
    given, images = flows(), pair(256, 384)
    before, found = straight()(*images, given), trusting(ALWAYS, ALWAYS)(*images, given)
    detail = before - resize(resize(before, *GRID), 256, 384)
    assert detail.abs().mean() > 0.02
    assert (found - resize(given.colour, 256, 384) - detail).abs().mean() < 0.01  # an even light apart


def test_where_the_warps_are_wrong_their_detail_goes():
    given = flows()
    found = trusting(ALWAYS, NEVER)(*pair(256, 384), given)
    assert (found - resize(given.colour, 256, 384)).abs().mean() < 0.02


def test_a_generators_brightness_is_not_taken_over():
    given, images = flows(), pair(192, 288)
    before = straight(spread=0)(*images, given)
    drifted = replace(given, colour=resize(before, *GRID) + 0.05)
    found = trusting(ALWAYS, ALWAYS, spread=0)(*images, drifted)
    assert (found - before).abs().max() < 0.005


def test_other_planes_keep_to_the_motion():
    image0, image1, *small = pair(192, 288)
    images = *(torch.cat((image, image[:, :1]), 1) for image in (image0, image1)), *small
    given = flows()
    found, before = trusting(ALWAYS, NEVER)(*images, given), straight()(*images, given)
    assert torch.equal(found[:, 3:], before[:, 3:])
    assert (found - before)[:, :3].abs().mean() > 0.05


@pytest.mark.parametrize("size", [GRID, (97, 131)])
def test_gradients_reach_what_is_learned_and_the_keyframes(size):
    made = KeyframeSynthesis.of(straight()).train().requires_grad_(True)
    torch.nn.init.normal_(made.correction.decide.weight, std=0.05)
    given = flows()
    colour = given.colour.clone().requires_grad_(True)
    made(*pair(*size), replace(given, colour=colour)).square().mean().backward()
    assert colour.grad.abs().sum() > 0
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()] == []
