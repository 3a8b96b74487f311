"""Motion in between: where the pixels of a moment between two images lie in both of them.

Straight motion is known at the ends and must be carried to the moment in between, where it tears. Here every moment
tau has its motion on its own grid, found in one pass: at 1/16 by what both images have in common along straight ways
through each place at tau (a bilateral cost volume, after BMBC, Park et al. 2020), of which learned scores choose; at
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

from ..blocks import ResidualBlock, convex_upsample, exact, local_correlation, zero_
from ..pixels.warp import backward_warp, pixel_grid
from .adjacent import Features

REACH = (8, 5)  # cells of 16 px, x and y: the longest ways that the coarsest grid looks along
NEARBY, CLOSE = 3, 2  # cells of 8 px, and of 4 px, around the match so far
WAYS = (2 * REACH[0] + 1) * (2 * REACH[1] + 1)
AROUND, AROUND_FINE = (2 * NEARBY + 1) ** 2, (2 * CLOSE + 1) ** 2
PX = 16.0  # px of the motion grid that enter the networks as 1
LIKENESS = 8.0  # about the mean of phi1's similarities, which enters the networks as 1
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


class Between(nn.Module):
    def __init__(self, match: int = 128, fine: int = 48, widths: tuple[int, int, int] = (160, 112, 64), operations=nn):
        super().__init__()
        conv = operations.Conv2d
        coarse, middle, narrow = widths
        compared = match // 2
        self.compare = conv(match, compared, 1)
        self.coarse = _Stage(WAYS + 2 * match + 1, coarse, 4, 48, operations)
        self.coarse.body.append(_Context(coarse, _Context(coarse, None, operations), operations))
        self.choose = zero_(conv(coarse, WAYS, 3, padding=1))
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
        count = times.shape[1]
        tau = times.reshape(-1, 1, 1, 1)
        sides = _Sides(before, after, tau)

        ways = along_straight_ways(first.features.match, second.features.match, times)
        pooled = torch.cat([F.avg_pool2d(view.features.match, 2) for view in (first, second)], 1)
        pooled = pooled if count == 1 else pooled.repeat_interleave(count, 0)
        given = torch.cat((ways / LIKENESS, pooled, tau.expand(-1, 1, *ways.shape[-2:])), 1)
        found, state, x = self.coarse(given)
        found = found + _mean_way(F.avg_pool2d(ways, 3, 1, 1, count_include_pad=False) + self.choose(x).float())
        steps = [_flows(_enlarge(found, 16), tau)]

        def compared(view: View) -> Tensor:
            return self.compare(view.features.match)

        found = sides.bend(_enlarge(found, 2), first, second, _matches, 8, NEARBY)
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
        return MotionBetween(*_flows(found, tau), *found[:, 4:].split(1, 1), tuple(steps))


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


def along_straight_ways(
    match0: Tensor,  # (P, C, h/8, w/8)
    match1: Tensor,
    times: Tensor,  # (P, K)
) -> Tensor:  # (P K, WAYS, h/16, w/16) float32
    """How like each other I0 at x - tau v and I1 at x + (1 - tau) v are, for every place x at tau and every way v of
    whole cells up to REACH, to the nearest feature; 0 where a way leaves either image. All similarities of a pair are
    computed once, whatever the number of moments."""
    pairs, channels, height, width = match0.shape
    with exact(match0):
        alike = match0.float().flatten(2).mT @ match1.float().flatten(2) / channels**0.5  # (P, hw, hw)
    x, y = (torch.arange(-reach, reach + 1, device=match0.device, dtype=torch.float32) for reach in REACH)
    ways = 2 * torch.stack((x.repeat(len(y)), y.repeat_interleave(len(x))), 1)[..., None, None]  # (WAYS, 2, 1, 1)
    places = 2 * pixel_grid(height // 2, width // 2, match0.device) + 0.5  # (1, 2, h/16, w/16)
    tau = times.reshape(pairs, -1, 1, 1, 1, 1)
    x0, y0 = (places - tau * ways).round().long().unbind(3)  # (P, K, WAYS, h/16, w/16) each
    x1, y1 = (places + (1 - tau) * ways).round().long().unbind(3)
    inside = _within(x0, width) & _within(x1, width) & _within(y0, height) & _within(y1, height)
    first = y0.clamp(0, height - 1) * width + x0.clamp(0, width - 1)
    second = y1.clamp(0, height - 1) * width + x1.clamp(0, width - 1)
    number = (first * (height * width) + second).flatten(1)  # (P, all)
    found = alike.flatten(1).gather(1, number).view(inside.shape) * inside
    return found.flatten(0, 1)


def _mean_way(scores: Tensor) -> Tensor:  # (B, WAYS, h, w) logits -> (B, 6, h, w)
    """Both velocities are the mean of the ways by their scores, in px of the motion grid; nothing is said of what is
    seen."""
    x, y = (torch.arange(-reach, reach + 1, device=scores.device, dtype=torch.float32) for reach in REACH)
    shares = scores.softmax(1).unflatten(1, (len(y), len(x)))
    mean = 16 * torch.stack(((shares.sum(1) * x.view(-1, 1, 1)).sum(1), (shares.sum(2) * y.view(-1, 1, 1)).sum(1)), 1)
    return torch.cat((mean, mean, torch.zeros_like(mean)), 1)


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


def _within(index: Tensor, size: int) -> Tensor:
    return (index >= 0) & (index < size)


def _flows(found: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """f_{tau->0} and f_{tau->1} of v0 and v1."""
    return -tau * found[:, :2], (1 - tau) * found[:, 2:4]


def _known(found: Tensor, tau: Tensor) -> Tensor:  # (B, STATE, h, w)
    return torch.cat((found[:, :4] / PX, found[:, 4:].clamp(-8, 8) / 4, tau.expand_as(found[:, :1])), 1)


def _enlarge(values: Tensor, factor: int) -> Tensor:
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)
