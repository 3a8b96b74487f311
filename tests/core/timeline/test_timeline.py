import random
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise

import pytest

from rdvfi_core.timeline import MOST_FRAMES, Plan, PlanFrame, Source, SpeedCurve, Timeline

FILM, NTSC_FILM, NTSC_60 = Fraction(24), Fraction(24000, 1001), Fraction(60000, 1001)
HALF = Fraction(1, 2)


def clip(frames: int, fps: Fraction = FILM, **marks) -> Source:
    return Source.constant(frames, fps, **marks)


def position(frame: PlanFrame) -> Fraction:
    """In source frames, where the motion leads from one frame to the next."""
    assert frame.kind == "copy" or frame.second == frame.first + 1
    return frame.first + frame.tau


def positions(plan: Plan) -> list[Fraction]:
    return [position(frame) for frame in plan]


def said(plan: Plan) -> list[str]:
    return [frame.describe() for frame in plan]


# A multiple of the source's rate


@pytest.mark.parametrize("frames", [2, 3, 7, 50])
@pytest.mark.parametrize("factor", [1, 2, 3, 7, 16])
def test_a_multiplier_divides_every_gap_evenly_and_keeps_the_source_frames(frames, factor):
    timeline = Timeline.multiplied(factor)
    plan = timeline.plan(clip(frames))
    assert len(plan) == timeline.frame_count(clip(frames)) == (frames - 1) * factor + 1
    assert positions(plan) == [Fraction(k, factor) for k in range(len(plan))]
    assert [(f.kind, f.first) for f in plan[::factor]] == [("copy", i) for i in range(frames)]
    assert [f.time for f in plan] == [k / (24 * Fraction(factor)) for k in range(len(plan))]
    assert plan.source_frames == frames


@pytest.mark.parametrize("factor", [2.5, Fraction(5, 2), "5/2"])
def test_a_multiplier_may_be_a_fraction(factor):
    plan = Timeline.multiplied(factor).plan(clip(4))
    assert positions(plan) == [Fraction(2 * k, 5) for k in range(8)]
    assert plan.fps == 60


def test_a_multiplier_is_taken_as_it_is_written():
    assert Timeline.multiplied(1.1).output_fps(clip(2)) == Fraction(264, 10)


def test_the_rate_is_multiplied_and_in_slow_motion_kept():
    fast, slow = (make(4).plan(clip(10, NTSC_FILM)) for make in (Timeline.multiplied, Timeline.slowed))
    assert fast.fps == 4 * NTSC_FILM and slow.fps == NTSC_FILM
    assert positions(fast) == positions(slow)


def test_slow_motion_may_come_at_another_rate():
    plan = Timeline.slowed(2, Fraction(30)).plan(clip(3))
    assert plan.fps == 30 and positions(plan) == [Fraction(2 * k, 5) for k in range(6)]


# Another rate


@pytest.mark.parametrize("frames", [2, 25, 26, 1001])
def test_resampling_keeps_the_duration_to_within_a_frame(frames):
    plan = Timeline.resampled(NTSC_60).plan(clip(frames))
    lost = Fraction(frames - 1) / FILM - (len(plan) - 1) / plan.fps
    assert 0 <= lost < 1 / plan.fps


def test_a_rate_that_divides_the_sources_takes_its_frames_alone():
    assert said(Timeline.resampled(Fraction(20)).plan(clip(10, Fraction(60)))) == [f"frame {i}" for i in (0, 3, 6, 9)]


def random_rates(count: int) -> list[tuple[Fraction, Fraction]]:
    drawn = random.Random(0)

    def rate() -> Fraction:
        return drawn.choice(
            [
                Fraction(drawn.randint(1, 240)),
                Fraction(1000 * drawn.randint(1, 240), 1001),
                Fraction(drawn.randint(1000, 240_000), drawn.randint(1000, 2000)),
            ]
        )

    return [(rate(), rate()) for _ in range(count)]


@pytest.mark.parametrize(("source_fps", "fps"), random_rates(100))
@pytest.mark.parametrize("hold_end", [False, True])
def test_frame_counts_and_times_are_exact_at_random_rates(source_fps, fps, hold_end):
    source = clip(37, source_fps)
    timeline = Timeline.resampled(fps, hold_end=hold_end)
    plan = timeline.plan(source)
    step, count = source_fps / fps, len(plan)
    assert timeline.frame_count(source) == count and timeline.duration(source) == count / fps
    if hold_end:
        assert (count - 1) / fps < source.duration <= count / fps  # sound and picture end within a frame
    else:
        assert (count - 1) * step <= 36 < count * step
    for k, frame in enumerate(islice(plan, 200)):
        assert frame.time == k / fps
        assert position(frame) == min(k * step, 36)


