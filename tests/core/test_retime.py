"""Rendering of plans. A cross-fade stands in for the networks where only the plan is asked about."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from numbered_frames import CrossFade, numbered, values
from panning_clips import texture
from torch import Tensor

from rdvfi_core.errors import Interrupted
from rdvfi_core.pipeline import Interpolator
from rdvfi_core.retime import render
from rdvfi_core.scenes.sample import sample_scene
from rdvfi_core.timeline import Plan, PlanFrame, Source, SpeedCurve, Timeline

FPS = Fraction(24)


def clip(frames: int, **marks) -> Source:
    return Source.constant(frames, FPS, **marks)


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10((a - b).square().mean().item() + 1e-12)


def test_every_frame_comes_from_its_pair_and_originals_are_the_tensors_themselves():
    frames = numbered(4)
    found = list(render(CrossFade(), Timeline.multiplied(4).plan(clip(4)), frames))
    assert values(found) == [k / 4 for k in range(13)]
    assert all(found[4 * i] is frames[i] for i in range(4))


def test_each_pair_is_fitted_once_also_when_times_go_to_and_fro():
    fade = CrossFade()
    plan = Timeline.at([0.5, 0, 0.25, 1, 0.75, 1.5, 0.5]).plan(clip(3))
    assert values(render(fade, plan, numbered(3))) == [0.5, 0, 0.25, 1, 0.75, 1.5, 0.5]
    assert fade.fitted == [(0, 1), (1, 2), (0, 1)]


def test_several_pairs_are_fitted_at_once_and_frames_wait_no_longer_than_needed():
    fade, frames = CrossFade(at_once=3), numbered(9)
    found = values(render(fade, Timeline.multiplied(2).plan(clip(9)), frames))
    assert found == [k / 2 for k in range(17)]
    assert fade.calls == [[(0, 1), (1, 2), (2, 3)], [(3, 4), (4, 5), (5, 6)], [(6, 7), (7, 8)]]
    cut = CrossFade(at_once=3)
    assert values(render(cut, Timeline.multiplied(2).plan(clip(5, cuts=[1])), frames))[3] == 1
    assert cut.fitted == [(0, 1), (2, 3), (3, 4)]


def test_motion_continues_that_of_the_pairs_that_meet_it():
    fade = CrossFade()
    list(render(fade, Timeline.multiplied(3).plan(clip(6, cuts=[3])), numbered(6)))
    assert fade.beside == {
        (0, 1): (None, (1, 2), 1.0, 1.0),
        (1, 2): ((0, 1), (2, 3), 1.0, 1.0),
        (2, 3): ((1, 2), None, 1.0, 1.0),
        (4, 5): (None, None, 1.0, 1.0),
    }


def test_a_loop_has_no_seam():
    plan, whole = Timeline.multiplied(2, loop=True).plan(clip(4)), CrossFade()
    list(render(whole, plan, numbered(4)))
    assert whole.beside[0, 1][:2] == ((3, 0), (1, 2)) and whole.beside[3, 0][:2] == ((2, 3), (0, 1))
    two = CrossFade()
    list(render(two, Timeline.multiplied(2, loop=True).plan(clip(2)), numbered(2)))
    assert two.beside == {(0, 1): ((1, 0), (1, 0), 1.0, 1.0), (1, 0): ((0, 1), (0, 1), 1.0, 1.0)}


def test_the_motion_beside_counts_by_its_own_duration():
    ticks, time_base = (0, 20, 30, 60), Fraction(1, 1000)
    plan = Timeline.resampled(Fraction(200)).plan(Source.timed(ticks, time_base, 80))
    fade, edited = CrossFade(), CrossFade()
    list(render(fade, plan, numbered(4)))
    assert fade.beside[1, 2] == ((0, 1), (2, 3), 2.0, 3.0)
    list(render(edited, Plan.from_json(plan.to_json()), numbered(4)))
    assert edited.beside == fade.beside
    on_twos = CrossFade()
    list(render(on_twos, Timeline.multiplied(2).plan(clip(6, duplicates=[1, 4])), numbered(6)))
    assert on_twos.beside[2, 3] == ((0, 2), (3, 5), 2.0, 2.0)


def test_pairs_that_are_fitted_at_once_continue_each_other_all_the_same():
    plan, at_once, one_by_one = Timeline.multiplied(2).plan(clip(9)), CrossFade(3), CrossFade()
    for fade in (at_once, one_by_one):
        list(render(fade, plan, numbered(9)))
    assert at_once.beside == one_by_one.beside and len(at_once.beside) == 8


def test_many_times_in_one_pair_are_rendered_in_order():
    fade = CrossFade()
    found = values(render(fade, Timeline.slowed(200).plan(clip(2)), numbered(2)))
    assert found == [round(k / 200, 3) for k in range(201)] and fade.fitted == [(0, 1)]


def test_frames_that_are_made_when_they_are_asked_for_are_let_go_again():
    made: list[weakref.ref] = []
    alive: list[int] = []
    gc.freeze()  # what other tests left need not be searched for every frame

    class Made(Sequence):
        def __len__(self) -> int:
            return 60

        def __getitem__(self, number: int) -> Tensor:
            gc.collect()
            alive.append(sum(frame() is not None for frame in made))
            frame = torch.full((3, 64, 64), number / 100)
            made.append(weakref.ref(frame))
            return frame

    plan = Timeline.multiplied(2).plan(clip(60, duplicates=range(1, 60, 2)))
    shown = sum(1 for _ in render(CrossFade(), plan, Made()))
    gc.unfreeze()
    assert shown == len(plan)
    assert len(alive) >= 60 and max(alive) <= 5  # those of two pairs, and the first one of the pair that is shown


def test_duplicates_are_passed_over_in_their_own_time():
    frames = [torch.full((3, 64, 64), i // 2 * 2 / 100) for i in range(7)]
    plan = Timeline.multiplied(1).plan(clip(7, duplicates=[1, 3, 5]))
    assert values(render(CrossFade(), plan, frames)) == [0, 1, 2, 3, 4, 5, 6]


def test_cuts_are_held_or_blended():
    source = clip(3, cuts=[0])
    hold, blend = (Timeline.multiplied(2, at_cuts=way).plan(source) for way in ("hold", "blend"))
    fade = CrossFade()
    assert values(render(fade, hold, numbered(3))) == [0, 0, 1, 1.5, 2]
    assert values(render(fade, blend, numbered(3))) == [0, 0.5, 1, 1.5, 2]
    assert fade.fitted == [(1, 2)] * 2


def test_frames_that_cannot_be_blended_are_refused_by_number():
    plan = Timeline.multiplied(2, at_cuts="blend").plan(clip(3, cuts=[0]))
    with pytest.raises(ValueError, match="Frame 0 is 64x64 and frame 1 is 70x64"):
        list(render(CrossFade(), plan, [torch.zeros(3, 64, 64), torch.zeros(3, 64, 70), torch.zeros(3, 64, 70)]))


def test_a_loop_closes_with_the_first_frame():
    plan = Timeline.multiplied(2, loop=True).plan(clip(3))
    found = values(render(CrossFade(), plan, numbered(3)))
    assert found == [0, 0.5, 1, 1.5, 2, 1]


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha_come_out_as_they_went_in(channels):
    frames = numbered(2, channels)
    for frame in frames:
        frame[3:] = 0.6
    found = list(render(CrossFade(), Timeline.multiplied(2).plan(clip(2)), frames))
    assert [frame.shape for frame in found] == [(channels, 64, 64)] * 3
    assert values(frame[:3] for frame in found) == [0, 0.5, 1]
    assert all((frame[3:] == 0.6).all() for frame in found)


def test_progress_counts_output_frames_and_a_stop_is_heard_between_copies():
    calls = []
    plan = Timeline.multiplied(1).plan(clip(5))
    list(render(CrossFade(), plan, numbered(5), progress=lambda *call: calls.append(call)))
    assert calls == [(i, 5) for i in range(1, 6)]
    with pytest.raises(Interrupted):
        list(render(CrossFade(), plan, numbered(5), should_stop=lambda: True))


# Motion blur


def test_blur_is_the_mean_in_linear_light():
    """Half of the time black, half white: a grey that gives half of white's light."""
    moments = tuple(PlanFrame.copy(Fraction(0), i) for i in (0, 0, 1, 1))
    plan = Plan(FPS, (PlanFrame(Fraction(0), "copy", 0, 0, Fraction(0), moments),), 2)
    black, white = torch.zeros(3, 64, 64), torch.ones(3, 64, 64)
    (grey,) = render(CrossFade(), plan, [black, white])
    assert grey.unique().tolist() == pytest.approx([0.7354], abs=1e-4)
    (one_channel,) = render(CrossFade(), plan, [black[:1], white[:1]])
    assert torch.equal(one_channel, grey[:1])
    red, clear = torch.ones(4, 64, 64), torch.zeros(4, 64, 64)
    red[1:3] = 0
    (half,) = render(CrossFade(), plan, [clear, red])
    assert half.mean((1, 2)).tolist() == pytest.approx([1, 0, 0, 0.5], abs=1e-4)


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def scene():
    """At frame i of 8 steps: the motion is known at every time between."""
    whole = sample_scene(96, 128)
    return lambda i: whole.render(i / 8).image[0]


