"""What travels along the wires between our nodes.

ComfyUI's cache weighs the outputs that it keeps by the tensors it finds in tuples and lists, so trajectories and flows
travel as named tuples of tensors."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from comfy_api.latest import io
from torch import Tensor

from ..rdvfi_core.timeline import Plan, Timeline
from ..rdvfi_core.trajectory.flow_pair import FLOW_MAPS, FlowPair
from ..rdvfi_core.trajectory.trajectory import MAPS, Trajectory

CATEGORY = "video/RDVFI"

Model = io.Custom("RDVFI_MODEL")  # a ModelPatcher around `networks.Networks`
InterpolationModel = io.Custom("INTERP_MODEL")  # core's own frame interpolation socket; the same object fits it
TrajectoryType = io.Custom("RDVFI_TRAJECTORY")  # TrajectoryValue
FlowType = io.Custom("RDVFI_FLOW")  # list of FlowValue, one per time
TimelineType = io.Custom("RDVFI_TIMELINE")  # TimelineValue


class TimelineValue(NamedTuple):
    """What is wished for, or a whole plan, and the rate of an IMAGE batch, which knows none; a VIDEO has its own."""

    timeline: Timeline | Plan
    source_fps: Fraction


class TrajectoryValue(NamedTuple):
    """`Trajectory` of one pair, on the CPU."""

    times: tuple[float, ...]
    to0: Tensor
    to1: Tensor
    previous: Tensor
    next: Tensor
    visible0: Tensor
    visible1: Tensor
    importance: Tensor
    colour: Tensor
    keyframed: bool

    @classmethod
    def of(cls, trajectory: Trajectory) -> TrajectoryValue:
        maps = (getattr(trajectory, name).cpu() for name in MAPS)
        return cls(trajectory.times, *maps, trajectory.keyframed)

    def trajectory(self) -> Trajectory:
        return Trajectory(*self)


class FlowValue(NamedTuple):
    """`FlowPair` of one time, on the CPU."""

    tau: float
    to0: Tensor
    to1: Tensor
    visible0: Tensor
    visible1: Tensor
    coverage: Tensor
    colour: Tensor
    keyframed: bool

    @classmethod
    def of(cls, flow: FlowPair) -> FlowValue:
        return cls(flow.times[0], *(getattr(flow, name).cpu() for name in FLOW_MAPS), flow.keyframed)

    def flow(self) -> FlowPair:
        return FlowPair(*self)