@pytest.mark.parametrize(
    ("source_fps", "fps"), [(FILM, NTSC_FILM), (FILM, NTSC_60), (Fraction(60), FILM), (NTSC_FILM, Fraction(120))]
)
def test_an_hour_does_not_drift(source_fps, fps):
    frames = int(3600 * source_fps)
    plan = Timeline.resampled(fps, hold_end=True).plan(clip(frames, source_fps))
    assert plan.duration - Fraction(frames) / source_fps < 1 / fps
    for k in (0, 1, 1000, len(plan) // 2, len(plan) - 100, len(plan) - 1):
        assert plan[k].time == k / fps
        assert position(plan[k]) == min(k * source_fps / fps, frames - 1)


# Frames at times of their own


def test_frames_of_a_variable_rate_are_met_at_their_own_times():
    source = Source.timed([0, 40, 90, 100, 200], Fraction(1, 1000), 250, Fraction(20))
    assert not source.is_constant
    assert said(Timeline.resampled(Fraction(100)).plan(source))[:11] == [
        "frame 0", "frames 0 and 1 at 1/4", "frames 0 and 1 at 1/2", "frames 0 and 1 at 3/4",
        "frame 1", "frames 1 and 2 at 1/5", "frames 1 and 2 at 2/5", "frames 1 and 2 at 3/5", "frames 1 and 2 at 4/5",
        "frame 2", "frame 3",
    ]  # fmt: skip


# Times one by one


def test_times_are_kept_in_their_order_and_number():
    plan = Timeline.at([1.5, "1/3", 0, Fraction(7, 4), 1.5, 2, 0.1]).plan(clip(3))
    assert positions(plan) == [Fraction(3, 2), Fraction(1, 3), 0, Fraction(7, 4), Fraction(3, 2), 2, Fraction(1, 10)]
    assert plan.fps == FILM and [f.time for f in plan] == [Fraction(k, 24) for k in range(7)]


def test_positions_count_frames_also_at_a_variable_rate():
    source = Source.timed([0, 40, 100], Fraction(1, 1000), 140, Fraction(20))
    assert positions(Timeline.at([0.5, 1.25]).plan(source)) == [HALF, Fraction(5, 4)]


# Speed that changes


def random_curves(count: int) -> list[SpeedCurve]:
    drawn = random.Random(1)
    curves = []
    for _ in range(count):
        xs = sorted(drawn.sample(range(101), drawn.randint(1, 6)))
        points = [(Fraction(x, 100), Fraction(drawn.randint(0, 40), 10)) for x in xs]
        points[0] = (points[0][0], points[0][1] + 1)
        curves.append(SpeedCurve.of(points, drawn.choice(["linear", "monotone_cubic"])))
    return curves


@pytest.mark.parametrize("curve", random_curves(20))
@pytest.mark.parametrize("hold_end", [False, True])
def test_frame_counts_and_times_are_exact_along_curves(curve, hold_end):
    source = clip(30, NTSC_FILM)
    timeline = Timeline.curved(curve, NTSC_60, hold_end=hold_end)
    plan = timeline.plan(source)
    span = source.duration if hold_end else source.time(29)
    length = span / curve.mean_speed
    count = len(plan)
    assert timeline.frame_count(source) == count and timeline.duration(source) == count / NTSC_60
    assert (count - 1) / NTSC_60 <= length <= count / NTSC_60
    shown = positions(plan)
    assert all(b >= a for a, b in pairwise(shown)) and shown[0] == 0
    for k in range(0, count, 7):
        x = k / NTSC_60 / length
        exact = min(curve.integral(x) / curve.integral(Fraction(1)) * span * NTSC_FILM, 29)
        assert plan[k].time == k / NTSC_60 and shown[k] == exact


def test_a_level_curve_is_a_constant_speed():
    level = SpeedCurve.of([(0.2, "1/3")])
    assert list(Timeline.curved(level).plan(clip(5))) == list(Timeline.slowed(3).plan(clip(5)))


def test_a_curve_may_stand_still():
    plan = Timeline.curved(SpeedCurve.of([(0, 0), (0.5, 0), (1, 2)])).plan(clip(7))
    assert plan.duration == Fraction(13, 24)  # 6 steps at a mean speed of 1/2, and the last frame
    assert said(plan)[:7] == ["frame 0"] * 7


# Loop, end, and all frames alike


def test_a_loop_leads_from_the_last_frame_to_the_first():
    plan = Timeline.multiplied(4, loop=True).plan(clip(3))
    assert len(plan) == 12 and plan.duration == Fraction(3, 24) and plan.loop
    assert said(plan)[8:] == ["frame 2"] + [f"frames 2 and 0 at {Fraction(k, 4)}" for k in (1, 2, 3)]
    assert said(Timeline.at([2.5, 3], loop=True).plan(clip(3))) == ["frames 2 and 0 at 1/2", "frame 0"]


@pytest.mark.parametrize("source", [clip(4), Source((0, 2, 5, 7), 1 / FILM / 2, 9, FILM)])
def test_a_loop_leaves_out_a_last_frame_that_repeats_the_first(source):
    """Shown, it would stand still for a moment, in every round."""
    source, wish = replace(source, closes=True), Timeline.multiplied(2, loop=True)
    plan = wish.plan(source)
    assert plan.duration == source.time(3) and len(plan) == wish.frame_count(source)
    assert all(moment.first < 3 and moment.second < 3 for moment in plan.moments())
    assert plan[len(plan) - 1].second == 0 and plan.length(2, 0) == plan.length(0, 2) / (
        2 if plan.ticks is None else 2.5
    )
    plan.check_source(4)
    assert 3 in Timeline.multiplied(2).plan(source).source_numbers()  # without a loop it is a frame like any other


def test_a_loop_of_two_frames_keeps_both():
    assert len(Timeline.multiplied(2, loop=True).plan(replace(clip(2), closes=True))) == 4


def test_a_held_end_lasts_as_long_as_the_source():
    plan = Timeline.multiplied(3, hold_end=True).plan(clip(3))
    assert plan.duration == clip(3).duration
    assert said(plan)[5:] == ["frames 1 and 2 at 2/3"] + ["frame 2"] * 3


@pytest.mark.parametrize(("factor", "quarter"), [(2, Fraction(1, 4)), (4, Fraction(1, 8)), ("5/2", Fraction(1, 10))])
def test_resampled_frames_lie_as_far_from_source_frames_as_can_be(factor, quarter):
    plan = Timeline.multiplied(factor, resample_all=True).plan(clip(9))
    assert all(frame.kind == "between" for frame in plan)
    assert min(min(frame.tau, 1 - frame.tau) for frame in plan) == quarter
    steps = {b - a for a, b in pairwise(positions(plan))}
    assert len(steps) == 1


@pytest.mark.parametrize(
    "options", [{"fps": NTSC_60}, {"speed": SpeedCurve.of([(0, 1), (1, HALF)])}, {"speed": Fraction(3, 7)}]
)
def test_no_resampled_frame_is_a_source_frame(options):
    plan = Timeline(resample_all=True, **options).plan(clip(100))
    assert all(frame.kind == "between" for frame in plan)


# Cuts and duplicates


def test_cuts_are_held_blended_or_left_out():
    source = clip(4, cuts=[1])
    hold, blend, gap = (Timeline.multiplied(2, at_cuts=way).plan(source) for way in ("hold", "blend", "gap"))
    assert said(hold) == ["frame 0", "frames 0 and 1 at 1/2", "frame 1", "frame 1", "frame 2", "frames 2 and 3 at 1/2",
                          "frame 3"]  # fmt: skip
    assert said(blend)[3] == "frames 1 and 2 blended at 1/2"
    assert said(blend)[:3] + said(blend)[4:] == said(hold)[:3] + said(hold)[4:] == said(gap)
    assert [f.time * 48 for f in gap] == [0, 1, 2, 4, 5, 6]
    assert len(gap) == 6 == Timeline.multiplied(2, at_cuts="gap").frame_count(source)


@pytest.mark.parametrize("cuts", [[0], [0, 1, 2], [3, 9, 20], list(range(29))])
def test_what_a_gap_leaves_out_is_what_other_plans_hold(cuts):
    source = clip(30, NTSC_FILM, cuts=cuts)
    for timeline in (Timeline.multiplied(3), Timeline.resampled(Fraction(60)), Timeline.curved(random_curves(1)[0])):
        blend = Timeline(timeline.multiplier, timeline.fps, timeline.speed, at_cuts="blend").plan(source)
        gap = Timeline(timeline.multiplier, timeline.fps, timeline.speed, at_cuts="gap").plan(source)
        assert list(gap) == [frame for frame in blend if frame.kind != "blend"]


def test_motion_leads_across_duplicates_in_their_own_time():
    plan = Timeline.multiplied(2).plan(clip(6, duplicates=[1, 3, 5]))
    thirds = [f"frames 0 and 2 at {Fraction(k, 4)}" for k in (1, 2, 3)]
    assert said(plan) == ["frame 0", *thirds, "frame 2"] + [line.replace("0 and 2", "2 and 4") for line in thirds] + [
        "frame 4"
    ] * 2 + ["frame 5"]


def test_duplicates_before_a_cut_or_the_end_stay():
    plan = Timeline.multiplied(1).plan(clip(8, cuts=[3], duplicates=[1, 2, 3, 4, 7]))
    assert said(plan) == ["frame 0", "frame 1", "frame 2", "frame 3", "frame 4", "frame 5", "frame 6", "frame 7"]


def test_a_standstill_is_no_animation():
    still = Source.constant(8, FILM, duplicates=[1, 2, 3, 4, 6])
    assert still.duplicates == {6}
    assert said(Timeline.multiplied(1).plan(still))[4:] == ["frame 4", "frame 5", "frames 5 and 7 at 1/2", "frame 7"]


def test_a_loop_leads_across_duplicates_at_the_end():
    plan = Timeline.multiplied(1, loop=True).plan(clip(4, duplicates=[1, 3]))
    assert said(plan) == ["frame 0", "frames 0 and 2 at 1/2", "frame 2", "frames 2 and 0 at 1/2"]


# Motion blur


def test_the_shutter_is_open_around_a_frames_own_time():
    plan = Timeline.multiplied(1, shutter=Fraction(180), blur_samples=4).plan(clip(4))
    shown = [[position(m) for m in frame.exposure] for frame in plan]
    assert shown[1] == [Fraction(13 + 2 * k, 16) for k in range(4)]  # from 3/4 to 5/4
    assert shown[0] == [Fraction(1 + 2 * k, 32) for k in range(4)]  # there is nothing before 0
    assert all(frame.kind == "copy" for frame in plan)


def test_the_shutter_closes_at_cuts_and_follows_the_speed():
    source = clip(6, cuts=[2])
    plan = Timeline.multiplied(2, shutter=Fraction(360), blur_samples=2).plan(source)
    assert not plan[5].exposure  # held between the shots
    assert {m.first for m in plan[4].exposure} == {1} and {m.first for m in plan[6].exposure} == {3}
    curve = Timeline.curved(SpeedCurve.of([(0, 0), (0.5, 0), (1, 2)]), shutter=Fraction(360), blur_samples=2)
    still = curve.plan(clip(7))[2]
    assert still.kind == "copy" and not still.exposure


def test_moments_never_go_back():
    """So that frames which come one by one are never asked for again."""
    source = clip(12, NTSC_FILM, cuts=[4], duplicates=[1, 7, 8])
    for options in ({}, {"loop": True}, {"at_cuts": "blend"}, {"hold_end": True}):
        timeline = Timeline.resampled(NTSC_60, shutter=Fraction(360), blur_samples=5, **options)
        moments = [m for frame in timeline.plan(source) for m in frame.moments]
        firsts = [12 if i and m.first == 0 and m.kind == "copy" and moments[i - 1].first else m.first
                  for i, m in enumerate(moments)]  # fmt: skip
        assert firsts == sorted(firsts)


# Bad input


@pytest.mark.parametrize("make", [Timeline.multiplied, Timeline.slowed])
@pytest.mark.parametrize(("factor", "shown"), [(0, "0"), (-2, "-2"), (0.5, "0.5"), ("2/3", "0.666667")])
def test_a_multiplier_below_one_is_refused(factor, shown, make):
    with pytest.raises(ValueError, match=rf"The multiplier is {shown}; give 1 or more, or a target rate to drop"):
        make(factor)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": Fraction(0)}, "The speed is 0; give a number above 0"),
        ({"at_cuts": "jump"}, "at_cuts is 'jump'; it must be one of hold, blend, gap"),
        ({"shutter": Fraction(720)}, "The shutter angle is 720; it goes from 0 to 360"),
        ({"blur_samples": 1}, "Motion blur of 1 samples; give 2 to"),
        ({"times": (HALF,), "resample_all": True}, "cannot be shifted off the source frames"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Timeline(**options)


def test_an_empty_list_of_times_is_refused():
    with pytest.raises(ValueError, match=r"The list of times is empty; give at least one position, such as 0\.5"):
        Timeline.at([])


@pytest.mark.parametrize(("time", "shown"), [(-0.25, "-0.25"), ("7/3", "2.33333"), (3, "3")])
def test_a_time_outside_the_source_is_refused(time, shown):
    timeline = Timeline.at([0.5, time])
    with pytest.raises(
        ValueError, match=f"The time {shown} lies outside the 3 source frames; positions go from 0 to 2"
    ):
        timeline.plan(clip(3))


@pytest.mark.parametrize("frames", [0, 1])
@pytest.mark.parametrize("timeline", [Timeline.multiplied(2), Timeline.at([0])])
def test_fewer_than_two_source_frames_are_refused(timeline, frames):
    with pytest.raises(ValueError, match=f"There is {frames} source frame; frames can only be put between at least 2"):
        timeline.plan(clip(frames))


def test_too_many_output_frames_are_refused_before_they_are_listed():
    timeline = Timeline.slowed(MOST_FRAMES)
    with pytest.raises(ValueError, match=f"That would be {MOST_FRAMES + 1} frames; ask for at most {MOST_FRAMES}"):
        timeline.plan(clip(2))
