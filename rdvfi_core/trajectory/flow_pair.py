"""What phase 1 hands to phase 2: the flows of one time, or of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

FLOW_MAPS = dict(to0=2, to1=2, visible0=1, visible1=1, coverage=1, colour=3)


@dataclass(frozen=True, eq=False)
class FlowPair:
    """What a frame at tau is made from: where each of its pixels lies in I0 and in I1, on the motion grid."""

    tau: float | tuple[float, ...]  # one for all, or B of them
    to0: Tensor  # (B, 2, h, w) f_{tau->0}
    to1: Tensor  # (B, 2, h, w) f_{tau->1}
    visible0: Tensor  # (B, 1, h, w) in [0, 1]: seen in I0
    visible1: Tensor  # (B, 1, h, w) in [0, 1]: seen in I1
    coverage: Tensor  # (B, 1, h, w) splat weight before filling: 0 in a hole, 1 in even motion, 403 in front
    colour: Tensor  # (B, 3, h, w) the knots' RGB, carried to tau
    keyframed: bool = False  # whether the motion was fitted through keyframes

    @classmethod
    def batch(cls, pairs: Sequence[FlowPair]) -> FlowPair:
        """Several times in one: as many as the pairs hold together."""
        if len(pairs) == 1:
            return pairs[0]
        times = tuple(tau for pair in pairs for tau in pair.times)
        maps = {name: torch.cat([getattr(pair, name) for pair in pairs]) for name in FLOW_MAPS}
        return cls(times, **maps, keyframed=keyframed(pairs))

    @property
    def times(self) -> tuple[float, ...]:  # (B,)
        return self.tau if isinstance(self.tau, tuple) else (self.tau,) * len(self.to0)

    @property
    def time(self) -> Tensor:  # (B, 1, 1, 1) float32
        return torch.tensor(self.times, dtype=torch.float32, device=self.to0.device).view(-1, 1, 1, 1)

    def sample(self, tau: float) -> FlowPair:
        """That of one of the times; like `Trajectory.sample`, but nothing lies between them."""
        if tau not in self.times:
            raise ValueError(f"These flows are of the times {', '.join(map(str, self.times))}, not of {tau}.")
        return self.at(self.times.index(tau))

    def at(self, index: int) -> FlowPair:
        """That of one of the B times alone."""
        maps = {name: getattr(self, name)[index : index + 1] for name in FLOW_MAPS}
        return FlowPair(self.times[index], **maps, keyframed=self.keyframed)

    def to(self, device: torch.device | str) -> FlowPair:
        return replace(self, **{name: getattr(self, name).to(device) for name in FLOW_MAPS})


def keyframed(pairs: Iterable[FlowPair]) -> bool:
    """Whether flows were fitted through keyframes: all of them or none."""
    kinds = {pair.keyframed for pair in pairs}
    if len(kinds) > 1:
        raise ValueError("Some of the flows were fitted through keyframes and some were not; use one kind at a time.")
    return kinds == {True}
