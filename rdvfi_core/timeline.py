"""What to render: from source frames at a constant rate to output frames at exact times.

Positions count source frames: 0 is the first, 1.5 lies in the middle between the second and the third. They are
Fractions up to the moment a frame is rendered, so that no rounding adds up however long the clip is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from .inputs import check_fps

MOST_FRAMES = 10_000_000  # a plan of more is a slip of the pen
NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240))  # 23.976, 29.97, ... as they are meant
FINEST_RATE = 100_000  # denominator: a float such as 50 / 3 means the fraction near it
NTSC_SLACK = Fraction(1, 200)


@dataclass(frozen=True)
class Plan:
    """The positions of all output frames in the source, in rising order or not, and the rate they are shown at."""

    positions: tuple[Fraction, ...]
    fps: Fraction
    frames: int  # of the source

    def pairs(self) -> Iterator[tuple[int, list[Fraction]]]:
        """(i, taus): the output frames that lie between source frames i and i + 1, run by run in output order. tau 0 is
        frame i itself, tau 1 occurs only for the very last frame of the source."""
        for i, positions in groupby(self.positions, self._pair):
            yield i, [position - i for position in positions]

    def __len__(self) -> int:
        return len(self.positions)

    def describe(self) -> str:
        """For people: a line on the whole, then a line for each output frame."""
        kept = sum(position.denominator == 1 for position in self.positions)
        seconds = float(len(self) / self.fps)
        lines = [
            f"{self.frames} source frames -> {len(self)} frames at {_decimal(self.fps)} fps, {seconds:.3f} s; "
            f"{kept} of them are source frames, untouched."
        ]
        for number, position in enumerate(self.positions):
            i = self._pair(position)
            tau = position - i
            if tau.denominator == 1:
                lines.append(f"{number}: frame {i + tau}")
            else:
                lines.append(f"{number}: frames {i} and {i + 1} at {tau}")
        return "\n".join(lines)

    def _pair(self, position: Fraction) -> int:
        return min(math.floor(position), max(0, self.frames - 2))


@dataclass(frozen=True)
class Timeline:
    """A wish that becomes a `Plan` once the number of source frames is known."""

    fps: Fraction  # of the output
    step: Fraction | None = None  # source frames from one output frame to the next
    positions: tuple[Fraction, ...] = ()  # given one by one, without a step

    @classmethod
    def multiplied(cls, factor: int | float | Fraction, source_fps: Fraction, slow_motion: bool = False) -> Timeline:
        """`factor` output frames for each source frame: at `factor` times the rate, or in slow motion at the same."""
        factor = exact(factor)
        if factor < 1:
            raise ValueError(f"The multiplier is {_decimal(factor)}; give 1 or more, or a target rate to drop frames.")
        return cls(source_fps if slow_motion else source_fps * factor, 1 / factor)

    @classmethod
    def resampled(cls, source_fps: Fraction, fps: Fraction) -> Timeline:
        """The same duration at another rate, exactly."""
        return cls(fps, source_fps / fps)

    @classmethod
    def at(cls, positions: Sequence[int | float | str | Fraction], fps: Fraction) -> Timeline:
        """Output frames at these positions in the source, in this order."""
        if not positions:
            raise ValueError("The list of times is empty; give at least one position, such as 0.5.")
        return cls(fps, positions=tuple(exact(position) for position in positions))

    def plan(self, frames: int) -> Plan:
        """For `frames` source frames, of which there must be at least two."""
        if frames < 2:
            raise ValueError(f"There is {frames} source frame; frames can only be put between at least 2.")
        if self.step is None:
            outside = [p for p in self.positions if not 0 <= p <= frames - 1]
            if outside:
                raise ValueError(
                    f"The time {_decimal(outside[0])} lies outside the {frames} source frames; positions go from 0 to "
                    f"{frames - 1}."
                )
            return Plan(self.positions, self.fps, frames)
        count = math.floor((frames - 1) / self.step) + 1
        if count > MOST_FRAMES:
            raise ValueError(f"That would be {count} frames; ask for at most {MOST_FRAMES}.")
        return Plan(tuple(self.step * i for i in range(count)), self.fps, frames)


def exact(number: int | float | str | Fraction) -> Fraction:
    """A number as it is written: 0.1 is a tenth, "1/3" a third."""
    try:
        return Fraction(str(number).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{number!r} is no number; write 0.5, 2 or a fraction such as 1/3.") from None


def exact_fps(fps: float | str | Fraction) -> Fraction:
    """A rate as it is meant: 23.976 and 29.97 stand for 24000/1001 and 30000/1001, the rates of NTSC video, and a float
    for the simplest fraction that it comes from."""
    rate = fps if isinstance(fps, Fraction) else exact(fps).limit_denominator(FINEST_RATE)
    near = [meant for meant in NTSC if rate.denominator != 1 and abs(rate - meant) < NTSC_SLACK]
    return near[0] if near else check_fps(rate)


def parse_times(text: str) -> list[Fraction]:
    """Numbers and fractions, separated by commas or blanks."""
    return [exact(part) for part in text.replace(",", " ").split()]


def _decimal(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else f"{float(number):.6g}"
