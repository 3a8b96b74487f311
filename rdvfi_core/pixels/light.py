"""Light that is not the same in both images: auto exposure, fades, a lamp that is turned on.

It changes slowly from place to place, other than what moves. Over windows of about 72 px of the motion grid it is
measured, and made to follow the time where frames are blended."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .warp import resize

CELL = 8  # px, side of the cells that are averaged first
WINDOW = 9  # cells
LARGEST = 0.3  # of one pixel's difference; more is another thing, not another light
SPREAD = 4.0  # how much the variance of the differences counts against their mean
NOISE = 2e-4


@torch.no_grad()
def change(warp0: Tensor, warp1: Tensor) -> Tensor:  # (B, 3, h / 8, w / 8)
    """How much lighter each area of I1 is than that of I0, both (B, 3, h, w) as seen at one time. Only where the
    differences agree with each other: where the motion is wrong they are of both signs, and nothing is reported."""
    difference = (warp1 - warp0).float().clamp(-LARGEST, LARGEST)
    mean, of_squares = _windows(torch.cat((difference, difference.square()), 1)).chunk(2, 1)
    square = mean.square()
    variance = (of_squares - square).clamp_min(0)
    return mean * square / torch.add(square + NOISE, variance, alpha=SPREAD)


def follow_time(warp0: Tensor, warp1: Tensor, change: Tensor, time: Tensor) -> None:
    """Brings the RGB of both full-size warps (B, 3 + E, H, W), in place, into the light of `time` (B, 1, 1, 1):
    whichever of them is shown, light changes evenly from I0 to I1."""
    change = resize(change, *warp0.shape[-2:])
    for warp, share in ((warp0, time), (warp1, time - 1)):
        warp[:, :3].addcmul_(share, change)


def _windows(values: Tensor) -> Tensor:
    cells = F.avg_pool2d(values, CELL)
    return F.avg_pool2d(cells, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
