"""The frames of a plan, each worked out when it is asked for: an hour of video takes no more memory than a second."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from .curve import SpeedCurve
from .frames import PlanFrame
from .moments import Moments
from .rates import decimal
from .source import Source

if TYPE_CHECKING:
    from .timeline import Timeline


class Schedule(Sequence[PlanFrame]):
    fps: Fraction

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(self._frame(i) for i in range(*index.indices(len(self))))
        return self._frame(range(len(self))[index])

    def time(self, index: int) -> Fraction:
        """The frame's `time`, without working out what it shows."""
        return Fraction(index * self.fps.denominator, self.fps.numerator)

    def _frame(self, index: int) -> PlanFrame:
        raise NotImplementedError


class Listed(Schedule):
    """Moments that are given one by one, in any order."""

    def __init__(self, timeline: Timeline, source: Source):
        last = len(source) if timeline.loop else len(source) - 1
        outside = [p for p in timeline.times if not 0 <= p <= last]
        if outside:
            raise ValueError(
                f"The time {decimal(outside[0])} lies outside the {len(source)} source frames; positions go from 0 to "
                f"{last}."
            )
        self.fps = timeline.output_fps(source)
        self._exposure = Exposure(timeline, source, self.fps)
        moments = (_moment(source, position) for position in timeline.times)
        if timeline.at_cuts == "gap":
            moments = (moment for moment in moments if self._exposure.moments.at(moment, moment) is not None)
        self._moments = tuple(moments)

    def __len__(self) -> int:
        return len(self._moments)

    def _frame(self, index: int) -> PlanFrame:
        moment = self._moments[index]
        return self._exposure.frame(self.time(index), moment, moment, linear)


class Regular(Schedule):
    """One output frame after the other at a constant rate, at constant or changing speed."""

    def __init__(self, timeline: Timeline, source: Source):
        self.fps = timeline.output_fps(source)
        self._exposure = Exposure(timeline, source, self.fps)
        self._speed = timeline.speed
        to_the_end = timeline.loop or timeline.hold_end
        self._span = source.duration if to_the_end else source.time(len(source) - 1)
        curved = isinstance(self._speed, SpeedCurve)
        self._duration = self._speed.duration(self._span) if curved else self._span / self._speed
        self._offset = _offset(timeline, source, self.fps) if timeline.resample_all else Fraction(0)
        steps = (self._duration - self._offset) * self.fps
        self.count = max(1, math.ceil(steps) if to_the_end else math.floor(steps) + 1)  # gaps included
        self._skipped = self._gaps(source) if timeline.at_cuts == "gap" else []

    def __len__(self) -> int:
        return self.count - sum(end - start for start, end in self._skipped)

    def moment(self, time: Fraction) -> Fraction:
        """The source's second that is shown in this second of the output."""
        if isinstance(self._speed, SpeedCurve):
            return self._speed.source_share(min(max(time / self._duration, Fraction(0)), Fraction(1))) * self._span
        return time * self._speed

    def time(self, index: int) -> Fraction:
        before = bisect_right(self._kept_before, index)
        return super().time(index + (self._skipped_before[before - 1] if before else 0))

    def _frame(self, index: int) -> PlanFrame:
        shown = self.time(index)
        time = shown + self._offset if self._offset else shown
        return self._exposure.frame(shown, self.moment(time), time, self.moment)

    def _gaps(self, source: Source) -> list[tuple[int, int]]:
        """[start, end) of the frame numbers that lie between two shots."""

        def moment(number: int) -> Fraction:
            return self.moment(number / self.fps + self._offset)

        numbers, gaps = range(self.count), []
        for cut in sorted(source.cuts):
            start = bisect_right(numbers, source.time(cut), key=moment)
            end = bisect_left(numbers, source.time(cut + 1), key=moment)
            gaps.append((start, end))
        return [(start, end) for start, end in gaps if start < end]

    @cached_property
    def _skipped_before(self) -> list[int]:
        return list(accumulate(end - start for start, end in self._skipped))

    @cached_property
    def _kept_before(self) -> list[int]:
        """How many frames are kept before each gap."""
        return [end - skipped for (_, end), skipped in zip(self._skipped, self._skipped_before, strict=True)]


class Exposure:
    """Frames, blurred by an open shutter where the timeline asks for it. The shutter is open around a frame's own
    time, as much before as after, but never into another shot."""

    def __init__(self, timeline: Timeline, source: Source, fps: Fraction):
        self.moments = Moments(source, timeline.at_cuts, timeline.loop)
        self.seconds = timeline.shutter / 360 / fps  # of the output
        self._samples = timeline.blur_samples

    def frame(self, shown: Fraction, moment: Fraction, centre: Fraction, moment_at) -> PlanFrame:
        """centre: of the time in which the shutter is open, in the variable that `moment_at` takes to moments of the
        source."""
        frame = self.moments.at(moment, shown)
        shot = self.moments.shot(moment) if self.seconds else None
        if shot is None:
            return frame
        edges = centre - self.seconds / 2, centre + self.seconds / 2
        start, end = (min(max(moment_at(edge), shot[0]), shot[1]) for edge in edges)
        if start == end:
            return frame
        step = (end - start) / self._samples
        moments = (start + step * (i + Fraction(1, 2)) for i in range(self._samples))
        return replace(frame, exposure=tuple(self.moments.at(at, shown) for at in moments))


def linear(moment: Fraction) -> Fraction:
    return moment


def _moment(source: Source, position: Fraction) -> Fraction:
    """Seconds at a position counted in frames."""
    frame = math.floor(position)
    if frame == position:
        return source.time(frame)
    start, end = source.time(frame), source.time(frame + 1)
    return start + (position - frame) * (end - start)


def _offset(timeline: Timeline, source: Source, fps: Fraction) -> Fraction:
    """Seconds of the output by which all its frames are shifted off the source frames: about a quarter of a step.

    At a constant rate and speed, source times fall on multiples of 1 / q of a step of p / q; an odd multiple of half
    of that is as far from all of them as can be: 1/4 and 3/4 of the way for twice the frames."""
    if isinstance(timeline.speed, SpeedCurve) or not source.is_constant:
        return 1 / (4 * fps)
    step = timeline.speed / fps * source.fps  # source frames
    odd = 2 * (step.numerator // 4) + 1
    return Fraction(odd, 2 * step.denominator) / source.fps / timeline.speed
