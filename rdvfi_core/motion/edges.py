"""Motion up to the edges of things.

phi1 compares cells and `rematch` patches. Across the edge of a thing, and all over a thing that is narrower than a
patch, they see two motions at once and settle on neither. Here a pixel that matches badly tries the motions of pixels a
few px away, and those around it judge by how like it they are in colour (adaptive support weights, Yoon and Kweon
2006): what lies on the other side of the edge has no say. Nothing is learned. Directions and units: `conventions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from ..pixels.light import in_its_light
from ..pixels.patches import over_square, patch_mean
from ..pixels.warp import backward_warp, sample_at
from .matching import LARGEST_ERROR, OUTSIDE_ERROR, PATCH, UNEXPLAINED, difference, swap

DOUBTFUL = 0.04  # mean error from which on other motions are tried
SETTLED = 0.03  # error that its judges find up to which a pixel stays with its motion
REACHES = (4, 8, 14), (4,)  # px, in the first and the second round: how far away they are looked for
APART = 0.5  # px between two motions that are worth trying both
JUDGES = ((0, 0), *product((-2, 2), repeat=2))  # px from the pixel, down and to the right
LIKENESS = 0.06  # mean difference in colour at which a judge's weight has fallen to 1 / e
BETTER, MARGIN = 0.7, 0.01  # another motion's error must stay under this share of the former error, and by how much
ROUND_TRIP = 2.5  # px, how far from itself a pixel may come back by its partner's motion
COMPANY = 0.1  # share of a patch that must find another motion too: single pixels match by chance
AGREEING = 1.5  # px, from the mean motion of that company
AT_ONCE = 1 << 15  # pixels, which bounds the memory


@torch.no_grad()
def follow_edges(
    flow: Tensor,  # (2 B, 2, h, w) float32, px, from each image to its partner
    images: Tensor,  # (2 B, 3, h, w), all first images, then all second ones
) -> tuple[Tensor, Tensor]:
    """-> flow, and where it is another than before, (2 B, 1, h, w) bool. As in `rematch`, a pixel takes another motion
    only where what it would match is badly matched itself, tries other motions too, and knows the way back: one that is
    merely hidden in the other image has no such partner."""
    partners = swap(images)
    images = in_its_light(images, backward_warp(partners, flow))
    moved = torch.zeros_like(flow[:, :1], dtype=torch.bool)
    for number, reaches in enumerate(REACHES):
        # A second look pays near what has just taken another motion, which may go further from there.
        nearby = over_square(torch.maximum, moved.float(), 2 * max(reaches) + 1) > 0 if number else ~moved
        flow, now = _spread(flow, images, partners, nearby, reaches)
        moved = moved | now
    return flow, moved


def _spread(
    flow: Tensor,
    images: Tensor,
    partners: Tensor,
    nearby: Tensor,  # (2 B, 1, h, w) bool: the only pixels that may take another motion
    reaches: Sequence[int],
) -> tuple[Tensor, Tensor]:  # flow, and where it is another
    patch = patch_mean(difference(images, backward_warp(partners, flow), flow), PATCH)
    doubtful = (over_square(torch.maximum, patch, 3) > DOUBTFUL) & nearby
    known = torch.cat((flow, patch), 1).flatten(2)
    found = flow.clone(memory_format=torch.contiguous_format)
    own, least = torch.zeros_like(found[:, :1]), torch.zeros_like(found[:, :1])
    for one, where in enumerate(doubtful.flatten(1)):
        for at in torch.nonzero(where)[:, 0].split(AT_ONCE):
            if not len(at):
                continue
            pixels = Pixels(images[one], partners[one], at)
            errors = pixels.errors(_select(known[one, :2], at))
            unsettled = errors > SETTLED
            pixels, at, errors = Pixels(images[one], partners[one], at[unsettled]), at[unsettled], errors[unsettled]
            best, best_errors = pixels.try_others(known[one], errors, reaches)
            own[one].view(-1)[at], least[one].view(-1)[at] = errors, best_errors
            found[one].view(2, -1)[:, at] = best
    error, returned = backward_warp(torch.cat((swap(own), swap(found)), 1), found).split((1, 2), 1)
    moved = (least < BETTER * own - MARGIN) & (error > UNEXPLAINED)
    moved &= (found + returned).square().sum(1, keepdim=True) < ROUND_TRIP**2
    share, total = patch_mean(torch.cat((moved.float(), moved * found), 1), PATCH).split((1, 2), 1)
    moved &= (share > COMPANY) & ((total - share * found).square().sum(1, keepdim=True) < (AGREEING * share).square())
    return torch.where(moved, found, flow), moved


class Pixels:
    """K pixels of one image, and the J judges of each, weighted by how like it they are."""

    def __init__(self, image: Tensor, partner: Tensor, at: Tensor):  # (3, h, w) both, (K) numbers of the pixels
        self.at, self.partner = at, partner
        self.height, self.width = image.shape[-2:]
        numbers = torch.stack([self._beside(*step) for step in JUDGES])  # (J, K)
        places = torch.stack((numbers % self.width, numbers // self.width)).float()
        colours = _select(image.flatten(1), numbers)
        unlike = (colours - _select(image.flatten(1), at)[:, None]).abs().mean(0, keepdim=True)
        weights = torch.softmax(-unlike / LIKENESS, 1)
        self.judges = torch.cat((places, colours, weights))  # (2 + 3 + 1, J, K)

    def _beside(self, down: int, right: int) -> Tensor:  # (K) numbers of pixels, the nearest within the frame
        y, x = self.at // self.width + down, self.at % self.width + right
        return y.clamp(0, self.height - 1) * self.width + x.clamp(0, self.width - 1)

    def try_others(self, known: Tensor, own: Tensor, reaches: Sequence[int]) -> tuple[Tensor, Tensor]:
        """known (3, h w): the motion of all pixels and how badly it matches; own (K): how badly judges find that these
        pixels match. -> the motion that matches best (2, K), and how badly (K)."""
        best, limit = _select(known, self.at).split((2, 1))
        refused, least = best, own
        for down, right in _around(reaches):
            offered, error = _select(known, self._beside(down, right)).split((2, 1))
            news = (error < limit)[0]  # it must serve its own pixel better
            for other in (best, refused):
                news &= (offered - other).abs().amax(0) > APART
            rows = torch.nonzero(news)[:, 0]
            if not len(rows):
                continue
            errors = torch.full_like(least, torch.inf)
            errors[rows] = self.errors(_select(offered, rows), rows)
            better = errors < least
            refused = torch.where(better, best, torch.where(news, offered, refused))
            best, least = torch.where(better, offered, best), torch.minimum(errors, least)
        return best, least

    def errors(self, flow: Tensor, rows: Tensor | None = None) -> Tensor:  # (R)
        """How badly the judges of the pixels in `rows`, or of all, match when `flow` (2, R) moves them."""
        judges = self.judges if rows is None else _select(self.judges, rows)
        places, colours, weights = judges.split((2, 3, 1))
        places = places + flow[:, None]
        error = (colours - sample_at(self.partner[None], places[None])[0]).abs().mean(0).clamp(max=LARGEST_ERROR)
        x, y = places
        within = (x >= 0) & (x <= self.width - 1) & (y >= 0) & (y <= self.height - 1)
        return (weights[0] * torch.where(within, error, OUTSIDE_ERROR)).sum(0)


def _around(reaches: Sequence[int]) -> Iterator[tuple[int, int]]:
    for reach in reaches:
        yield from (step for step in product((-reach, 0, reach), repeat=2) if any(step))


def _select(values: Tensor, numbers: Tensor) -> Tensor:
    """values (..., K) of these pixels -> (..., *numbers.shape): a third of the time that an index takes on a CPU."""
    found = values.flatten(0, -2).index_select(1, numbers.flatten())
    return found.view(*values.shape[:-1], *numbers.shape)
