"""Motion between two frames at the moments that are asked for: flows at just these, or a trajectory through knots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..conventions import uniform_times
from ..memory import TORCH, Memory, in_batches
from ..pixels.blending import blend_prior
from ..pixels.warp import backward_warp
from ..trajectory.cubic import parabola_weights
from ..trajectory.flow_pair import FlowPair
from ..trajectory.trajectory import Trajectory
from .between import Between, MotionBetween, tau_and_parts
from .refinement import align
from .views import Beside, View
from .ways import Times

ON_CPU_AT_ONCE = 1  # moment, in both orders of time; more take memory and no less time
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
    """On a GPU all moments in one pass, in several where memory runs out."""
    pairs, on_cpu = len(first.small), first.small.device.type == "cpu"

    def found(batch: list[float]) -> list[FlowPair]:
        of_pairs = (tuple(batch),) * pairs
        motion = aligned(both_ways(between, first, second, of_pairs, before, after), first, second, of_pairs)
        seen = torch.cat((motion.seen0, motion.seen1), 1).float().sigmoid()
        seen = seen / seen.amax(1, keepdim=True)  # only their ratio is learned: what is seen better counts as seen
        maps = (motion.to0, motion.to1, *seen.split(1, 1))
        by_moment = (map_.unflatten(0, (pairs, len(batch))).unbind(1) for map_ in maps)
        return [_flow_pair(first, second, *of_moment) for of_moment in zip(batch, *by_moment, strict=True)]

    return list(in_batches(found, times, ON_CPU_AT_ONCE if on_cpu else len(times), memory))


def both_ways(
    between: Between, first: View, second: View, times: Times, before: Beside | None = None, after: Beside | None = None
) -> MotionBetween:
    """The mean of what is found in time's own order and in the other one: swapped images give the mirror image,
    exactly. Both in one pass, but where the frames beside the pair are not as far from it as each other."""
    mirrored = [None if side is None else Beside(side.view, 1 - side.time) for side in (after, before)]
    backward = tuple(tuple(1 - tau for tau in of_pair) for of_pair in times)
    sides = [[None if side is None else side.time for side in of] for of in ((before, after), mirrored)]
    if sides[0] == sides[1]:
        beside = [
            None if own is None else Beside(View.cat(own.view, other.view), own.time)
            for own, other in zip((before, after), mirrored, strict=True)
        ]
        found = between(View.cat(first, second), View.cat(second, first), times + backward, *beside)
        maps = (found.to0, found.to1, found.seen0, found.seen1)
        own, other = zip(*(map_.chunk(2) for map_ in maps), strict=True)
    else:
        found = between(first, second, times, before, after), between(second, first, backward, *mirrored)
        own, other = ((f.to0, f.to1, f.seen0, f.seen1) for f in found)
    to1, to0, seen1, seen0 = other
    return MotionBetween(*((a + b) / 2 for a, b in zip(own, (to0, to1, seen0, seen1), strict=True)))


def aligned(motion: MotionBetween, first: View, second: View, times: Times) -> MotionBetween:
    """Both flows corrected by what the images' gradients say of the rest between their warps (`refinement.align`), each
    by its part of the way. Gradients pass as if nothing had been changed."""
    image0, image1 = (view.small.repeat_interleave(len(times[0]), 0) for view in (first, second))
    with torch.no_grad():
        warps = backward_warp(image0, motion.to0), backward_warp(image1, motion.to1)
        flows = torch.cat((motion.to1, motion.to0))
        forward, backward = (align(flows, torch.cat(warps), torch.cat((image1, image0))) - flows).chunk(2)
        missing = (forward - backward) / 2
    part0, part1 = tau_and_parts(times, missing.device)[1].chunk(2)
    return replace(motion, to0=motion.to0 + part0 * missing, to1=motion.to1 + part1 * missing)


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
    neighbours lies on the parabola through the knot and where its pixels are in both images; an end's pixels are only
    known in the other one, so they go where the knot beside it has them from."""
    times = (0.0, *uniform_times(knots), 1.0)
    flows = FlowPair.batch(flows_between(between, first, second, times, before, after, memory))
    maps = {name: getattr(flows, name)[None] for name in ("to0", "to1", "visible0", "visible1", "colour")}
    steps = [_neighbours(times, k, flows.to0[k : k + 1], flows.to1[k : k + 1]) for k in range(1, len(times) - 1)]
    still, (to0, to1) = torch.zeros_like(flows.to0[:1]), (map_.split(1) for map_ in (flows.to0, flows.to1))
    leaving = -backward_warp(to0[1], times[1] * to1[0])
    coming = -backward_warp(to1[-2], (1 - times[-2]) * to0[-1])
    previous = torch.cat((still, *(step[0] for step in steps), coming))[None]
    following = torch.cat((leaving, *(step[1] for step in steps), still))[None]
    hidden = torch.minimum(maps["visible0"], maps["visible1"]) - 1
    return Trajectory(times, previous=previous, next=following, importance=HIDDEN_IMPORTANCE * hidden, **maps)


def _neighbours(times: Sequence[float], k: int, to0: Tensor, to1: Tensor) -> tuple[Tensor, Tensor]:
    """f_{k->k-1} and f_{k->k+1} of a knot between the ends."""
    weights = (parabola_weights(times[k], times[to]) for to in (k - 1, k + 1))
    return tuple(at0 * to0 + at1 * to1 for at0, at1 in weights)


def _flow_pair(
    first: View, second: View, tau: float, to0: Tensor, to1: Tensor, visible0: Tensor, visible1: Tensor
) -> FlowPair:
    """Its colour is that of both warps, blended as phi_s begins to."""
    shares = blend_prior(torch.full_like(visible0[:, :, :1, :1], tau), visible0, visible1)[:, :2].softmax(1)
    warps = backward_warp(first.small, to0), backward_warp(second.small, to1)
    colour = sum(share * warp for share, warp in zip(shares.split(1, 1), warps, strict=True))
    return FlowPair(tau, to0, to1, visible0, visible1, torch.ones_like(visible0), colour)
