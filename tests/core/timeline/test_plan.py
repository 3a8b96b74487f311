import json
import tracemalloc
from fractions import Fraction

import pytest

from rdvfi_core.timeline import Plan, Source, SpeedCurve, Timeline

FILM, NTSC_FILM = Fraction(24), Fraction(24000, 1001)
CLIP = Source.constant(8, NTSC_FILM, cuts=[4], duplicates=[1, 6])


def test_a_plan_in_words():
    assert Timeline.multiplied(2).plan(Source.constant(3, NTSC_FILM)).describe().splitlines() == [
        "3 source frames -> 5 frames at 47.952 fps, 0.104 s; 3 of them are source frames, untouched.",
        "0: frame 0",
        "1: frames 0 and 1 at 1/2",
        "2: frame 1",
        "3: frames 1 and 2 at 1/2",
        "4: frame 2",
    ]
    lines = Timeline.multiplied(1, at_cuts="blend").plan(CLIP).describe().splitlines()
    assert lines[1:3] == ["Cuts after frames 4: cross-fades.", "Frames that repeat the one before, passed over: 1, 6."]
    assert lines[4] == "1: frames 0 and 2 at 1/2"
    blurred = Timeline.multiplied(1, shutter=Fraction(180), blur_samples=3).plan(Source.constant(3, FILM)).describe()
    assert "; 0 of them" in blurred and "1: frame 1, blurred over 3 moments" in blurred


def test_a_plan_belongs_to_clips_of_its_length():
    plan = Timeline.multiplied(2).plan(CLIP)
    plan.check_source(8)
    with pytest.raises(ValueError, match="for 8 source frames, the clip has 9; make it anew"):
        plan.check_source(9)


def test_a_long_plan_is_worked_out_as_it_is_asked_for():
    source = Source.constant(6_000_000, FILM)
    tracemalloc.start()
    plan = Timeline.multiplied(1.5).plan(source)
    assert (plan[-1].first, plan[-1].tau, len(plan)) == (5_999_998, Fraction(2, 3), 8_999_999)
    text = plan.describe()
    for _ in zip(range(2000), plan, strict=False):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text.splitlines()[-1] == "... and 8998999 more." and "untouched" not in text
    assert peak < 2_000_000


@pytest.mark.parametrize(
    "timeline",
    [
        Timeline.multiplied(2),
        Timeline.multiplied("5/2", loop=True, at_cuts="blend"),
        Timeline.resampled(Fraction(60000, 1001), at_cuts="gap", hold_end=True),
        Timeline.curved(SpeedCurve.of([(0, 1), (0.4, 0.2), (1, 1)], "monotone_cubic"), shutter=Fraction(180)),
        Timeline.at([6.5, "1/3", 0, 3]),
    ],
)
def test_a_plan_survives_its_file_exactly(timeline):
    plan = timeline.plan(CLIP)
    text = plan.to_json()
    assert Plan.from_json(text) == plan
    assert Plan.from_json(text).to_json() == text
    for read in (plan, Plan.from_json(text)):
        assert [read.time(i) for i in range(len(read))] == [frame.time for frame in plan]


def test_an_edited_plan_is_taken_as_it_is():
    written = json.loads(Timeline.multiplied(2).plan(Source.constant(3, FILM)).to_json())
    written["frames"][1] = {"time": "0.02", "blend": [0, 1], "tau": "1/3"}
    del written["frames"][2:4]
    plan = Plan.from_json(json.dumps(written))
    assert [frame.describe() for frame in plan] == ["frame 0", "frames 0 and 1 blended at 1/3", "frame 2"]
    assert plan[1].time == Fraction(1, 50) and plan.duration == Fraction(5, 48)


def edited(**changes) -> str:
    frames = [{"time": "0", "copy": 0}, {"time": "1/24", "between": [0, 1], "tau": "1/2"}]
    frames[1] |= changes.pop("frame", {})
    whole = {"fps": "24", "source_frames": 2, "frames": frames} | changes
    return json.dumps({key: value for key, value in whole.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plan", "This is no plan"),
        ("[1]", "This is no plan"),
        (edited(frames=None), "This is no plan"),
        (edited(fps="fast"), "'fast' is no number"),
        (edited(fps="0"), "The plan has fps 0"),
        (edited(frames=[]), "at least one frame"),
        (edited(at_cuts="jump"), "at_cuts 'jump'"),
        (edited(ticks=[]), "ticks of the plan do not fit 2 source frames"),
        (edited(ticks=[0, 10]), "ticks of the plan do not fit"),
        (edited(ticks=[10, 20, 30]), "whole numbers that rise from 0"),
        (edited(ticks=[0, 20, 20]), "whole numbers that rise from 0"),
        (edited(ticks=[0, "a", 20]), "whole numbers that rise from 0"),
        (edited(ticks=5), "This is no plan"),
        (edited(frame={"tau": "1"}), "Frame 1 of the plan: tau is 1; it lies between 0 and 1"),
        (edited(frame={"tau": "x"}), "Frame 1 of the plan: 'x' is no number"),
        (edited(frame={"between": [0, 2]}), "Frame 1 of the plan: there is no source frame 2; they go from 0 to 1"),
        (edited(frame={"between": [1, 0]}), "Frame 1 of the plan: frames 1 and 0 are no pair"),
        (edited(frame={"between": "01"}), "Frame 1 of the plan cannot be read"),
        (edited(frame={"between": 3}), "Frame 1 of the plan cannot be read"),
        (edited(frame={"copy": 0}), "Frame 1 of the plan cannot be read"),
        (edited(frame={"time": "0"}), "Frame 1 of the plan is shown at 0 s, not after the one before"),
        (edited(frames=[{"time": "-1", "copy": 0}]), "Frame 0 of the plan: the time -1 is before 0"),
        (edited(frames=[{"copy": 0}]), "Frame 0 of the plan cannot be read"),
        (edited(frames=[7]), "Frame 0 of the plan cannot be read"),
    ],
)
def test_entries_that_make_no_sense_are_refused_in_one_sentence(text, words):
    with pytest.raises(ValueError) as error:
        Plan.from_json(text)
    assert words in str(error.value) and "\n" not in str(error.value)
