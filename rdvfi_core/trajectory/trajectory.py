"""The continuous motion of a pair: `Trajectory` holds it at the knots and answers for any tau in between.

Every knot keeps its motion on its own grid, so that it ends where the knot's objects end. At tau the two knots around
it are carried there, each pixel along the cubic through its own positions at up to four knots, and both are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..pixels.splat import HOLE, fill_holes, remove_strays, splat
from ..pixels.warp import compose, sample_at
from .cubic import cubic_velocity_weights, cubic_weights, interval_of, linear_weights
from .flow_pair import FlowPair

MAPS = dict(to0=2, to1=2, previous=2, next=2, visible0=1, visible1=1, importance=1, colour=3)  # channels of each
MOST_IMPORTANCE = 6.0  # exp(6) = 403: what lies in front keeps a quarter of a per cent of what it covers
LEAST_IMPORTANCE = -20.0  # exp(-20) = 2e-9 loses against any other pixel and is still an ordinary float32
CYCLE_PX, CYCLE_SHARE = 1.0, 0.05  # a track may miss its origin by 1 px and 5 % of its way on the way back


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Motion of a pair at M >= 2 knots, all float32, each on its own knot's motion grid. Direction: `conventions`."""

    times: tuple[float, ...]  # (M,) of the knots: 0 = t_0 < ... < t_{M-1} = 1
    to0: Tensor  # (B, M, 2, h, w) f_{k->0}
    to1: Tensor  # (B, M, 2, h, w) f_{k->1}
    previous: Tensor  # (B, M, 2, h, w) f_{k->k-1}
    next: Tensor  # (B, M, 2, h, w) f_{k->k+1}
    visible0: Tensor  # (B, M, 1, h, w) in [0, 1]: the knot's pixel is seen in I0
    visible1: Tensor  # (B, M, 1, h, w) in [0, 1]: the knot's pixel is seen in I1
    importance: Tensor  # (B, M, 1, h, w) log-weight in the splat, clamped to [-20, 6] there
    colour: Tensor  # (B, M, 3, h, w) RGB of the knots
    keyframed: bool = False  # whether the inner knots are keyframes, whose colours are known
    _latest: dict = field(default_factory=dict, init=False, repr=False)  # displacements of the interval used last

    def split(self) -> list[Trajectory]:
        """Of each pair by itself."""
        maps = zip(*(getattr(self, name).split(1) for name in MAPS), strict=True)
        return [Trajectory(self.times, *of_one, self.keyframed) for of_one in maps]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", _checked_times(self.times))
        if self.to0.ndim != 5:
            raise ValueError(f"to0 has the shape {tuple(self.to0.shape)}; give (B, M, 2, h, w).")
        batch, _, _, height, width = self.to0.shape
        for name, channels in MAPS.items():
            tensor, shape = getattr(self, name), (batch, len(self.times), channels, height, width)
            if tensor.shape != shape:
                knots = f"{len(self.times)} knot times and to0 of {tuple(self.to0.shape)}"
                raise ValueError(f"{name} has the shape {tuple(tensor.shape)}; beside {knots} it must be {shape}.")
            if tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}; a trajectory is float32, so convert it with .float().")
            if tensor.device != self.to0.device:
                raise ValueError(f"{name} is on {tensor.device} and to0 on {self.to0.device}; move them to one device.")

    def sample(self, tau: float, method: str = "cubic") -> FlowPair:
        """The flows from tau to both inputs. At a knot's own time they are that knot's, untouched. The method "linear"
        moves pixels straight from knot to knot, for the ablation."""
        tau = _checked_tau(tau)
        if method not in ("cubic", "linear"):
            raise ValueError(f"method is {method!r}; give 'cubic' or 'linear'.")
        if tau in self.times:
            knot = self.times.index(tau)
            carried, coverage = self._carried(knot), torch.ones_like(self.visible0[:, knot])
        else:
            a = interval_of(self.times, tau)
            weights = self._weights(cubic_weights if method == "cubic" else linear_weights, tau)
            moves = [_mix(displacements, weights) for displacements in self._displacements(a)]
            carried = [self._carried(knot, move) for knot, move in zip((a, a + 1), moves, strict=True)]
            carried, coverage = self._splat_interval(a, tau, moves, carried)
        to0, to1, visible0, visible1, colour = carried.split((2, 2, 1, 1, 3), 1)
        return FlowPair(tau, to0, to1, visible0, visible1, coverage, colour, keyframed=self.keyframed)

    def velocity(self, tau: float) -> Tensor:  # (B, 2, h, w) px of the motion grid per unit of tau
        """How fast, and which way, the pixel that is seen at tau moves there: the derivative of its cubic."""
        tau = _checked_tau(tau)
        a = interval_of(self.times, tau)
        rates = [_mix(d, self._weights(cubic_velocity_weights, tau)) for d in self._displacements(a)]
        if tau in self.times:
            return rates[self.times.index(tau) - a]
        moves = [_mix(d, self._weights(cubic_weights, tau)) for d in self._displacements(a)]
        return self._splat_interval(a, tau, moves, rates)[0]

    def tracks(
        self,
        points: Tensor,  # (B, P, 2) px of the motion grid, x then y, in I0 (source 0) or I1 (source 1)
        times: Sequence[float],  # (T,)
        source: int = 0,
    ) -> tuple[Tensor, Tensor]:  # positions (B, T, P, 2) px, visible (B, T, P) bool
        """Paths of single points: the neighbour flows are chained from the source on, knot by knot, and the positions
        at the knots are joined by cubics. A point is visible where it lies within the frame and what the nearer knot
        shows there is seen in the source, at the very point where the track began."""
        times = [_checked_tau(tau) for tau in times]
        if source not in (0, 1):
            raise ValueError(f"source is {source!r}; give 0 for points of I0 or 1 for points of I1.")
        if points.ndim != 3 or points.shape[-1] != 2 or len(points) != len(self.to0):
            raise ValueError(f"points has the shape {tuple(points.shape)}; give (B, P, 2) with B = {len(self.to0)}.")
        if not times:
            raise ValueError("times is empty; give at least one time.")
        at_knots, seen = self._chain(points.to(self.to0), source)
        positions = torch.stack([_mix(at_knots, self._weights(cubic_weights, tau)) for tau in times], 1)
        # A knot's word counts up to the middle of the interval.
        scores = torch.stack([_mix(seen, self._weights(linear_weights, tau)) for tau in times], 1)
        return positions, (scores >= 0.5) & self._inside(positions)

    def reverse(self) -> Trajectory:
        """The same motion with the inputs swapped and time running from I1 to I0: tau becomes 1 - tau."""
        mirrored = {"to0": "to1", "previous": "next", "visible0": "visible1"}
        mirrored |= {new: old for old, new in mirrored.items()}
        tensors = {name: getattr(self, mirrored.get(name, name)).flip(1) for name in MAPS}
        return Trajectory(tuple(1 - t for t in reversed(self.times)), **tensors, keyframed=self.keyframed)

    def to(self, device: torch.device | str) -> Trajectory:
        return replace(self, **{name: getattr(self, name).to(device) for name in MAPS})

    def _carried(self, knot: int, move: Tensor | float = 0.0) -> Tensor:  # (B, 9, h, w)
        """What one knot brings to tau: its maps to I0 and I1, seen from where its pixels have moved, and the rest."""
        maps = (self.to0[:, knot] - move, self.to1[:, knot] - move)
        return torch.cat((*maps, self.visible0[:, knot], self.visible1[:, knot], self.colour[:, knot]), 1)

    def _weights(self, rule, tau: float) -> dict[int, float]:
        """Of the knots by number, by one of the rules of `cubic`."""
        return dict(enumerate(rule(self.times, tau)))

    def _displacements(self, a: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """For the pixels of knot a, and for those of knot a + 1: displacement (B, 2, h, w) to each other knot that
        shapes their cubic between the two. Kept for the latest interval: each further tau costs the splats alone."""
        key = (a, torch.is_grad_enabled())  # what was composed without gradients must not answer where they are needed
        found = self._latest.get(key)
        if found is None:
            b = a + 1
            from_a, from_b = {b: self.next[:, a]}, {a: self.previous[:, b]}
            if a > 0:
                from_a[a - 1] = self.previous[:, a]
                from_b[a - 1] = compose(self.previous[:, b], self.previous[:, a])
            if b < len(self.times) - 1:
                from_a[b + 1] = compose(self.next[:, a], self.next[:, b])
                from_b[b + 1] = self.next[:, b]
            found = (from_a, from_b)
            self._latest.clear()
            self._latest[key] = found
        return found

    def _splat_interval(
        self, a: int, tau: float, moves: Sequence[Tensor], values: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:  # (B, C, h, w), coverage (B, 1, h, w)
        """Mean at tau of the values of knots a and a + 1, each moved by its (B, 2, h, w); the nearer weighs more."""
        s = (tau - self.times[a]) / (self.times[a + 1] - self.times[a])
        sums = coverage = 0
        for knot, share, move, value in zip((a, a + 1), (1 - s, s), moves, values, strict=True):
            weight = share * self.importance[:, knot].clamp(LEAST_IMPORTANCE, MOST_IMPORTANCE).exp()
            more, weight = splat(value, move, weight)
            sums, coverage = sums + more, coverage + weight
        return remove_strays(fill_holes(sums / coverage.clamp(min=HOLE), coverage), coverage), coverage

    def _chain(self, points: Tensor, source: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Positions (B, P, 2) of the points at each knot, and (B, P): 1 where the knot shows the tracked surface."""
        step, home, visible = (
            (self.next, self.to0, self.visible0) if source == 0 else (self.previous, self.to1, self.visible1)
        )
        knots = range(len(self.times)) if source == 0 else reversed(range(len(self.times)))
        positions, seen = {}, {}
        here = points
        for k in knots:
            maps = torch.cat((step[:, k], home[:, k], visible[:, k]), 1)
            move, back, shown = sample_at(maps, here.mT[:, :, None])[:, :, 0].mT.split((2, 2, 1), -1)
            # What the knot shows here came from here + back: if that is not the track's origin, something covers it.
            gap = torch.linalg.vector_norm(here + back - points, dim=-1)
            tolerance = CYCLE_PX + CYCLE_SHARE * torch.linalg.vector_norm(here - points, dim=-1)
            positions[k], seen[k] = here, ((gap <= tolerance) & (shown[..., 0] >= 0.5)).float()
            here = here + move
        return positions, seen

    def _inside(self, positions: Tensor) -> Tensor:  # (..., 2) -> (...) bool
        height, width = self.to0.shape[-2:]
        x, y = positions.unbind(-1)
        return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _mix(displacements: dict[int, Tensor], weights: dict[int, float]) -> Tensor:
    """Sum of the displacements to some knots, each times its knot's weight."""
    return sum(weights[knot] * displacement for knot, displacement in displacements.items())


def _checked_tau(tau: float) -> float:
    tau = float(tau)
    if not 0 <= tau <= 1:  # NaN as well
        raise ValueError(f"tau is {tau}; give a time from 0 (I0) to 1 (I1).")
    return tau


def _checked_times(times: Sequence[float]) -> tuple[float, ...]:
    times = tuple(float(t) for t in times)
    rising = all(a < b for a, b in zip(times, times[1:], strict=False))
    if len(times) < 2 or times[0] != 0 or times[-1] != 1 or not rising:
        raise ValueError(f"The knot times are {times}; give at least two that rise from exactly 0 to exactly 1.")
    return times
