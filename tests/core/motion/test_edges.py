"""Thin things and edges, on pictures whose motion is known exactly."""

from __future__ import annotations

import pytest
import torch
from panned import HEIGHT, INNER, PAN, WIDTH, a_bar_that_moves, ground, there_and_back

from rdvfi_core.motion import edges
from rdvfi_core.motion.edges import Pixels, follow_edges
from rdvfi_core.motion.matching import OUTSIDE_ERROR

TIP = slice(12, 28)  # rows of a thin thing that were given the motion of the ground
STEM = slice(28, 60)  # the others, which were given their own
THIN = slice(62, 65)  # its columns


def with_a_thin_thing(right: float, down: float) -> torch.Tensor:
    """A red line that stands still before the ground that pans, as wide as no patch."""
    image = ground(right, down)
    rows = torch.arange(HEIGHT, dtype=torch.float32)
    shade = 0.15 * torch.sin(1.7 * rows)
    line = torch.stack((0.8 + shade, 0.15 + shade / 2, 0.1 + shade / 2))
    image[..., TIP.start : STEM.stop, THIN] = line[None, :, TIP.start : STEM.stop, None]
    return image


def thin_things() -> tuple[torch.Tensor, torch.Tensor]:  # flow and images
    flow = there_and_back()
    flow[..., STEM, THIN.start - 1 : THIN.stop + 1] = 0
    return flow, torch.cat((with_a_thin_thing(0, 0), with_a_thin_thing(*PAN)))


def lengths(flow: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(flow, dim=-3)


@pytest.mark.parametrize("light", [0.0, 0.15])
def test_a_thin_thing_is_followed_to_its_tip(light):
    flow, images = thin_things()
    images[1] -= light
    found, moved = follow_edges(flow, images)
    assert lengths(found)[..., TIP, THIN].median() == 0 and moved[..., TIP, THIN].float().mean() > 0.8
    assert moved[..., TIP.start : TIP.start + 2, THIN].float().mean() > 0.4  # beyond the reach of a first round
    beside = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    beside[TIP.start - 4 : STEM.stop + 4, THIN.start - 4 : THIN.stop + 4] = False
    beside[:16] = beside[-16:] = beside[:, :16] = beside[:, -16:] = False
    hidden = torch.zeros_like(beside)  # by the thin thing in the other image
    for side in (1, -1):
        shifted = slice(THIN.start - 2 + side * int(PAN[0]), THIN.stop + 2 + side * int(PAN[0]))
        hidden[TIP.start - 8 : STEM.stop + 8, shifted] = True
    assert not moved[..., beside & ~hidden].any()


def test_what_is_merely_hidden_takes_no_other_motion():
    moved = follow_edges(*a_bar_that_moves())[1]
    assert moved.float().mean() < 0.002


def test_a_motion_needs_a_partner_that_wants_it():
    """Stripes that repeat every 16 px and stand still. A square in the first image was given a motion that does not
    match, what lies around it one of 16 px, which does."""
    column = torch.arange(WIDTH, dtype=torch.float32)
    stripes = (0.5 + 0.3 * torch.sin(2 * torch.pi * column / 16)).expand(2, 3, HEIGHT, WIDTH)
    square, partner = (0, slice(None), slice(40, 52), slice(50, 62)), (1, slice(None), slice(40, 52), slice(66, 78))

    def share(theirs: float, around: float) -> float:  # of the square that takes the motion of what lies around it
        flow = torch.zeros(2, 2, HEIGHT, WIDTH)
        flow[0, 0], flow[1, 0] = 16, around
        flow[square][0], flow[partner][0] = 7, theirs
        return follow_edges(flow, stripes)[1][square].float().mean()

    assert share(theirs=-7, around=-16) > 0.9
    assert share(theirs=-7, around=0) == 0  # it goes elsewhere
    assert share(theirs=-16, around=-16) == 0  # it has a partner


def test_pictures_that_have_nothing_in_common_take_no_other_motion():
    moved = follow_edges(there_and_back(), torch.cat((ground(), ground().flip(-1))))[1]
    assert not moved[..., INNER, INNER].any()


def test_motions_match_by_chance_in_few_places():
    generator = torch.Generator().manual_seed(1)
    cells = torch.randint(-10, 11, (2, 2, HEIGHT // 8, WIDTH // 8), generator=generator).float()
    flow = cells.repeat_interleave(8, 2).repeat_interleave(8, 3)
    moved = follow_edges(flow, torch.rand(2, 3, HEIGHT, WIDTH, generator=generator))[1]
    # 0.0087 if single pixels might, 0.0026 if they need not agree, 0.0010 if any gain were enough
    assert moved.float().mean() < 0.0008


def test_judges_are_those_of_like_colour():
    image, partner = torch.full((2, 3, 16, 16), 0.5)
    image[..., 8:] = 0.9  # another thing, which the partner shows nowhere
    partner[:, 8, 6] = 0.7
    pixels, still = Pixels(image, partner, torch.tensor([8 * 16 + 4, 8 * 16 + 6, 8 * 16 + 7])), torch.zeros(2, 3)
    plain, spoilt, edge = pixels.errors(still)
    assert plain == 0 and spoilt == pytest.approx(0.2 / 3, rel=0.01)  # two of its five judges are of the other thing
    assert edge == pytest.approx(0, abs=0.001)
    torch.testing.assert_close(pixels.errors(still + 20.0), torch.full((3,), OUTSIDE_ERROR))


@pytest.mark.parametrize("light", [0.0, 0.08])
def test_exact_motion_stays(light):
    flow = there_and_back()
    found, moved = follow_edges(flow, torch.cat((ground(), ground(*PAN) - light)))
    assert not moved[..., INNER, INNER].any()
    torch.testing.assert_close(found[..., INNER, INNER], flow[..., INNER, INNER], rtol=0, atol=0)


def test_partners_are_equals():
    flow, images = thin_things()
    found, moved = follow_edges(flow, images)
    again, again_moved = follow_edges(flow.flip(0), images.flip(0))
    assert torch.equal(again.flip(0), found) and torch.equal(again_moved.flip(0), moved)


def test_few_pixels_at_once_give_the_same(monkeypatch):
    flow, images = thin_things()
    found, moved = follow_edges(flow, images)
    monkeypatch.setattr(edges, "AT_ONCE", 50)
    again, again_moved = follow_edges(flow, images)
    assert moved.sum() > 50 and torch.equal(again_moved, moved)
    torch.testing.assert_close(again, found)


def test_channels_may_lie_side_by_side_in_memory():
    flow, images = thin_things()
    found, moved = follow_edges(flow, images)
    woven = (values.contiguous(memory_format=torch.channels_last) for values in (flow, images))
    again, again_moved = follow_edges(*woven)
    assert torch.equal(again_moved, moved)
    torch.testing.assert_close(again, found)
