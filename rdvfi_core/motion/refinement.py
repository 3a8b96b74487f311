"""What images themselves say about the motion between knots.

`align` corrects a motion by the images' gradients (Lucas and Kanade 1981), `best_of` chooses among several. Nothing
here is learned. Directions and units: `conventions`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp

PATCH = 5  # px, side of the patches that are compared
CHOOSING = 7  # px, side of the patches by which one of several ways is chosen

ALIGNMENTS = 3
WINDOW = 9  # px, side of the windows over which gradients are gathered
STABILISER = 5e-4
NOISE = 0.02  # an error under this counts in full, one above with less and less weight
LONGEST_STEP = 1.0  # px


def align(flow: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """flow (B, 2, h, w) from `here` to `there`, both (B, 3, h, w), after steps down the difference between `here` and
    the warped `there`. Gradients pass as if nothing had been changed."""
    with torch.no_grad():
        change = _descend(flow, _compared(here.float()), _compared(there.float()))
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
    for _ in range(ALIGNMENTS):
        warped = backward_warp(there, flow + total)
        rest = here - warped
        maps = torch.stack((*_slopes(here + warped), rest), 1)  # (B, 3, 2, h, w); slopes are four times those of a mean
        weighted = maps[:, :2] / (rest.abs() + NOISE)[:, None]
        sums = patch_mean((weighted[:, :, None] * maps[:, None]).mean(3).flatten(1, 2), WINDOW)
        xx, xy, xr, _, yy, yr = sums.split(1, 1)
        xx, yy = xx + 16 * STABILISER, yy + 16 * STABILISER
        step = 4 * torch.cat((yy * xr - xy * yr, xx * yr - xy * xr), 1) / (xx * yy - xy * xy)
        length = torch.linalg.vector_norm(step, dim=1, keepdim=True)
        total = total + step / (length / LONGEST_STEP).clamp_min(1)
    return total


def _compared(images: Tensor) -> Tensor:  # (B, 2, h, w)
    """What is compared: the contrast of brightness against a wide and a close neighbourhood, which no light changes."""
    brightness = images.mean(1, keepdim=True)
    return torch.cat((brightness - patch_mean(brightness, WINDOW), 2 * (brightness - patch_mean(brightness, PATCH))), 1)


def _slopes(planes: Tensor) -> tuple[Tensor, Tensor]:  # along x and y, per two px
    padded = F.pad(planes, (1,) * 4, mode="replicate")
    return (
        padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2],
        padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1],
    )
