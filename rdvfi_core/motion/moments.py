"""Motion between two frames at the moments that are asked for: flows at just these, or a trajectory through knots."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..conventions import uniform_times
from ..memory import TORCH, Memory, in_batches
from ..pixels.blending import blend_prior
from ..pixels.warp import backward_warp
from ..trajectory.cubic import parabola_weights
from ..trajectory.flow_pair import FlowPair
from ..trajectory.trajectory import Trajectory
from .between import Beside, Between, View

MOST_MOMENTS = 7  # of a pair that each get a knot of their own; more are sampled from as many knots, evenly spaced
HIDDEN_IMPORTANCE = 4.0  # what a pixel that one of the images hides loses in the splat, as a log-weight


def flows_between(
    between: Between,
    first: View,  # of P pairs
    second: View,
    times: Sequence[float],  # K of them, the same for all pairs
    before: Beside | None = None,
    after: Beside | None = None,
    memory: Memory = TORCH,
) -> list[FlowPair]:  # K of P pairs each
    """All moments in one pass, in several where memory runs out."""
    pairs = len(first.small)

    def found(batch: list[float]) -> list[FlowPair]:
        tau = torch.tensor(batch, dtype=torch.float32, device=first.small.device).expand(pairs, -1)
        motion = between(first, second, tau, before, after)
        seen = torch.cat((motion.seen0, motion.seen1), 1).float().sigmoid()
        seen = seen / seen.amax(1, keepdim=True)  # only their ratio is learned: what is seen better counts as seen
        maps = (motion.to0, motion.to1, *seen.split(1, 1))
        by_moment = (map_.unflatten(0, (pairs, len(batch))).unbind(1) for map_ in maps)
        return [_flow_pair(first, second, *of_moment) for of_moment in zip(batch, *by_moment, strict=True)]

    return list(in_batches(found, times, len(times), memory))


def trajectory_between(
    between: Between,
    first: View,
    second: View,
    before: Beside | None = None,
    after: Beside | None = None,
    knots: int = MOST_MOMENTS,
    memory: Memory = TORCH,
) -> Trajectory:
    """Of one pair, through knots of their own motion, evenly spaced, and both ends. What leads from a knot to its
    neighbours lies on the parabola through the knot and where its pixels are in both images."""
    times = (0.0, *uniform_times(knots), 1.0)
    flows = FlowPair.batch(flows_between(between, first, second, times, before, after, memory))
    maps = {name: getattr(flows, name)[None] for name in ("to0", "to1", "visible0", "visible1", "colour")}
    steps = [_neighbours(times, k, flows.to0[k : k + 1], flows.to1[k : k + 1]) for k in range(len(times))]
    previous, following = (torch.cat(side)[None] for side in zip(*steps, strict=True))
    hidden = torch.minimum(maps["visible0"], maps["visible1"]) - 1
    return Trajectory(times, previous=previous, next=following, importance=HIDDEN_IMPORTANCE * hidden, **maps)


def _neighbours(times: Sequence[float], k: int, to0: Tensor, to1: Tensor) -> tuple[Tensor, Tensor]:
    """f_{k->k-1} and f_{k->k+1} of knot k, none beyond the ends."""

    def leads(to: int) -> Tensor:
        if not 0 <= to < len(times):
            return torch.zeros_like(to0)
        at0, at1 = parabola_weights(times[k], times[to])
        return at0 * to0 + at1 * to1

    return leads(k - 1), leads(k + 1)


def _flow_pair(
    first: View, second: View, tau: float, to0: Tensor, to1: Tensor, visible0: Tensor, visible1: Tensor
) -> FlowPair:
    """Its colour is that of both warps, blended as phi_s begins to."""
    shares = blend_prior(torch.full_like(visible0[:, :, :1, :1], tau), visible0, visible1)[:, :2].softmax(1)
    warps = backward_warp(first.small, to0), backward_warp(second.small, to1)
    colour = sum(share * warp for share, warp in zip(shares.split(1, 1), warps, strict=True))
    return FlowPair(tau, to0, to1, visible0, visible1, torch.ones_like(visible0), colour)
