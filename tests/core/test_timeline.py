from fractions import Fraction
from itertools import pairwise

import pytest

from rdvfi_core.timeline import MOST_FRAMES, Plan, Timeline, exact, exact_fps, parse_times

FILM, NTSC_FILM, NTSC_60 = Fraction(24), Fraction(24000, 1001), Fraction(60000, 1001)


def rebuilt(plan: Plan) -> tuple[Fraction, ...]:
    return tuple(i + tau for i, taus in plan.pairs() for tau in taus)


# A multiple of the source's rate


@pytest.mark.parametrize("frames", [2, 3, 7, 50])
@pytest.mark.parametrize("factor", [1, 2, 3, 7, 16])
def test_a_multiplier_divides_every_gap_evenly_and_keeps_the_source_frames(frames, factor):
    plan = Timeline.multiplied(factor, FILM).plan(frames)
    assert len(plan) == (frames - 1) * factor + 1
    assert plan.positions == tuple(Fraction(k, factor) for k in range(len(plan)))
    assert plan.positions[::factor] == tuple(range(frames))
    assert plan.frames == frames


@pytest.mark.parametrize("factor", [2.5, Fraction(5, 2), "5/2"])
def test_a_multiplier_may_be_a_fraction(factor):
    plan = Timeline.multiplied(factor, FILM).plan(4)
    assert plan.positions == tuple(Fraction(2 * k, 5) for k in range(8))
    assert plan.fps == 60


def test_a_multiplier_is_taken_as_it_is_written():
    assert Timeline.multiplied(1.1, FILM).fps == Fraction(264, 10)


def test_the_rate_is_multiplied_and_in_slow_motion_kept():
    fast, slow = (Timeline.multiplied(4, NTSC_FILM, slow_motion).plan(10) for slow_motion in (False, True))
    assert fast.fps == 4 * NTSC_FILM and slow.fps == NTSC_FILM
    assert fast.positions == slow.positions


def test_slow_motion_may_exceed_the_fastest_rate():
    assert len(Timeline.multiplied(100, Fraction(60), slow_motion=True).plan(2)) == 101


# Another rate


@pytest.mark.parametrize(
    ("source", "target"),
    [(FILM, NTSC_FILM), (FILM, NTSC_60), (Fraction(60), FILM), (NTSC_FILM, Fraction(25))],
)
def test_resampling_does_not_drift_in_a_hundred_thousand_frames(source, target):
    step = source / target
    frames = int(99_999 * step) + 2
    plan = Timeline.resampled(source, target).plan(frames)
    assert plan.fps == target and len(plan) >= 100_000
    numerator, denominator = step.numerator, step.denominator
    assert all(p == Fraction(k * numerator, denominator) for k, p in enumerate(plan.positions))
    assert frames - 1 - step < plan.positions[-1] <= frames - 1


def test_a_rate_that_divides_the_sources_takes_its_frames_alone():
    plan = Timeline.resampled(Fraction(60), Fraction(20)).plan(10)
    assert plan.positions == (0, 3, 6, 9)
    assert all(taus == [0] or (i, taus) == (8, [1]) for i, taus in plan.pairs())


@pytest.mark.parametrize("frames", [2, 25, 26, 1001])
def test_resampling_keeps_the_duration_to_within_a_frame(frames):
    plan = Timeline.resampled(FILM, NTSC_60).plan(frames)
    lost = Fraction(frames - 1) / FILM - (len(plan) - 1) / plan.fps
    assert 0 <= lost < 1 / plan.fps


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


# Times one by one


def test_times_are_kept_in_their_order_and_number():
    positions = [1.5, "1/3", 0, Fraction(7, 4), 1.5, 2, 0.1]
    plan = Timeline.at(positions, FILM).plan(3)
    assert plan.positions == (Fraction(3, 2), Fraction(1, 3), 0, Fraction(7, 4), Fraction(3, 2), 2, Fraction(1, 10))
    assert plan.fps == FILM


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


# Pairs


