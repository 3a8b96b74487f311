"""Numbers as they are written and frame rates as they are meant, exactly."""

from __future__ import annotations

from fractions import Fraction

from ..inputs import check_fps

NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240))  # 23.976, 29.97, ... as they are meant
FINEST_RATE = 100_000  # denominator: a float such as 50 / 3 means the fraction near it
NTSC_SLACK = Fraction(1, 200)


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


def decimal(number: Fraction) -> str:
    """For people."""
    return str(number) if number.denominator == 1 else f"{float(number):.6g}"
