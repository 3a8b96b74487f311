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
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import ResidualBlock, convex_upsample, zero_
from .bending import Bending, around, enlarge, warped
from .views import Beside, View
from .ways import LIKENESS, PLACE, WAYS, Times, Ways, along_straight_ways, likeliest_way

NEARBY, CLOSE = 3, 2  # cells of 8 px, and of 4 px, around the match so far
AROUND, AROUND_FINE = (2 * NEARBY + 1) ** 2, (2 * CLOSE + 1) ** 2
PX = 16.0  # px of the motion grid that enter the networks as 1
STATE = 2 + 2 + 2 + 1  # v0, v1, what is seen of both images, tau


@dataclass(frozen=True)
class MotionBetween:
    """Of K moments of each of P pairs, moment by moment within a pair: B = P K. On the motion grid."""

    to0: Tensor  # (B, 2, h, w) f_{tau->0} float32 px
    to1: Tensor  # (B, 2, h, w) f_{tau->1}
    seen0: Tensor  # (B, 1, h, w) logits: what is at tau is seen in I0
    seen1: Tensor  # (B, 1, h, w) logits
    steps: tuple[Tensor, ...] = ()  # (2 B, 2, h', w') to0, then to1, of the coarser grids, in px of the motion grid
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
        times: Times,  # in [0, 1]
        before: Beside | None = None,
        after: Beside | None = None,
    ) -> MotionBetween:
        ends, (tau, parts) = View.cat(first, second), tau_and_parts(times, first.small.device)
        beside = Bending(before, after, tau)
        found, state, scores, near = self.far(first, second, times)
        found = picked(found, near, ends, parts)
        velocities, seen = torch.cat((found[:, :2], found[:, 2:4])), found[:, 4:]  # (2 B, 2, ...), v0 before v1
        steps = [parts * velocities]

        def compared(view: View) -> Tensor:
            return self.compare(view.match)

        velocities = beside.bend(velocities, warped(ends.match, steps[0], 8), _match, 8, NEARBY)
        warps = warped(compared(ends), parts * velocities, 8)
        told = beside.read(self.bend, velocities, warps, compared, 8, NEARBY)
        given = *warps.chunk(2), around(*warps.chunk(2), NEARBY), state, *_known(velocities, seen, tau)
        more, state, _ = self.middle(torch.cat(given, 1), told)
        velocities, seen = velocities + torch.cat((more[:, :2], more[:, 2:4])), seen + more[:, 4:]
        steps.append(parts * velocities)

        velocities, seen = enlarge(velocities, 2), enlarge(seen, 2)
        if before is not None or after is not None:
            warps = warped(ends.fine, parts * velocities, 4)
            velocities = beside.bend(velocities, warps, _fine, 4, CLOSE)
        flows = parts * velocities
        images, warps = warped(ends.small, enlarge(flows, 4), 1), warped(ends.fine, flows, 4)
        told = beside.read(self.bend_fine, velocities, warps, _fine, 4, CLOSE)
        given = *warps.chunk(2), *F.pixel_unshuffle(images, 4).chunk(2), state, *_known(velocities, seen, tau)
        more, _, state = self.fine(torch.cat(given, 1), told)
        found = torch.cat((*velocities.chunk(2), seen), 1) + more
        found = convex_upsample(found, self.upsampling(state), 4)
        to0, to1 = (part * v for part, v in zip(parts.chunk(2), found[:, :4].split(2, 1), strict=True))
        return MotionBetween(to0, to1, *found[:, 4:].split(1, 1), tuple(steps), scores)

    def far(self, first: View, second: View, times: Times) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
        """The first step alone, at 1/16: v0, v1 and what is seen; what the next step is told; how likely each way is,
        before and after what is seen around is taken into account (B, WAYS, h/16, w/16), as logits; and what `picked`
        takes."""
        ways = along_straight_ways(first.match, second.match, times)
        likely = self.ways(ways)
        pooled = torch.cat([F.avg_pool2d(view.match, 2) for view in (first, second)], 1)
        pooled = pooled if len(times[0]) == 1 else pooled.repeat_interleave(len(times[0]), 0)
        tau = tau_and_parts(times, ways.device)[0].expand(-1, 1, *ways.shape[-2:])
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
        return self.correct(x).float() * correction_scale(x.device), told, x


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


def picked(found: Tensor, learned: Tensor, ends: View, parts: Tensor) -> Tensor:
    """found (B, 6, h/16, w/16) at 1/8: each place takes the motion of that one of the nine places of the coarser grid
    around it along which both images are most alike, to which learned scores (B, 9, h/8, w/8) are added. Means of two
    motions, as enlarging makes them along the rim of a thing, lead nowhere. ends, parts: as in `Between.forward`."""
    batch, planes, height, width = found.shape
    nine = F.unfold(F.pad(found, (1,) * 4, mode="replicate"), 3).view(batch, planes, 9, height, width)
    nine = F.interpolate(nine.transpose(1, 2).flatten(0, 1), scale_factor=2, mode="nearest")
    flows = parts.repeat_interleave(9, 0) * torch.cat((nine[:, :2], nine[:, 2:4]))
    alike = torch.linalg.vecdot(*warped(ends.match, flows, 8).chunk(2), dim=1).float() / ends.match.shape[1] ** 0.5
    shares = (alike.unflatten(0, (batch, 9)) + learned).softmax(1)
    return (shares[:, :, None] * nine.unflatten(0, (batch, 9))).sum(1)


@lru_cache(maxsize=64)
def tau_and_parts(times: Times, device: torch.device) -> tuple[Tensor, Tensor]:
    """tau of all B moments (B, 1, 1, 1), and the parts of the velocities v0, v1 that the flows are (2 B, 1, 1, 1)."""
    with torch.inference_mode(False):
        tau = torch.tensor(times, dtype=torch.float32, device=device).view(-1, 1, 1, 1)
        return tau, torch.cat((-tau, 1 - tau))


def _match(view: View) -> Tensor:
    return view.match


def _fine(view: View) -> Tensor:
    return view.fine


@lru_cache(maxsize=4)
def correction_scale(device: torch.device) -> Tensor:
    """(1, 6, 1, 1): networks speak in units of PX px and of logits."""
    with torch.inference_mode(False):
        return torch.tensor((PX,) * 4 + (1.0,) * 2, device=device).view(1, 6, 1, 1)


def _known(velocities: Tensor, seen: Tensor, tau: Tensor) -> tuple[Tensor, ...]:  # (B, STATE, h, w) together
    return *(velocities / PX).chunk(2), seen.clamp(-8, 8) / 4, tau.expand_as(seen[:, :1])
