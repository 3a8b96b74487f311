"""Regular repeats say what a film's own rate was."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from rdvfi_core.timeline import Source, Timeline
from rdvfi_core.timeline.pulldown import without_pulldown

FILM = Fraction(24000, 1001)
MILLISECOND = Fraction(1, 1000)


def shown_as(film: Fraction, rate: Fraction, seconds: int, first: int = 0) -> list[int]:
    """Which frame of the film each frame of the clip shows."""
    return [int((i + first) * film / rate) for i in range(int(seconds * rate))]


def repeats(shown: list[int]) -> list[int]:
    return [i for i in range(1, len(shown)) if shown[i] == shown[i - 1]]


def steps(source: Source) -> list[Fraction]:
    """Seconds between the frames that are not passed over."""
    times = [source.time(i) for i in range(len(source)) if i not in source.duplicates]
    return [after - before for before, after in zip(times, times[1:], strict=False)]


@pytest.mark.parametrize(
    ("film", "rate"),
    [
        (FILM, Fraction(30000, 1001)),
        (Fraction(25), Fraction(30)),
        (FILM, Fraction(60000, 1001)),
        (Fraction(24), Fraction(25)),
        (Fraction(18), Fraction(24)),
        (Fraction(16), Fraction(24)),
    ],
)
@pytest.mark.parametrize("first", [0, 2, 3])
def test_the_film_is_spread_evenly(film, rate, first):
    shown = shown_as(film, rate, 8, first)
    found, text = without_pulldown(Source.constant(len(shown), rate, duplicates=repeats(shown)))
    assert found.fps == film and set(steps(found)) == {1 / film}
    assert len(found) == len(shown) and found.duplicates == set(repeats(shown))
    assert abs(found.duration - len(shown) / rate) <= 1 / film and "repeat the one before" in text
    plan = Timeline.multiplied(2).plan(found)
    own = [frame.first for frame in plan if frame.kind == "copy"]
    assert own == [i for i in range(len(shown)) if i not in found.duplicates]


@pytest.mark.parametrize("base", [Fraction(1, 90000), MILLISECOND])
def test_times_in_which_fields_alternate_are_even_too(base):
    """DVDs show a frame for two fields, then one for three; nothing is repeated in the file. And files from which the
    repeats were dropped."""
    fields, steps_of_30 = [0], [0]
    for i in range(60):
        fields.append(fields[-1] + 2 + i % 2)
        steps_of_30.append(steps_of_30[-1] + 1 + (i % 4 == 3))
    for places, rate in ((fields, Fraction(60000, 1001)), (steps_of_30, Fraction(30000, 1001))):
        *ticks, end = (round(place / rate / base) for place in places)
        found, _ = without_pulldown(Source.timed(ticks, base, end))
        assert found.fps == FILM and set(steps(found)) == {1 / FILM} and not found.duplicates


def test_repeats_that_were_not_seen_are_left_out_too_and_every_shot_has_its_own_phase():
    shown = shown_as(FILM, Fraction(30000, 1001), 3) + shown_as(FILM, Fraction(30000, 1001), 3, 2)
    cut = len(shown) // 2 - 1
    marks = [i for i in repeats(shown) if i != cut + 1]
    seen = [mark for i, mark in enumerate(marks) if i % 4]
    found, _ = without_pulldown(Source.constant(len(shown), Fraction(30000, 1001), [cut], seen))
    assert found.duplicates >= set(marks) and found.cuts == {cut}
    assert sum(step != 1 / FILM for step in steps(found)) <= 1  # over the cut


def clip(duplicates: list[int], count: int = 240) -> Source:
    return Source.constant(count, Fraction(30), duplicates=duplicates)


@pytest.mark.parametrize(
    "marks",
    [
        range(1, 240, 2),  # animation on twos: even as it is
        [i for i in range(240) if i % 3],  # on threes
        [40],  # one frame was lost and its place filled: what moved on meanwhile did so in twice the time
        [40, 45],
        sorted(random.Random(0).sample(range(1, 240), 40)),  # a computer that was too slow
        [i for i in range(4, 60, 5)],  # an eighth of the clip; the rest moves at the full rate
    ],
)
def test_other_repeats_are_no_pattern(marks):
    assert without_pulldown(clip(list(marks))) is None


def test_a_part_without_repeats_keeps_its_times():
    """Credits at the full rate after a film: a cut lies in between."""
    source = Source.constant(240, Fraction(30), [119], range(4, 120, 5))
    found, _ = without_pulldown(source)
    assert set(steps(found)[:90]) == {Fraction(1, 24)} and set(steps(found)[-110:]) == {Fraction(1, 30)}


def test_times_that_jitter_are_left_alone():
    drawn, ticks = random.Random(1), [0]
    for _ in range(200):
        ticks.append(ticks[-1] + drawn.choice([17, 33, 41, 50, 66]))
    assert without_pulldown(Source.timed(ticks[:-1], MILLISECOND, ticks[-1], Fraction(60))) is None
