"""Motion in between: where the pixels of a moment between two images lie in both of them.

Straight motion is known at the ends and must be carried to the moment in between, where it tears. Here every moment
tau has its motion on its own grid, found in one pass: at 1/16 by what both images have in common along straight ways
through each place at tau (`ways`), of which learned scores choose; at
1/8 and 1/4 by warping both to tau and looking what is still apart, as IFNet (Huang et al. 2022) does for images. What
is learned is

    f_{tau->0} = -tau v0        f_{tau->1} = (1 - tau) v1        v0 = v1 where things move straight and evenly

so that at either end the motion to itself is exactly none. Where the pair is one of a clip's, the frames before and
after it are warped to tau along the same velocities, and where they are alike a little further on, the way is bent.
Directions and units: `conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import ResidualBlock, convex_upsample, local_correlation, zero_
from ..pixels.warp import backward_warp
from .adjacent import Features
from .ways import LIKENESS, PLACE, WAYS, Ways, along_straight_ways, likeliest_way

NEARBY, CLOSE = 3, 2  # cells of 8 px, and of 4 px, around the match so far
AROUND, AROUND_FINE = (2 * NEARBY + 1) ** 2, (2 * CLOSE + 1) ** 2
PX = 16.0  # px of the motion grid that enter the networks as 1
STATE = 2 + 2 + 2 + 1  # v0, v1, what is seen of both images, tau


@dataclass(frozen=True)
class View:
    """Frames as phase 1 sees them."""

    small: Tensor  # (P, 3, h, w) RGB on the motion grid, float32
    features: Features


@dataclass(frozen=True)
class Beside:
    """A clip's frames outside of the pair, one for each of P pairs."""

    view: View
    time: float  # below 0 or above 1


@dataclass(frozen=True)
class MotionBetween:
    """Of K moments of each of P pairs, moment by moment within a pair: B = P K. On the motion grid."""

    to0: Tensor  # (B, 2, h, w) f_{tau->0} float32 px
    to1: Tensor  # (B, 2, h, w) f_{tau->1}
    seen0: Tensor  # (B, 1, h, w) logits: what is at tau is seen in I0
    seen1: Tensor  # (B, 1, h, w) logits
    steps: tuple[tuple[Tensor, Tensor], ...] = ()  # to0 and to1 of the coarser grids, each in px of the motion grid
    scores: tuple[Tensor, ...] = ()  # of all ways, see `Between.far`


