"""Thin things and edges, on pictures whose motion is known exactly."""

from __future__ import annotations

import pytest
import torch
from panned import BAR, HEIGHT, INNER, PAN, WIDTH, behind_a_bar, ground, there_and_back

from rdvfi_core.motion import edges
from rdvfi_core.motion.edges import follow_edges

TIP = slice(16, 28)  # rows of a thin thing that were given the motion of the ground
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


def test_a_thin_thing_is_followed_to_its_tip():
    flow, images = thin_things()
    found, moved = follow_edges(flow, images)
    assert lengths(found)[..., TIP, THIN].median() == 0 and moved[..., TIP, THIN].float().mean() > 0.8
    beside = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    beside[TIP.start - 4 : STEM.stop + 4, THIN.start - 4 : THIN.stop + 4] = False
    beside[:16] = beside[-16:] = beside[:, :16] = beside[:, -16:] = False
    hidden = torch.zeros_like(beside)  # by the thin thing in the other image
    for side in (1, -1):
        shifted = slice(THIN.start - 2 + side * int(PAN[0]), THIN.stop + 2 + side * int(PAN[0]))
        hidden[TIP.start - 8 : STEM.stop + 8, shifted] = True
    assert not moved[..., beside & ~hidden].any()


def test_what_is_merely_hidden_takes_no_other_motion():
    """The true motion: the bar moves by (14, 0) before ground that stands still and hides a part of it."""
    first, second = behind_a_bar(0, 0), behind_a_bar(0, 0)
    second[..., BAR] = ground()[..., BAR]
    second[..., 20:76, BAR.start + 14 : BAR.stop + 14] = first[..., 20:76, BAR]
    flow = torch.zeros(2, 2, HEIGHT, WIDTH)
    flow[0, 0, 20:76, BAR] = 14
    flow[1, 0, 20:76, BAR.start + 14 : BAR.stop + 14] = -14
    moved = follow_edges(flow, torch.cat((first, second)))[1]
    assert moved.float().mean() < 0.002


def test_pictures_that_have_nothing_in_common_take_no_other_motion():
    moved = follow_edges(there_and_back(), torch.cat((ground(), ground().flip(-1))))[1]
    assert not moved[..., INNER, INNER].any()


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
