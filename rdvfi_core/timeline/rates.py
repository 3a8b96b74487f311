"""Numbers as they are written and frame rates as they are meant, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median

from ..inputs import check_fps

NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240))  # 23.976, 29.97, ... as they are meant
FINEST_RATE = 100_000  # denominator: a float such as 50 / 3 means the fraction near it
NTSC_SLACK = Fraction(1, 200)
USUAL = (10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 144, 240)
USUAL_SLACK = Fraction(1, 100)  # by which times that jitter may miss a usual rate
NEAR_A_STEP = Fraction(1, 4)  # of 1 / rate: an interval that is no further from it
EVIDENCE = Fraction(1, 4)  # of all intervals: so many are near a step of a rate that is one


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


def rate_of(ticks: Sequence[int], time_base: Fraction, nominal: Fraction | None) -> Fraction:
    """Frames per second of times that are not even: the nominal rate, where the times bear it out, else their own.

    Containers without a rate get one guessed from the fineness of their times, such as 1000. A rate shows in the
    times, though: many frames last one step of it, and frames do not come faster. Otherwise it is the mean rate, pauses
    left out, or the usual one next to it. ticks: of each frame and of the end, at least two."""
    steps = [after - before for before, after in pairwise(ticks)]
    usually = median(steps)
    moving = [step for step in steps if usually <= 2 * step <= 4 * usually]
    own = len(moving) / (sum(moving) * time_base)
    if nominal is not None:
        shortest, longest = ((1 + slack) / (time_base * nominal) for slack in (-NEAR_A_STEP, NEAR_A_STEP))
        near = sum(float(shortest) <= step <= float(longest) for step in steps)
        if near >= EVIDENCE * len(steps) and own <= nominal * (1 + NEAR_A_STEP):
            return nominal
    usual = Fraction(min(USUAL, key=lambda rate: abs(rate - own)))
    return usual if abs(usual - own) <= USUAL_SLACK * own else exact_fps(float(own))


def parse_times(text: str) -> list[Fraction]:
    """Numbers and fractions, separated by commas or blanks."""
    return [exact(part) for part in text.replace(",", " ").split()]


def decimal(number: Fraction) -> str:
    """For people."""
    return str(number) if number.denominator == 1 else f"{float(number):.6g}"