class Between(nn.Module):
    def __init__(self, match: int = 128, fine: int = 48, widths: tuple[int, int, int] = (160, 112, 64), operations=nn):
        super().__init__()
        conv = operations.Conv2d
        coarse, middle, narrow = widths
        compared = match // 2
        self.compare = conv(match, compared, 1)
        self.ways = Ways(operations=operations)
        self.coarse = _Stage(WAYS + 2 * match + 1, coarse, 4, 48, operations)
        self.coarse.body.append(_Context(coarse, _Context(coarse, None, operations), operations))
        self.choose = zero_(conv(coarse, WAYS, 3, padding=1))
        self.near = zero_(conv(coarse, 9 * 4, 1))
        self.middle = _Stage(2 * compared + AROUND + 48 + STATE, middle, 3, 32, operations)
        self.fine = _Stage(2 * fine + 2 * 3 * 16 + 32 + STATE, narrow, 3, 0, operations)
        self.upsampling = conv(narrow, 9 * 16, 1)
        self.bend = zero_(conv(2 * (AROUND + 1), middle, 1))
        self.bend_fine = zero_(conv(2 * (AROUND_FINE + 1), narrow, 1))

    def forward(
        self,
        first: View,  # I0 of P pairs
        second: View,  # I1
        times: Tensor,  # (P, K) float32 in [0, 1]
        before: Beside | None = None,
        after: Beside | None = None,
    ) -> MotionBetween:
        tau = times.reshape(-1, 1, 1, 1)
        sides = _Sides(before, after, tau)
        found, state, scores, near = self.far(first, second, times)
        found = picked(found, near, first, second, tau)
        steps = [_flows(_enlarge(found, 8), tau)]

        def compared(view: View) -> Tensor:
            return self.compare(view.features.match)

        found = sides.bend(found, first, second, _matches, 8, NEARBY)
        to0, to1 = (flow / 8 for flow in _flows(found, tau))
        warps = _warped(compared(first), to0), _warped(compared(second), to1)
        told = sides.read(self.bend, found, warps, compared, 8, NEARBY)
        more, state, _ = self.middle(torch.cat((*warps, around(*warps, NEARBY), state, _known(found, tau)), 1), told)
        found = found + more
        steps.append(_flows(_enlarge(found, 8), tau))

        found = sides.bend(_enlarge(found, 2), first, second, _fine, 4, CLOSE)
        full = _flows(_enlarge(found, 4), tau)
        images = (F.pixel_unshuffle(_warped(v.small, f), 4) for v, f in zip((first, second), full, strict=True))
        to0, to1 = (flow / 4 for flow in _flows(found, tau))
        warps = _warped(first.features.fine, to0), _warped(second.features.fine, to1)
        told = sides.read(self.bend_fine, found, warps, _fine, 4, CLOSE)
        more, _, state = self.fine(torch.cat((*warps, *images, state, _known(found, tau)), 1), told)
        found = convex_upsample(found + more, self.upsampling(state), 4)
        return MotionBetween(*_flows(found, tau), *found[:, 4:].split(1, 1), tuple(steps), scores)

    def far(self, first: View, second: View, times: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
        """The first step alone, at 1/16: v0, v1 and what is seen; what the next step is told; how likely each way is,
        before and after what is seen around is taken into account (B, WAYS, h/16, w/16), as logits; and what `picked`
        takes."""
        ways = along_straight_ways(first.features.match, second.features.match, times)
        likely = self.ways(ways)
        pooled = torch.cat([F.avg_pool2d(view.features.match, 2) for view in (first, second)], 1)
        pooled = pooled if times.shape[1] == 1 else pooled.repeat_interleave(times.shape[1], 0)
        tau = times.reshape(-1, 1, 1, 1).expand(-1, 1, *ways.shape[-2:])
        more, state, x = self.coarse(torch.cat((likely / LIKENESS, pooled, tau), 1))
        scores = likely + self.choose(x).float()
        way = PLACE * likeliest_way(scores)
        near = F.pixel_shuffle(self.near(x), 2).float()
        return more + torch.cat((way, way, torch.zeros_like(way)), 1), state, (likely, scores), near


class _Stage(nn.Module):
    """What is seen at one scale -> corrections of v0, v1 and of what is seen, in px of the motion grid and logits, and
    what the next scale, twice as fine, is told besides."""

    def __init__(self, given: int, width: int, blocks: int, told: int, operations=nn):
        super().__init__()
        conv = operations.Conv2d
        self.enter = conv(given, width, 1)
        self.body = nn.Sequential(*(ResidualBlock(width, operations) for _ in range(blocks)))
        self.correct = zero_(conv(width, 6, 3, padding=1))
        self.tell = conv(width, 4 * told, 1) if told else None

    def forward(self, given: Tensor, more: Tensor | None = None) -> tuple[Tensor, Tensor | None, Tensor]:
        """-> corrections, what the next scale is told, and what was thought."""
        x = self.enter(given)
        x = F.relu(self.body(x if more is None else x + more))
        told = None if self.tell is None else F.pixel_shuffle(self.tell(x), 2)
        return self.correct(x).float() * correction_scale(x), told, x


class _Context(nn.Module):
    """x + what is seen at half the size, and there with what is seen at a quarter: plain ground moves with its rim."""

    def __init__(self, width: int, deeper: nn.Module | None, operations=nn):
        super().__init__()
        self.down = operations.Conv2d(width, width, 3, stride=2, padding=1)
        self.body = nn.Sequential(ResidualBlock(width, operations), *(() if deeper is None else (deeper,)))
        self.up = zero_(operations.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.up(F.relu(self.body(F.relu(self.down(F.relu(x))))))
        return x + F.interpolate(wide, x.shape[-2:], mode="bilinear", align_corners=False)


class _Sides:
    """The frames beside the pair. A pixel that is at x at tau, and speeds up by `curve` px over the square of the
    pair's time, lies at any time t at

        x + (t - tau) u + curve (t (t - 1) - tau (tau - 1)) / 2
        v0 = u - curve (1 - tau) / 2        v1 = u + curve tau / 2

    so that the frames beside the pair tell the curve by how far from the even way they are alike."""

    def __init__(self, before: Beside | None, after: Beside | None, tau: Tensor):
        self.given, self.tau = (before, after), tau
        self.curve: Tensor | None = None  # (B, 2, h, w) px of the motion grid, once it was asked for

    def bend(self, found: Tensor, first: View, second: View, of, stride: int, reach: int) -> Tensor:
        """`found`, its velocities corrected by what the frames beside the pair say of the curve."""
        if self.given == (None, None):
            return found
        tau = self.tau
        self.curve = torch.zeros_like(found[:, :2]) if self.curve is None else _enlarge(self.curve, 2)
        warps = [_warped(of(v), f / stride) for v, f in zip((first, second), _flows(found, tau), strict=True)]
        offsets = [
            2 * stride / (side.time * (side.time - 1)) * mean_offset(F.avg_pool2d(alike, 3, 1, 1), reach)
            for side, alike in zip(self.given, self._alike(found, warps, of, stride, reach), strict=True)
            if side is not None
        ]
        more = sum(offsets) / len(offsets)
        self.curve = self.curve + more
        return found + torch.cat(((tau - 1) / 2 * more, tau / 2 * more, torch.zeros_like(more)), 1)

    def read(self, layer: nn.Module, found: Tensor, warps, of, stride: int, reach: int) -> Tensor | None:
        """What a layer makes of how like they are."""
        if self.given == (None, None):
            return None
        maps = []
        for alike in self._alike(found, warps, of, stride, reach):
            here = torch.zeros_like(warps[0][:, :1])
            maps += [here.expand(-1, (2 * reach + 1) ** 2, -1, -1), here] if alike is None else [alike, here + 1]
        return layer(torch.cat(maps, 1))

    def _alike(self, found: Tensor, warps, of, stride: int, reach: int) -> list[Tensor | None]:
        """Of each side: around the place where the way so far leads, how like the nearer image it is."""
        return [
            None
            if side is None
            else around(warp, _warped(of(side.view), self._way(velocity, side.time) / stride), reach)
            for side, velocity, warp in zip(self.given, found[:, :4].split(2, 1), warps, strict=True)
        ]

    def _way(self, velocity: Tensor, time: float) -> Tensor:  # f_{tau->time}
        tau = self.tau
        even = velocity + self.curve * ((1 - tau) / 2 if time < 0 else -tau / 2)
        return (time - tau) * even + self.curve * ((time * (time - 1) - tau * (tau - 1)) / 2)


def picked(found: Tensor, learned: Tensor, first: View, second: View, tau: Tensor) -> Tensor:
    """found (B, 6, h/16, w/16) at 1/8: each place takes the motion of that one of the nine places of the coarser grid
    around it along which both images are most alike, to which learned scores (B, 9, h/8, w/8) are added. Means of two
    motions, as enlarging makes them along the rim of a thing, lead nowhere."""
    batch, planes, height, width = found.shape
    nine = F.unfold(F.pad(found, (1,) * 4, mode="replicate"), 3).view(batch, planes, 9, height, width)
    nine = F.interpolate(nine.transpose(1, 2).flatten(0, 1), scale_factor=2, mode="nearest")
    flows = _flows(nine, tau.repeat_interleave(9, 0))
    warps = (_warped(v.features.match, flow / 8) for v, flow in zip((first, second), flows, strict=True))
    alike = torch.linalg.vecdot(*warps, dim=1).float() / first.features.match.shape[1] ** 0.5
    shares = (alike.unflatten(0, (batch, 9)) + learned).softmax(1)
    return (shares[:, :, None] * nine.unflatten(0, (batch, 9))).sum(1)


def mean_offset(scores: Tensor, reach: int) -> Tensor:  # (B, (2 reach + 1)^2, h, w) logits -> (B, 2, h, w) cells
    offsets = torch.arange(-reach, reach + 1, device=scores.device, dtype=torch.float32).view(-1, 1, 1)
    shares = scores.float().softmax(1).unflatten(1, (2 * reach + 1,) * 2)
    return torch.stack(((shares.sum(1) * offsets).sum(1), (shares.sum(2) * offsets).sum(1)), 1)


def _matches(view: View) -> Tensor:
    return view.features.match


def _fine(view: View) -> Tensor:
    return view.features.fine


def _warped(values: Tensor, flow: Tensor) -> Tensor:
    """Values of P pairs at B moments, moment by moment within a pair."""
    count = len(flow) // len(values)
    return backward_warp(values if count == 1 else values.repeat_interleave(count, 0), flow)


def around(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """(B, (2 reach + 1)^2, h, w): how like `first` the features of `second` are at every offset within reach."""
    return local_correlation(first, second, reach) * first.shape[1] ** 0.5


def correction_scale(like: Tensor) -> Tensor:
    """(1, 6, 1, 1): networks speak in units of PX px and of logits."""
    return like.new_tensor((PX,) * 4 + (1.0,) * 2, dtype=torch.float32).view(1, 6, 1, 1)


def _flows(found: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """f_{tau->0} and f_{tau->1} of v0 and v1."""
    return -tau * found[:, :2], (1 - tau) * found[:, 2:4]


def _known(found: Tensor, tau: Tensor) -> Tensor:  # (B, STATE, h, w)
    return torch.cat((found[:, :4] / PX, found[:, 4:].clamp(-8, 8) / 4, tau.expand_as(found[:, :1])), 1)


def _enlarge(values: Tensor, factor: int) -> Tensor:
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)
