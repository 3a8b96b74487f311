import random
from fractions import Fraction

import pytest

from rdvfi_core.timeline import Source

MILLISECOND = Fraction(1, 1000)


def test_a_constant_rate_lists_nothing_however_long_it_is():
    source = Source.constant(10_000_000, Fraction(24000, 1001))
    assert source.is_constant and len(source) == 10_000_000
    assert source.time(9_999_999) == Fraction(9_999_999 * 1001, 24000)
    assert source.duration == Fraction(10_000_000 * 1001, 24000)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001), Fraction(60), Fraction(30000, 1001)])
@pytest.mark.parametrize("told", [False, True])
def test_a_constant_rate_is_recognised_behind_rounded_times(fps, told):
    """A container that counts milliseconds."""
    ticks = [round(i / fps * 1000) + 700 for i in range(200)]
    source = Source.timed(ticks, MILLISECOND, round(200 / fps * 1000) + 700, fps if told else None)
    assert source == Source.constant(200, fps)


def test_other_times_are_kept_from_0_on():
    source = Source.timed([100, 133, 180, 200], MILLISECOND, 240)
    assert not source.is_constant
    assert [source.time(i) for i in range(5)] == [Fraction(t, 1000) for t in (0, 33, 80, 100, 140)]
    assert source.duration == Fraction(140, 1000) and "28.5714 fps on average" in source.describe()


def test_duplicates_after_a_cut_and_in_a_standstill_are_none():
    source = Source.constant(20, Fraction(24), cuts=[3], duplicates=[1, 4, 6, 7, 8, 10, 11, 12, 13, 19])
    assert source.duplicates == {1, 6, 7, 8, 19}


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"cuts": [4]}, "There is no cut after frame 4 in 5 source frames; give numbers from 0 to 3"),
        ({"duplicates": [0]}, "There is no duplicate frame 0 in 5 source frames; give numbers from 1 to 4"),
    ],
)
def test_marks_outside_the_clip_are_refused(marks, words):
    with pytest.raises(ValueError, match=words):
        Source.constant(5, Fraction(24), **marks)


@pytest.mark.parametrize("ticks", [[0, 2, 2], [0, 3, 1], [0, 1, 9]])
def test_times_that_do_not_rise_are_refused(ticks):
    with pytest.raises(ValueError, match="The times of the frames do not rise"):
        Source.timed(ticks, MILLISECOND, 9)


def jittered(fps: float, count: int, by: float, seed: int = 0) -> list[int]:
    """Milliseconds of frames that a recorder took when it could; the last one is the end."""
    drawn, second, ticks = random.Random(seed), 0.0, []
    for _ in range(count + 1):
        ticks.append(round(second))
        second += 1000 / fps + drawn.uniform(-by, by)
    return ticks


@pytest.mark.parametrize(
    ("fps", "by", "nominal", "meant"),
    [
        (30, 9, 1000, 30),  # a browser's recorder: no rate in the header, and one guessed from the milliseconds
        (30, 4, 500, 30),
        (24.3, 6, 90, 24),
        (12.5, 20, 100, 12.5),
        (30, 9, 45, 30),
        (60, 3, 25, 60),  # a rate that is too low would take frames away
        (30, 5, 30, 30),
        (30, 5, None, 30),
    ],
)
def test_a_rate_that_the_times_contradict_is_none(fps, by, nominal, meant):
    *ticks, end = jittered(fps, 300, by)
    source = Source.timed(ticks, MILLISECOND, end, nominal and Fraction(nominal))
    assert not source.is_constant
    assert abs(source.fps / meant - 1) < 0.02
    assert meant == 12.5 or source.fps == meant  # the usual ones exactly


@pytest.mark.parametrize("shown", [lambda i: i % 3, lambda i: i % 10 < 6, lambda i: not 40 < i < 200])
def test_a_rate_of_which_frames_are_missing_is_kept(shown):
    """A screen that did not change, a camera in the dark, a pause."""
    ticks = [round(1000 * i / 60) for i in range(240) if shown(i)]
    assert Source.timed(ticks, MILLISECOND, 4000, Fraction(60)).fps == 60
