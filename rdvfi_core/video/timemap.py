"""Which second of the source is heard, or its subtitles shown, in which second of the output."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from ..timeline import Plan, PlanFrame, Regular, Source, Timeline

PIECE = Fraction(1, 4)  # seconds of the output in which a changing speed is taken as constant
AT_SPEED_ONE = Fraction(3, 2)  # source frames by which a plan may be off the source's own times: holds, duplicates


@dataclass(frozen=True)
class Piece:
    """Constant speed from one moment to another, in seconds of the output and of the source."""

    start: Fraction
    end: Fraction
    source_start: Fraction
    source_end: Fraction

    @property
    def speed(self) -> Fraction:
        return (self.source_end - self.source_start) / (self.end - self.start)


@dataclass(frozen=True)
class TimeMap:
    """Linear between its knots, and never backward."""

    knots: tuple[tuple[Fraction, Fraction], ...]  # (second of the output, second of the source), rising

    @classmethod
    def of(cls, plan: Plan, source: Source, timeline: Timeline | None = None) -> TimeMap | None:
        """None where time runs backward, which nothing but pictures can follow. timeline: the wish that the plan came
        from; a plan that was edited since is its own evidence."""
        duration = plan.duration
        if timeline is not None and not timeline.times and isinstance(timeline.speed, Fraction):
            return cls(((Fraction(0), Fraction(0)), (duration, duration * timeline.speed)))
        if isinstance(plan.frames, Regular):
            steps = max(1, round(duration / PIECE))
            ends = (duration * i / steps for i in range(steps + 1))
            return cls(tuple((end, plan.frames.moment(end)) for end in ends))
        return cls._of_frames(plan, source)

    @classmethod
    def _of_frames(cls, plan: Plan, source: Source) -> TimeMap | None:
        knots, straight, slack = [], True, AT_SPEED_ONE / source.fps
        for frame in plan:
            moment = _moment(frame, source)
            straight = straight and abs(moment - frame.time) <= slack
            if knots and moment < knots[-1][1]:
                return None
            if not knots or frame.time >= knots[-1][0] + PIECE:
                knots.append((frame.time, moment))
        if straight:
            return cls(((Fraction(0), Fraction(0)), (plan.duration, plan.duration)))
        if knots[-1][0] < frame.time:
            knots.append((frame.time, moment))
        rest = min(plan.duration - frame.time, source.duration - moment)
        return cls((*knots, (plan.duration, moment + max(rest, Fraction(0)))))

    @property
    def is_identity(self) -> bool:
        return all(out == moment for out, moment in self.knots)

    @property
    def duration(self) -> Fraction:
        """Seconds of the output."""
        return self.knots[-1][0]

    def pieces(self) -> Iterator[Piece]:
        for (start, source_start), (end, source_end) in pairwise(self.knots):
            yield Piece(start, end, source_start, source_end)

    def output(self, moment: Fraction) -> Fraction:
        """The first second of the output that shows this second of the source. Beyond the ends the speed is 1."""
        first, last = self.knots[0], self.knots[-1]
        if moment <= first[1]:
            return first[0] + moment - first[1]
        if moment >= last[1]:
            return last[0] + moment - last[1]
        after = bisect_right(self.knots, moment, key=lambda knot: knot[1])
        (start, source_start), (end, source_end) = self.knots[after - 1], self.knots[after]
        return start + (moment - source_start) / (source_end - source_start) * (end - start)


def _moment(frame: PlanFrame, source: Source) -> Fraction:
    start = source.time(frame.first)
    if frame.kind == "copy":
        return start
    end = source.duration if frame.second < frame.first else source.time(frame.second)
    return start + frame.tau * (end - start)
