"""Cubic convolution over knots in time, as weights of the knots: position(tau) = sum_j weight_j * position_j.

Between two knots the path is a cubic Hermite segment whose tangent at a knot is the derivative of the parabola through
three neighbouring knots: the one before, the knot and the one after, or at either end the three outermost ones. On
uniform times this is the Keys kernel with a = -1/2 and ghost end knots 3 c0 - 3 c1 + c2; on any times it is exact for
linear and quadratic motion. Two knots give a straight line, three a parabola. Four knots at most shape one segment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def interval_of(times: Sequence[float], tau: float) -> int:
    """Index a of the knot that opens the interval [t_a, t_{a+1}] around tau; the last interval includes its end."""
    return min(max(bisect_right(times, tau) - 1, 0), len(times) - 2)


def linear_weights(times: Sequence[float], tau: float) -> list[float]:
    """Weight of every knot in the position at tau on the straight line between the two knots around tau."""
    a = interval_of(times, tau)
    weights = [0.0] * len(times)
    weights[a + 1] = (tau - times[a]) / (times[a + 1] - times[a])
    weights[a] = 1 - weights[a + 1]
    return weights


def cubic_weights(times: Sequence[float], tau: float) -> list[float]:
    """Weight of every knot in the position at tau; the weights sum to 1."""
    a = interval_of(times, tau)
    length = times[a + 1] - times[a]
    s = (tau - times[a]) / length
    value_b = s * s * (3 - 2 * s)
    slope_a, slope_b = s * (1 - s) ** 2 * length, s * s * (s - 1) * length
    return _hermite(times, a, 1 - value_b, value_b, slope_a, slope_b)


def cubic_velocity_weights(times: Sequence[float], tau: float) -> list[float]:
    """Weight of every knot in the velocity at tau, per unit of time; the weights sum to 0."""
    a = interval_of(times, tau)
    length = times[a + 1] - times[a]
    s = (tau - times[a]) / length
    value_b = 6 * s * (1 - s) / length
    return _hermite(times, a, -value_b, value_b, (1 - s) * (1 - 3 * s), s * (3 * s - 2))


def parabola_weights(here: float, there: float) -> tuple[float, float]:
    """For a pixel at the time `here`, between 0 and 1, whose places at these are known: their weights in its
    displacement to the time `there` along the parabola through all three."""
    return (there - here) * (there - 1) / here, (there - here) * there / (1 - here)


def _hermite(
    times: Sequence[float], a: int, value_a: float, value_b: float, slope_a: float, slope_b: float
) -> list[float]:
    """Knot weights of a Hermite segment, given the factors of its two end values and of its two end tangents."""
    weights = [0.0] * len(times)
    weights[a] += value_a
    weights[a + 1] += value_b
    for knot, factor in ((a, slope_a), (a + 1, slope_b)):
        for j, weight in _tangent(times, knot).items():
            weights[j] += factor * weight
    return weights


def _tangent(times: Sequence[float], knot: int) -> dict[int, float]:
    """Weights of the tangent at a knot: the derivative there of the parabola through three neighbouring knots."""
    if len(times) == 2:
        slope = 1 / (times[1] - times[0])
        return {0: -slope, 1: slope}
    middle = min(max(knot, 1), len(times) - 2)
    nodes = (middle - 1, middle, middle + 1)
    weights = {}
    for j in nodes:  # derivative of the Lagrange polynomial of j
        m, n = (times[i] for i in nodes if i != j)
        weights[j] = (2 * times[knot] - m - n) / ((times[j] - m) * (times[j] - n))
    return weights
