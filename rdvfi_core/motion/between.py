"""Motion in between: where the pixels of a moment between two images lie in both of them, from the two images alone.

Straight motion is known at the ends and must be carried to the moment in between, where it tears. Here every moment
tau has its motion on its own grid, found in one pass: at 1/16 by what both images have in common along straight ways
through each place at tau (a bilateral cost volume, after BMBC, Park et al. 2020), at 1/8 and 1/4 by warping both to tau
and looking what is still apart, as IFNet (Huang et al. 2022) does for images. What is learned is

    f_{tau->0} = -tau v0        f_{tau->1} = (1 - tau) v1        v0 = v1 where things move straight and evenly

so that at either end the motion to itself is exactly none. Directions and units: `conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import ResidualBlock, convex_upsample, exact, zero_
from ..pixels.warp import backward_warp, pixel_grid
from .adjacent import Features

REACH = (8, 5)  # cells of 16 px, x and y: the longest ways that the coarsest grid looks along
NEARBY = 3  # cells of 8 px around the match so far
WAYS = (2 * REACH[0] + 1) * (2 * REACH[1] + 1)
AROUND = (2 * NEARBY + 1) ** 2
PX = 16.0  # px of the motion grid that enter the networks as 1
LIKENESS = 8.0  # about the mean of phi1's similarities, which enters the networks as 1
STATE = 2 + 2 + 2 + 1  # v0, v1, what is seen of both images, tau


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
        self.middle = _Stage(2 * compared + AROUND + 48 + STATE, middle, 3, 32, operations)
        self.fine = _Stage(2 * fine + 2 * 3 * 16 + 32 + STATE, narrow, 3, 0, operations)
        self.upsampling = conv(narrow, 9 * 16, 1)

    def forward(
        self,
        first: Features,  # of I0, P pairs
        second: Features,  # of I1
        image0: Tensor,  # (P, 3, h, w) on the motion grid
        image1: Tensor,
        times: Tensor,  # (P, K) float32 in [0, 1]
    ) -> MotionBetween:
        count = times.shape[1]
        tau = times.reshape(-1, 1, 1, 1)

        def of_moments(values: Tensor) -> Tensor:
            return values if count == 1 else values.repeat_interleave(count, 0)

        match0, match1 = of_moments(first.match), of_moments(second.match)
        ways = along_straight_ways(first.match, second.match, times)
        pooled = [F.avg_pool2d(match, 2) for match in (match0, match1)]
        here = tau.expand(-1, 1, *ways.shape[-2:])
        found, state = self.coarse(torch.cat((ways / LIKENESS, *pooled, here), 1))
        steps = [_flows(_enlarge(found, 16), tau)]

        found = _enlarge(found, 2)
        to0, to1 = (flow / 8 for flow in _flows(found, tau))
        warp0, warp1 = (backward_warp(self.compare(match), flow) for match, flow in ((match0, to0), (match1, to1)))
        more, state = self.middle(torch.cat((warp0, warp1, _around(warp0, warp1), state, _known(found, tau)), 1))
        found = found + more
        steps.append(_flows(_enlarge(found, 8), tau))

        full = _flows(_enlarge(found, 8), tau)
        images = (backward_warp(of_moments(i), f) for i, f in zip((image0, image1), full, strict=True))
        found = _enlarge(found, 2)
        to0, to1 = (flow / 4 for flow in _flows(found, tau))
        warps = backward_warp(of_moments(first.fine), to0), backward_warp(of_moments(second.fine), to1)
        shuffled = (F.pixel_unshuffle(image, 4).to(warps[0].dtype) for image in images)
        more, state = self.fine(torch.cat((*warps, *shuffled, state, _known(found, tau)), 1))
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

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(self.enter(given))
        correction = self.correct(F.relu(x)).float() * correction_scale(x)
        return correction, x if self.tell is None else F.pixel_shuffle(self.tell(F.relu(x)), 2)


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


def _around(first: Tensor, second: Tensor) -> Tensor:
    """(B, AROUND, h, w): mean product of `first` with `second` at every offset within NEARBY."""
    batch, channels, height, width = first.shape
    windows = F.unfold(second, 2 * NEARBY + 1, padding=NEARBY).view(batch, channels, AROUND, height, width)
    return (windows * first[:, :, None]).mean(1) * channels**0.5


def _enlarge(values: Tensor, factor: int) -> Tensor:
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)
