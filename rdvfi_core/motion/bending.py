"""How the frames beside a pair bend its motion.

A pixel that is at x at tau, and speeds up by `curve` px over the square of the pair's time, lies at any time t at

    x + (t - tau) u + curve (t (t - 1) - tau (tau - 1)) / 2
    v0 = u - curve (1 - tau) / 2        v1 = u + curve tau / 2

so that the frames beside the pair tell the curve by how far from the even way they are alike. Velocities and units:
`between`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import exact, local_correlation
from ..pixels.warp import backward_warp
from .views import Beside, View
from .ways import offsets


class Bending:
    """One of the frames before and after may be missing. All maps of both are computed side by side, first what is
    before."""

    def __init__(self, before: Beside | None, after: Beside | None, tau: Tensor):  # tau: (B, 1, 1, 1)
        self.sides = [(end, side) for end, side in enumerate((before, after)) if side is not None]
        if not self.sides:
            return
        self.view = View.cat(*(side.view for _, side in self.sides))
        self.away = torch.stack([side.time - tau for _, side in self.sides])  # (S, B, 1, 1, 1)
        self.to_velocities = torch.stack((tau - 1, tau)) / 2  # (2, B, 1, 1, 1) of the curve
        self.curve: Tensor | None = None  # (B, 2, h, w) px of the motion grid, once it was asked for

    def bend(
        self,
        velocities: Tensor,  # (2 B, 2, h, w)
        ends: Tensor,  # (2 B, C, h, w) features of both ends, warped along the velocities to tau
        of: Callable[[View], Tensor],  # the same features of any frames
        stride: int,  # px of the motion grid that a pixel of theirs is
        reach: int,
    ) -> Tensor:
        """`velocities`, corrected by what the frames beside the pair say of the curve."""
        if not self.sides:
            return velocities
        self.curve = None if self.curve is None else enlarge(self.curve, 2)
        alike = self._alike(velocities, ends, of(self.view), stride, reach)
        found = mean_offset(F.avg_pool2d(alike, 3, 1, 1), reach).chunk(len(self.sides))
        more = sum(
            2 * stride / (side.time * (side.time - 1)) / len(found) * offset
            for (_, side), offset in zip(self.sides, found, strict=True)
        )
        self.curve = more if self.curve is None else self.curve + more
        return torch.addcmul(velocities.unflatten(0, (2, -1)), self.to_velocities, more).flatten(0, 1)

    def read(
        self, layer: nn.Module, velocities: Tensor, ends: Tensor, of: Callable[[View], Tensor], stride: int, reach: int
    ) -> Tensor | None:
        """What a layer makes of how like the ends they are around the place where the way so far leads."""
        if not self.sides:
            return None
        alike = self._alike(velocities, ends, of(self.view), stride, reach)
        known = F.pad(alike, (0, 0, 0, 0, 0, 1), value=1).chunk(len(self.sides))  # with a plane that says so
        maps = 2 * [torch.zeros_like(known[0])] if len(known) < 2 else list(known)
        for (end, _), of_one in zip(self.sides, known, strict=True):
            maps[end] = of_one
        return layer(torch.cat(maps, 1))

    def _alike(self, velocities: Tensor, ends: Tensor, features: Tensor, stride: int, reach: int) -> Tensor:
        """(S B, (2 reach + 1)^2, h, w): how like the end beside it each frame is around the place the way leads to."""
        own = slice(self.sides[0][0], self.sides[-1][0] + 1)
        way = velocities.unflatten(0, (2, -1))[own]
        if self.curve is not None:
            way = torch.stack([
                torch.add(v, self.curve, alpha=(side.time - end) / 2)
                for v, (end, side) in zip(way, self.sides, strict=True)
            ])  # fmt: skip
        warps = warped(features, (self.away * way).flatten(0, 1), stride)
        return around(ends.unflatten(0, (2, -1))[own].flatten(0, 1), warps, reach)


def warped(values: Tensor, flow: Tensor, stride: float) -> Tensor:
    """Values of P frames at B moments, moment by moment within a frame, along flows in px of the motion grid."""
    count = len(flow) // len(values)
    return backward_warp(values if count == 1 else values.repeat_interleave(count, 0), flow, stride)


def around(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """(B, (2 reach + 1)^2, h, w): how like `first` the features of `second` are at every offset within reach."""
    return local_correlation(first, second, reach) * first.shape[1] ** 0.5


def mean_offset(scores: Tensor, reach: int) -> Tensor:  # (B, (2 reach + 1)^2, h, w) logits -> (B, 2, h, w) cells
    with exact(scores):
        shares = scores.float().flatten(2).softmax(1)
        return (offsets((reach, reach), scores.device) @ shares).unflatten(2, scores.shape[-2:])


def enlarge(values: Tensor, factor: int) -> Tensor:
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)
