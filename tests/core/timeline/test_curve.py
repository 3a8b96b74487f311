from fractions import Fraction
from itertools import pairwise

import pytest

from rdvfi_core.timeline import SpeedCurve

HALF = Fraction(1, 2)
RAMP = SpeedCurve.of([(0, 1), (0.5, 0.25), (1, 1)])
WAVE = [(0.1, 2), (0.3, 0.5), (0.35, 0.5), (0.6, 3), (0.9, 0)]


def test_a_line_has_the_integral_of_a_trapezium():
    curve = SpeedCurve.of([(0, 1), (1, 3)])
    assert [curve.speed(Fraction(x)) for x in (0, HALF, 1)] == [1, 2, 3]
    assert [curve.integral(Fraction(x)) for x in (0, HALF, 1)] == [0, Fraction(3, 4), 2]
    assert curve.mean_speed == 2 and curve.duration(Fraction(10)) == 5


def test_the_curve_is_level_outside_its_points():
    curve = SpeedCurve.of([(0.25, 2), (0.75, 2)])
    assert curve.speed(Fraction(0)) == curve.speed(Fraction(1)) == 2
    assert curve.integral(Fraction(1)) == 2


@pytest.mark.parametrize("interpolation", ["linear", "monotone_cubic"])
@pytest.mark.parametrize("points", [WAVE, [(0, 1), (0.5, 0.25), (1, 1)], [(0.4, 1)]])
def test_speed_meets_its_points_and_its_integral_and_stays_between_them(points, interpolation):
    curve = SpeedCurve.of(points, interpolation)
    for x, y in curve.points:
        assert curve.speed(x) == y
    for (x0, y0), (x1, y1) in pairwise(curve.points):
        inner = [curve.speed(x0 + (x1 - x0) * Fraction(k, 50)) for k in range(51)]
        assert min(y0, y1) <= min(inner) and max(inner) <= max(y0, y1)
    steps = 2000  # the integral is exact, so this sum comes close to it
    total = sum(curve.speed(Fraction(2 * k + 1, 2 * steps)) for k in range(steps)) / steps
    assert abs(float(total - curve.mean_speed)) < 1e-4
    shares = [curve.source_share(Fraction(k, 100)) for k in range(101)]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)


def test_the_cubic_of_points_on_a_line_is_the_line():
    line = SpeedCurve.of([(0, 1), (0.2, 1.4), (1, 3)], "monotone_cubic")
    assert all(line.speed(Fraction(k, 10)) == 1 + Fraction(k, 5) for k in range(11))


def test_a_curve_survives_its_file(tmp_path):
    curve = SpeedCurve.of([(0, "1/3"), ("1/7", 0), (1, 2)], "monotone_cubic")
    (tmp_path / "curve.json").write_text(curve.to_json())
    assert SpeedCurve.load(tmp_path / "curve.json") == curve
    assert SpeedCurve.from_json('{"points": [[0, 0.1], [1, 1e0]]}').points == ((0, Fraction(1, 10)), (1, 1))


def test_a_curve_may_be_written_in_a_line():
    assert SpeedCurve.parse("0: 1, 0.5:1/4,\n1 : 1,") == RAMP
    with pytest.raises(ValueError, match="'0.5' is no point of a speed curve; write place: speed"):
        SpeedCurve.parse("0: 1, 0.5, 1: 1")
    with pytest.raises(ValueError, match="'fast' is no number"):
        SpeedCurve.parse("0: fast")


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(0, 1), (0.5, -0.5), (1, 1)], r"goes backward at x = 0\.5 \(speed -0\.5\); the lowest speed is 0"),
        ([(0, 1), (0.5, 2000)], r"reaches a speed of 2000 at x = 0\.5; the highest is 1000"),
        ([(0, 1), (1.5, 1)], r"a point at x = 1\.5; x goes from 0 to 1"),
        ([(0.5, 1), (0.5, 2)], r"two points at x = 0\.5; remove one"),
        ([], "The curve has no points"),
        ([(0, 0), (1, 0)], "speed is 0 everywhere"),
        ([(0, float("nan"))], "nan is no number"),
        ([(0, float("inf"))], "inf is no number"),
    ],
)
def test_curves_that_make_no_sense_are_refused(points, words):
    with pytest.raises(ValueError, match=words):
        SpeedCurve.of(points)


@pytest.mark.parametrize("text", ["", "3", "[]", '{"points": 5}', '{"points": [[1, 2, 3]]}', '{"points": [1]}', "{}"])
def test_what_is_no_curve_is_refused_with_its_path(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match="c.json: This is no speed curve; write"):
        SpeedCurve.load(tmp_path / "c.json")
    with pytest.raises(ValueError, match="interpolation is 'wavy'"):
        SpeedCurve.from_json('{"points": [[0, 1]], "interpolation": "wavy"}')