def light(frames: list[Tensor]) -> Tensor:
    return (torch.stack(frames).clamp(min=0) ** 2.2).mean(0) ** (1 / 2.2)


def test_blur_is_what_an_open_shutter_sees(interpolator, scene):
    plan = Timeline.multiplied(1, shutter=Fraction(360), blur_samples=6).plan(clip(3))
    blurred = list(render(interpolator, plan, [scene(i) for i in (0, 3, 6)]))[1]
    truth = light([scene(1.5 + 3 * (k + 0.5) / 16) for k in range(16)])
    assert psnr(blurred, truth) > 40 > psnr(scene(3), truth) + 6


# Rendered input with known motion


def test_an_animation_on_twos_becomes_smooth(interpolator, scene):
    frames = [scene(i // 2 * 2) for i in range(5)]
    smooth = list(render(interpolator, Timeline.multiplied(1).plan(clip(5, duplicates=[1, 3])), frames))
    for i in (1, 3):
        assert psnr(smooth[i], scene(i)) > 35 > psnr(frames[i], scene(i)) + 4


def test_a_speed_ramp_shows_the_moments_that_its_curve_asks_for(interpolator, scene):
    curve = SpeedCurve.of([(0, 1), (1, 0.25)])
    plan = Timeline.curved(curve).plan(clip(3))
    found = list(render(interpolator, plan, [scene(i) for i in range(3)]))
    for k, frame in enumerate(found):
        x = Fraction(k, 24) / curve.duration(Fraction(2, 24))
        moment = float(2 * curve.source_share(x))
        assert psnr(frame, scene(moment)) > 36, k
    assert len(found) == 4


@pytest.mark.parametrize("between", [(2, 4), (4, 6)])
def test_neighbouring_frames_bend_the_paths_of_what_speeds_up(interpolator, between):
    """A texture that slides by i^2 / 2 px: from frame to frame of the clip by 6, 10 and 14 px."""
    wide = texture(96, 320)

    def frame(i: int) -> Tensor:
        at = i * i / 2
        whole, part = int(at), at - int(at)
        return torch.lerp(wide[..., whole : whole + 128], wide[..., whole + 1 : whole + 129], part)

    frames = [frame(i) for i in (2, 4, 6, 8)]
    first = between[0] // 2 - 1
    alone, among = (
        list(render(interpolator, Timeline.at([first + 0.5]).plan(clip(4)), frames))[0],
        list(render(interpolator, Timeline.multiplied(2).plan(clip(4)), frames))[2 * first + 1],
    )
    truth = frame(between[0] + 1)
    assert psnr(among, truth) > psnr(alone, truth) + 3


# Bad input


def test_frames_and_plan_that_do_not_fit_are_refused():
    plan = Timeline.multiplied(2).plan(clip(4))
    with pytest.raises(ValueError, match="There are 3 frames, but the plan needs frame 3; make a new plan"):
        list(render(CrossFade(), plan, numbered(3)))
    with pytest.raises(ValueError, match="Frame 0 has 3 channels and frame 1 has 4"):
        list(render(CrossFade(), plan, [*numbered(1), *numbered(3, 4)]))
    with pytest.raises(ValueError, match="Frame 0 is 64x64 and frame 1 is 80x64"):
        list(render(CrossFade(), plan, [torch.zeros(3, 64, 64), torch.zeros(3, 64, 80)]))
