"""What images themselves say about the motion between knots.

`align` corrects a motion by the images' gradients (Lucas and Kanade 1981), `best_of` chooses among several. Nothing
here is learned. Directions and units: `conventions`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.light import in_its_light
from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp
from .matching import PATCH, difference, planes

CHOOSING = 7  # px, side of the patches by which one of several ways is chosen

ALIGNMENTS = 2
WINDOW = 9  # px, side of the windows over which gradients are gathered
STABILISER = 5e-4
NOISE = 0.02  # an error under this counts in full, one above with less and less weight
LONGEST_STEP = 1.0  # px
TRUSTED = 0.02  # mean error up to which an alignment is taken in full, beyond it in part


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


def _match(here: Tensor, there: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """-> `there`, warped, and the mean error (B, 1, h, w) of the patch around each pixel."""
    warped = backward_warp(there, flow)
    return warped, patch_mean(difference(here, warped, flow), PATCH)


def _slopes(planes: Tensor) -> tuple[Tensor, Tensor]:  # along x and y, per px
    x, y = F.pad(planes, (1, 1, 0, 0), mode="replicate"), F.pad(planes, (0, 0, 1, 1), mode="replicate")
    return (x[..., 2:] - x[..., :-2]) / 2, (y[..., 2:, :] - y[..., :-2, :]) / 2
