"""What two images themselves say about the motion that phi1 has found between them.

phi1 compares latents on coarse cells. It may give a thin object the motion of the ground around it, and it is a
fraction of a pixel off where the images could tell. `rematch` looks for another motion where a pixel's match is bad at
both ends, among the motions nearby (after PatchMatch, Barnes et al. 2009) and among shifts of what is left unmatched,
wherever it has gone; `align` corrects any motion by the images' gradients (Lucas and Kanade 1981). Nothing here is
learned. Directions and units: `conventions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.light import in_its_light
from ..pixels.patches import over_square, patch_mean
from ..pixels.warp import backward_warp, resize
from .adjacent import Motion
from .correlation import strongest_shifts
from .edges import follow_edges
from .matching import PATCH, UNEXPLAINED, difference, planes, swap

SHIFTS = 4  # of what is left unmatched
TEXTURED, LIKENESS = 0.02, 0.35  # mean contrast that a patch needs for such a shift, and the share its error may have
REACHES = (20, 5)  # px of the half grid: how far away another motion is looked for
BETTER, MARGIN = 0.5, 0.01  # another motion's error must stay under this share of the former error, and by how much
CLOSEST, CLOSELY_BETTER = 3, 0.8  # px, and the share that it must stay under there
ROUND_TRIP = 3.0  # px, how far from itself a pixel may come back by its partner's offer
COMPANY = 0.3  # share of a patch that must find another motion too: single pixels match by chance
CHOOSING = 7  # px, side of the patches by which one of several ways is chosen
FOUND = 4.0  # visibility, as a logit, of a pixel that found another motion

ALIGNMENTS = 2
WINDOW = 9  # px, side of the windows over which gradients are gathered
STABILISER = 5e-4
NOISE = 0.02  # an error under this counts in full, one above with less and less weight
LONGEST_STEP = 1.0  # px
TRUSTED = 0.02  # mean error up to which an alignment is taken in full, beyond it in part


def refine(motion: Motion, images: Tensor) -> Motion:
    """images: (2 B, 3, h, w) on the motion grid, all first images, then all second ones; `motion` leads from each to
    its partner. Gradients pass as if nothing had been changed."""
    images = images.float()
    with torch.no_grad():
        found, moved, shifted = rematch(motion.flow, images)
        found, freed = follow_edges(found, images)
        moved, shifted = moved | freed, shifted & ~freed
        visibility = motion.visibility.float()
        change, certainty = found - motion.flow, torch.where(moved, FOUND - visibility, 0.0)
    flow = align(motion.flow + change, images, swap(images))
    return Motion(flow, visibility + certainty, motion.steps, shifted.float())


@torch.no_grad()
def rematch(flow: Tensor, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """-> flow, and (2 B, 1, h, w) bool each: where it is another than before, and where it is a shift of what had been
    left unmatched, which crosses what others show. A pixel takes another motion, or stands still, only where its own
    match is bad, the offered one is good, and what it would match over there is badly matched itself and was offered
    the way back: a pixel that is merely hidden in the other image has no such partner."""
    partners = swap(images)
    there = planes(partners)
    colours, warped = backward_warp(torch.cat((partners, there), 1), flow).split((3, 2), 1)
    images = in_its_light(images, colours)
    here = planes(images)
    own = difference(here, warped, flow)
    patch = patch_mean(own, PATCH)
    half = [planes(resize(side, flow.shape[-2] // 2, flow.shape[-1] // 2)) for side in (images, partners)]
    offered, shifted = _search(F.avg_pool2d(flow, 2) / 2, *half)
    offered = F.interpolate(2 * offered, scale_factor=2.0, mode="nearest")
    shifted = F.interpolate(shifted.float(), scale_factor=2.0, mode="nearest") > 0
    known = torch.cat((there, swap(patch), swap(offered)), 1)
    warped, error, returned = backward_warp(known, offered).split((2, 1, 2), 1)
    new = difference(here, warped, offered)
    # The new motion is judged by the best patch that holds the pixel, so that it reaches up to the thing's edge; which
    # side of the edge a pixel is on, its closest neighbourhood tells.
    best = over_square(torch.minimum, patch_mean(new, PATCH), PATCH)
    moved = (best < BETTER * patch - MARGIN) & (patch_mean(new, CLOSEST) < CLOSELY_BETTER * patch_mean(own, CLOSEST))
    moved &= (error > UNEXPLAINED) & ((offered + returned).square().sum(1, keepdim=True) < ROUND_TRIP**2)
    moved &= patch_mean(moved.float(), PATCH) > COMPANY
    return torch.where(moved, offered, flow), moved, moved & shifted


def align(flow: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """flow (B, 2, h, w) from `here` to `there`, both (B, 3, h, w), after steps down the difference between `here` and
    the warped `there`, each kept where patches then match better. Where they match badly all the same, brightness is no
    guide and the flow stays what it was. Gradients pass as if nothing had been changed."""
    with torch.no_grad():
        here, there = here.float(), there.float()
        here = in_its_light(here, backward_warp(there, flow))
        change = _descend(flow, planes(here), planes(there))
    return flow + change


def best_of(ways: Sequence[Tensor], here: Tensor, there: Tensor) -> Tensor:
    """(B, 2, h, w): for every pixel of `here` (B, 3, h, w) the flow to `there`, of several, whose patch matches best,
    and where neighbours choose differently a mean of theirs. Gradients pass to what was chosen."""
    with torch.no_grad():
        here, there = here.float(), there.float()
        errors = [(here - backward_warp(there, way)).abs().mean(1, keepdim=True) for way in ways]
        best = torch.stack([patch_mean(error, CHOOSING) for error in errors]).argmin(0)
        shares = [patch_mean((best == i).float(), PATCH) for i in range(len(ways))]
    return sum(share * way for share, way in zip(shares, ways, strict=True))


def _descend(flow: Tensor, here: Tensor, there: Tensor) -> Tensor:  # what to add to the flow
    total = torch.zeros_like(flow)
    warped, error = _match(here, there, flow)
    for _ in range(ALIGNMENTS):
        x, y = _slopes((here + warped) / 2)
        rest = here - warped
        weight = 1 / (rest.abs() + NOISE)
        weighted_x, weighted_y = weight * x, weight * y
        products = (weighted_x * x, weighted_y * y, weighted_x * y, weighted_x * rest, weighted_y * rest)
        sums = patch_mean(torch.stack([product.mean(1) for product in products], 1), WINDOW)
        xx, yy, xy, xr, yr = sums.split(1, 1)
        xx, yy = xx + STABILISER, yy + STABILISER
        step = torch.cat((yy * xr - xy * yr, xx * yr - xy * xr), 1) / (xx * yy - xy * xy)
        length = step.square().sum(1, keepdim=True).sqrt()
        step = step * (LONGEST_STEP / length.clamp_min(LONGEST_STEP))
        tried, new_error = _match(here, there, flow + total + step)
        better = (new_error < error).float()
        total = total + better * step
        warped = torch.lerp(warped, tried, better)
        error = torch.minimum(error, new_error)
    return (TRUSTED / (error + 1e-4)).clamp(max=1).square() * total


def _search(flow: Tensor, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """For every pixel the motion that matches best, of itself, of the pixels around it and of shifts; and whether it is
    a shift, (2 B, 1, h, w) bool. See `rematch`."""
    least = _match(here, there, flow)[1]
    found = torch.cat((flow, torch.zeros_like(least)), 1)  # the flow, and 1 where it is a shift

    def offer(offers: Iterable[Tensor], textured: Tensor | bool = True, likeness: Tensor | float = torch.inf) -> None:
        nonlocal found, least
        known = torch.cat((there, swap(least)), 1)
        for offered in offers:
            warped, unclaimed = backward_warp(known, offered[:, :2]).split((2, 1), 1)
            error = patch_mean(difference(here, warped, offered[:, :2]), PATCH)
            better = (error < least) & (unclaimed > UNEXPLAINED) & (unclaimed > 2 * error)
            better &= textured & (error < likeness)
            found, least = torch.where(better, offered, found), torch.where(better, error, least)

    def nearby() -> Iterator[Tensor]:
        yield torch.zeros_like(found)
        for reach in REACHES:
            yield from _around(found, reach)

    offer(nearby())
    # Plain ground that one image hides left of a thing and the other right of it looks alike, but has not moved across.
    contrast = patch_mean(here[:, 1:].abs(), PATCH)
    unmatched = here * patch_mean((least > UNEXPLAINED).float(), CLOSEST)
    shifts = strongest_shifts(*unmatched.chunk(2), SHIFTS)
    offers = (
        F.pad(torch.cat((shift, -shift)), (0, 1), value=1.0)[:, :, None, None].expand_as(found) for shift in shifts
    )
    offer(offers, contrast > TEXTURED, LIKENESS * contrast)
    offer(_around(found, REACHES[-1]))
    return found[:, :2], found[:, 2:] > 0


def _around(flow: Tensor, reach: int) -> Iterator[Tensor]:
    """The motion of the eight pixels that lie `reach` away."""
    steps = (-reach, 0, reach)
    return (torch.roll(flow, shift, (2, 3)) for shift in product(steps, steps) if any(shift))


def _match(here: Tensor, there: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """-> `there`, warped, and the mean error (B, 1, h, w) of the patch around each pixel."""
    warped = backward_warp(there, flow)
    return warped, patch_mean(difference(here, warped, flow), PATCH)


def _slopes(planes: Tensor) -> tuple[Tensor, Tensor]:  # along x and y, per px
    x, y = F.pad(planes, (1, 1, 0, 0), mode="replicate"), F.pad(planes, (0, 0, 1, 1), mode="replicate")
    return (x[..., 2:] - x[..., :-2]) / 2, (y[..., 2:, :] - y[..., :-2, :]) / 2
