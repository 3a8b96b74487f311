"""From a moment of the source to the frames that show it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from functools import cached_property

from .frames import PlanFrame
from .source import Source

AT_CUTS = ("hold", "blend", "gap")


class Moments:
    """Which frames, and which time between them, show a moment of `source`. Nothing is listed: each question is
    answered by a search in the frames' times.

    at_cuts: between the last frame of a shot and the first of the next one, "hold" shows the former, "blend" fades over
    and "gap" shows nothing. loop: the first frame follows the last one."""

    def __init__(self, source: Source, at_cuts: str = "hold", loop: bool = False):
        if at_cuts not in AT_CUTS:
            raise ValueError(f"at_cuts is {at_cuts!r}; it must be one of {', '.join(AT_CUTS)}.")
        self.source, self.at_cuts, self.loop = source, at_cuts, loop

    def at(self, moment: Fraction, shown: Fraction) -> PlanFrame | None:
        """moment: seconds in the source, from 0 on; after its last frame that one is held. shown: seconds in the
        output. None in a gap."""
        source, last = self.source, len(self.source) - 1
        ticks = moment / source.time_base
        numerator, denominator = ticks.numerator, ticks.denominator  # whole numbers from here on: plans are long
        if self.loop:
            numerator %= source.end * denominator
        here = bisect_right(source.ticks, numerator // denominator) - 1
        on_frame = source.ticks[here] * denominator == numerator
        first = alike = here  # the run of frames that show the same picture
        while first in source.duplicates:
            first -= 1
        while alike + 1 in source.duplicates:
            alike += 1
        if alike == last and not self.loop:
            return PlanFrame.copy(shown, here)
        if alike in source.cuts:
            if here < alike or on_frame or self.at_cuts == "hold":
                return PlanFrame.copy(shown, here)
            if self.at_cuts == "gap":
                return None
            kind, first, second, end = "blend", here, here + 1, source.ticks[here + 1]
        elif alike == last:
            kind, second, end = "between", 0, source.end
        else:
            kind, second, end = "between", alike + 1, source.ticks[alike + 1]
        passed = numerator - source.ticks[first] * denominator
        if not passed:
            return PlanFrame.copy(shown, first)
        return PlanFrame(shown, kind, first, second, Fraction(passed, (end - source.ticks[first]) * denominator))

    def shot(self, moment: Fraction) -> tuple[Fraction, Fraction] | None:
        """(first moment, last moment) of the shot that this moment lies in; None between two shots."""
        source = self.source
        ticks = moment / source.time_base
        here = bisect_right(source.ticks, ticks.numerator // ticks.denominator) - 1
        if here in source.cuts and source.ticks[here] != ticks:
            return None
        after = bisect_left(self._cuts, here)
        first = self._cuts[after - 1] + 1 if after else 0
        last = self._cuts[after] if after < len(self._cuts) else len(source) - (not self.loop)
        return source.time(first), source.time(last)

    @cached_property
    def _cuts(self) -> list[int]:
        return sorted(self.source.cuts)