@pytest.mark.parametrize(
    "plan",
    [
        Timeline.multiplied(3, FILM).plan(6),
        Timeline.resampled(FILM, NTSC_60).plan(40),
        Timeline.resampled(Fraction(60), FILM).plan(40),
        Timeline.at([4, "1/3", 0.5, 3.5, 0, 4, 1, 0.25], FILM).plan(5),
        Timeline.multiplied(2, FILM).plan(2),
    ],
)
def test_pairs_cover_the_positions_in_order_and_run_by_run(plan):
    runs = list(plan.pairs())
    assert rebuilt(plan) == plan.positions
    assert all(0 <= i <= plan.frames - 2 and taus for i, taus in runs)
    assert all(a != b for (a, _), (b, _) in pairwise(runs))


def test_only_the_very_last_frame_is_at_tau_1():
    assert list(Timeline.multiplied(2, FILM).plan(3).pairs()) == [
        (0, [0, Fraction(1, 2)]),
        (1, [0, Fraction(1, 2), 1]),
    ]
    runs = list(Timeline.at([2, 1, 2, 0], FILM).plan(3).pairs())
    assert runs == [(1, [1, 0, 1]), (0, [0])]


# For people and files


def test_a_plan_in_words():
    assert Timeline.multiplied(2, NTSC_FILM).plan(3).describe().splitlines() == [
        "3 source frames -> 5 frames at 47.952 fps, 0.104 s; 3 of them are source frames, untouched.",
        "0: frame 0",
        "1: frames 0 and 1 at 1/2",
        "2: frame 1",
        "3: frames 1 and 2 at 1/2",
        "4: frame 2",
    ]
    lines = Timeline.at(["4/3", 0.1], FILM).plan(3).describe().splitlines()
    assert lines[0].startswith("3 source frames -> 2 frames at 24 fps") and "; 0 of them" in lines[0]
    assert lines[1:] == ["0: frames 1 and 2 at 1/3", "1: frames 0 and 1 at 1/10"]


# Bad input


@pytest.mark.parametrize("slow_motion", [False, True])
@pytest.mark.parametrize(("factor", "shown"), [(0, "0"), (-2, "-2"), (0.5, "0.5"), ("2/3", "0.666667")])
def test_a_multiplier_below_one_is_refused(factor, shown, slow_motion):
    with pytest.raises(ValueError, match=rf"The multiplier is {shown}; give 1 or more, or a target rate to drop"):
        Timeline.multiplied(factor, FILM, slow_motion)


@pytest.mark.parametrize(
    "rate",
    [
        FILM,
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


def test_an_empty_list_of_times_is_refused():
    with pytest.raises(ValueError, match=r"The list of times is empty; give at least one position, such as 0\.5"):
        Timeline.at([], FILM)


@pytest.mark.parametrize(("time", "shown"), [(-0.25, "-0.25"), ("7/3", "2.33333"), (3, "3")])
def test_a_time_outside_the_source_is_refused(time, shown):
    timeline = Timeline.at([0.5, time], FILM)
    with pytest.raises(
        ValueError, match=f"The time {shown} lies outside the 3 source frames; positions go from 0 to 2"
    ):
        timeline.plan(3)


@pytest.mark.parametrize("number", ["half", "", "1/0", "1,5", float("nan"), float("inf"), None, True])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ValueError, match="is no number; write 0.5, 2 or a fraction such as 1/3") as error:
        exact(number)
    assert str(error.value).startswith(repr(number))


def test_a_time_that_is_no_number_is_refused_by_its_own_name():
    with pytest.raises(ValueError, match="'x' is no number"):
        parse_times("0.5, x 1")
    with pytest.raises(ValueError, match="'two' is no number"):
        Timeline.multiplied("two", FILM)


@pytest.mark.parametrize("frames", [0, 1])
@pytest.mark.parametrize("timeline", [Timeline.multiplied(2, FILM), Timeline.at([0], FILM)])
def test_fewer_than_two_source_frames_are_refused(timeline, frames):
    with pytest.raises(ValueError, match=f"There is {frames} source frame; frames can only be put between at least 2"):
        timeline.plan(frames)


def test_too_many_output_frames_are_refused_before_they_are_listed():
    timeline = Timeline.multiplied(MOST_FRAMES, FILM, slow_motion=True)
    with pytest.raises(ValueError, match=f"That would be {MOST_FRAMES + 1} frames; ask for at most {MOST_FRAMES}"):
        timeline.plan(2)
