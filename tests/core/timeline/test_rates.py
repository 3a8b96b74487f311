from fractions import Fraction

import pytest

from rdvfi_core.timeline import exact, exact_fps, parse_times

NTSC_FILM, NTSC_60 = Fraction(24000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, NTSC_FILM),
        ("23.976", NTSC_FILM),
        (23.98, NTSC_FILM),
        ("24000/1001", NTSC_FILM),
        (29.97, Fraction(30000, 1001)),
        (47.952, Fraction(48000, 1001)),
        (59.94, NTSC_60),
        (119.88, Fraction(120000, 1001)),
        (239.76, Fraction(240000, 1001)),
    ],
)
def test_rates_of_ntsc_video_are_taken_as_they_are_meant(written, meant):
    assert exact_fps(written) == meant


@pytest.mark.parametrize("fps", [24, 24.0, 25, 30, 48, 50, 60, 120, 23.5, 23.96, 12.5, "47/2"])
def test_other_rates_are_taken_as_they_are_written(fps):
    assert exact_fps(fps) == Fraction(str(fps))


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(24),
        NTSC_60,
        Fraction(24000, 1001),
        Fraction(30000, 1001),
        Fraction(50, 3),
        Fraction(25, 2),
        Fraction(12345, 1000),
    ],
)
def test_a_rate_comes_back_from_a_float(rate):
    assert exact_fps(float(rate)) == rate


def test_times_are_written_with_commas_or_blanks():
    assert parse_times(" 0.5,1/3  2\n0.1, ") == [Fraction(1, 2), Fraction(1, 3), 2, Fraction(1, 10)]
    assert parse_times("") == []


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0.1, Fraction(1, 10)),
        ("1/3", Fraction(1, 3)),
        (" 2 ", 2),
        (Fraction(5, 7), Fraction(5, 7)),
        ("1e-2", Fraction(1, 100)),
    ],
)
def test_a_number_is_what_is_written(number, value):
    assert exact(number) == value
    assert isinstance(exact(number), Fraction)


@pytest.mark.parametrize("number", ["half", "", "1/0", "1,5", float("nan"), float("inf"), None, True])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ValueError, match="is no number; write 0.5, 2 or a fraction such as 1/3") as error:
        exact(number)
    assert str(error.value).startswith(repr(number))


def test_a_time_that_is_no_number_is_refused_by_its_own_name():
    with pytest.raises(ValueError, match="'x' is no number"):
        parse_times("0.5, x 1")
