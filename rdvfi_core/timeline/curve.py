"""Speed that changes in the course of the output: its integral says which moment of the source is shown when."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from .rates import decimal, exact

INTERPOLATIONS = ("linear", "monotone_cubic")
FASTEST_SPEED = 1000

Number = int | float | str | Fraction


@dataclass(frozen=True)
class SpeedCurve:
    """Speed over the output: x = 0 is its beginning and x = 1 its end, y is how many seconds of the source pass in one
    second of the output. Outside its points the curve goes on level.

    The source moment shown at x is source * V(x) / V(1) with V the integral of the speed from 0, and the output lasts
    source / V(1), where `source` is the source's duration: all are exact fractions, because between two points the
    speed is a polynomial with rational coefficients (a line, or a cubic that neither overshoots nor swings)."""

    points: tuple[tuple[Fraction, Fraction], ...]  # (x, speed), x strictly rising within [0, 1]
    interpolation: str = "linear"

    @classmethod
    def of(cls, points: Iterable[tuple[Number, Number]], interpolation: str = "linear") -> SpeedCurve:
        """Points in any order, numbers as they are written."""
        return cls(tuple(sorted((exact(x), exact(y)) for x, y in points)), interpolation)

    @classmethod
    def parse(cls, text: str) -> SpeedCurve:
        """ "0: 1, 0.5: 1/4, 1: 1" -> a curve through these points, each a place in the output and a speed."""
        points = []
        for part in text.replace("\n", ",").split(","):
            x, colon, y = part.partition(":")
            if not colon and part.strip():
                raise ValueError(
                    f"{part.strip()!r} is no point of a speed curve; write place: speed, such as 0: 1, 0.5: 1/4, 1: 1."
                )
            points += [(x.strip(), y.strip())] if colon else []
        return cls.of(points)

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"The curve's interpolation is {self.interpolation!r}; it must be {' or '.join(INTERPOLATIONS)}."
            )
        if not self.points:
            raise ValueError("The curve has no points; give at least one, such as [0, 1].")
        xs = [x for x, _ in self.points]
        if xs[0] < 0 or xs[-1] > 1:
            outside = xs[0] if xs[0] < 0 else xs[-1]
            raise ValueError(f"The curve has a point at x = {decimal(outside)}; x goes from 0 to 1, the whole output.")
        twice = [b for a, b in zip(xs, xs[1:], strict=False) if a == b]
        if twice:
            raise ValueError(f"The curve has two points at x = {decimal(twice[0])}; remove one of them.")
        for x, speed in self.points:
            if speed < 0:
                raise ValueError(
                    f"The curve goes backward at x = {decimal(x)} (speed {decimal(speed)}); the lowest speed is 0, "
                    "which stands still."
                )
            if speed > FASTEST_SPEED:
                raise ValueError(
                    f"The curve reaches a speed of {decimal(speed)} at x = {decimal(x)}; the highest is "
                    f"{FASTEST_SPEED}."
                )
        if self.mean_speed == 0:
            raise ValueError("The curve's speed is 0 everywhere; raise at least one point, or the output never ends.")

    def speed(self, x: Fraction) -> Fraction:
        start, coefficients, _ = self._piece(x)
        return sum((c * (x - start) ** power for power, c in enumerate(coefficients)), Fraction(0))

    def integral(self, x: Fraction) -> Fraction:
        """V(x), of the speed from 0 to x."""
        start, coefficients, before = self._piece(x)
        return before + _integral(coefficients, x - start)

    @cached_property
    def mean_speed(self) -> Fraction:
        """V(1): seconds of the source for one second of the output, over the whole."""
        return self.integral(Fraction(1))

    def duration(self, source: Fraction) -> Fraction:
        """Seconds of the output for so many of the source."""
        return source / self.mean_speed

    def source_share(self, x: Fraction) -> Fraction:
        """V(x) / V(1): which part of the source, in [0, 1], has passed at x."""
        return self.integral(x) / self.mean_speed

    def to_json(self) -> str:
        points = [[str(x), str(y)] for x, y in self.points]
        return json.dumps({"interpolation": self.interpolation, "points": points})

    @classmethod
    def from_json(cls, text: str) -> SpeedCurve:
        """{"points": [[0, 1], [0.5, "1/4"], [1, 1]], "interpolation": "linear"}; interpolation may be left out."""
        try:
            read = json.loads(text, parse_float=str)  # as written: 0.1 is a tenth
            points = [(x, y) for x, y in read["points"]]
            interpolation = read.get("interpolation", "linear")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(
                'This is no speed curve; write {"points": [[0, 1], [0.5, 0.25], [1, 1]]}, each point a place in the '
                "output from 0 to 1 and a speed."
            ) from None
        return cls.of(points, interpolation)

    @classmethod
    def load(cls, path: str | Path) -> SpeedCurve:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is no text; give a JSON file with a speed curve.") from None
        try:
            return cls.from_json(text)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _piece(self, x: Fraction) -> tuple[Fraction, tuple[Fraction, ...], Fraction]:
        """(start, polynomial in x - start, V(start)) of the piece that x lies in."""
        starts, polynomials, integrals = self._pieces
        i = max(0, bisect_right(starts, x) - 1)
        return starts[i], polynomials[i], integrals[i]

    @cached_property
    def _pieces(self) -> tuple[list[Fraction], list[tuple[Fraction, ...]], list[Fraction]]:
        starts, polynomials = [], []
        if self.points[0][0] > 0:
            starts, polynomials = [Fraction(0)], [(self.points[0][1],)]
        slopes = self._slopes()
        for i, ((x0, y0), (x1, y1)) in enumerate(zip(self.points, self.points[1:], strict=False)):
            width = x1 - x0
            mean = (y1 - y0) / width
            starts.append(x0)
            m0, m1 = slopes[i], slopes[i + 1]
            cubic = (y0, m0, (3 * mean - 2 * m0 - m1) / width, (m0 + m1 - 2 * mean) / width**2)
            polynomials.append((y0, mean) if self.interpolation == "linear" else cubic)
        starts.append(self.points[-1][0])
        polynomials.append((self.points[-1][1],))
        integrals = [Fraction(0)]
        for start, after, polynomial in zip(starts, starts[1:], polynomials, strict=False):
            integrals.append(integrals[-1] + _integral(polynomial, after - start))
        return starts, polynomials, integrals

    def _slopes(self) -> list[Fraction]:
        """At every point: the weighted harmonic mean of the two neighbouring slopes (Fritsch and Butland 1984), 0 at a
        peak or a valley, so that the cubic stays between its points; rational, unlike limiters with a root."""
        xs, ys = zip(*self.points, strict=True)
        widths = [b - a for a, b in zip(xs, xs[1:], strict=False)]
        means = [(b - a) / w for a, b, w in zip(ys, ys[1:], widths, strict=False)]
        inner = []
        for (w0, w1), (d0, d1) in zip(
            zip(widths, widths[1:], strict=False), zip(means, means[1:], strict=False), strict=True
        ):
            a, b = 2 * w1 + w0, w1 + 2 * w0
            inner.append((a + b) / (a / d0 + b / d1) if d0 * d1 > 0 else Fraction(0))
        return [means[0], *inner, means[-1]] if means else [Fraction(0)]


def _integral(polynomial: tuple[Fraction, ...], to: Fraction) -> Fraction:
    return sum((c * to ** (power + 1) / (power + 1) for power, c in enumerate(polynomial)), Fraction(0))
