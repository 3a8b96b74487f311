"""Two images in, frames out, with small random networks."""

import math

import pytest
import torch
from small_networks import random_networks, textured

from rdvfi_core import Interpolator, Interrupted, pipeline
from rdvfi_core.conventions import motion_size, uniform_times
from rdvfi_core.image_pair import ImagePair
from rdvfi_core.trajectory.flow_pair import FlowPair
from rdvfi_core.trajectory.trajectory import Trajectory

SIZES = [(64, 64), (65, 97), (97, 65), (200, 120)]


def test_frames_that_exist_become_knots(interpolator, pair):
    frames = torch.stack((pair[0], pair[0], pair[1]))
    steps = []
    trajectory = interpolator.fit_frames(*pair, frames, [0.0, 0.25, 0.6], progress=lambda *step: steps.append(step))
    assert trajectory.times == (0.0, 0.25, 0.6, 1.0)  # the frame at 0 gives way to image0 itself
    assert steps[-1][0] == steps[-1][1]
    assert interpolator.render(*pair, trajectory, [0.4]).isfinite().all()
    with pytest.raises(ValueError, match="give \\(2, 3, H, W\\)"):
        interpolator.fit_frames(*pair, frames, [0.25, 0.6])
    with pytest.raises(Interrupted):
        interpolator.fit_frames(*pair, frames, [0.0, 0.25, 0.6], should_stop=lambda: True)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_and_both_ends_bit_for_bit(interpolator, height, width):
    image0, image1 = textured(height, width, 1), textured(height, width, 2)
    frames = interpolator(image0, image1, [0, 0.4, 1])
    assert frames.shape == (3, 3, height, width)
    assert (frames.dtype, frames.device.type) == (torch.float32, "cpu")
    assert torch.equal(frames[0], image0) and torch.equal(frames[2], image1)
    assert frames.isfinite().all() and 0 <= frames.min() and frames.max() <= 1
    assert not torch.equal(frames[1], image0) and not torch.equal(frames[1], image1)


def test_half_precision_goes_in_and_comes_out(interpolator, pair, fitted):
    half = [image.half() for image in pair]
    frames = interpolator.render(*half, fitted, [0.0, 0.5, 1.0])
    assert frames.dtype == torch.float16
    assert torch.equal(frames[0], half[0]) and torch.equal(frames[2], half[1])
    torch.testing.assert_close(frames[1].float(), interpolator.render(*pair, fitted, [0.5])[0], atol=0.01, rtol=0)


def test_the_ends_come_back_even_where_they_leave_the_range_a_little(interpolator, pair, fitted):
    image0, image1 = pair[0] + 0.05, pair[1] - 0.05
    frames = interpolator.render(image0, image1, fitted, [0, 1])
    assert torch.equal(frames[0], image0) and torch.equal(frames[1], image1)


def test_a_batch_of_one_is_the_same_as_a_bare_image(interpolator, pair, fitted):
    bare = interpolator.render(*pair, fitted, [0.5])
    assert torch.equal(interpolator.render(pair[0][None], pair[1][None], fitted, [0.5]), bare)


def test_times_in_any_order_and_repeated_equal_one_by_one(interpolator, pair, fitted):
    times = [0.75, 0.1, 0.5, 1, 0.1, 0, 0.75]
    together = interpolator.render(*pair, fitted, times)
    alone = {tau: interpolator.render(*pair, fitted, [tau])[0] for tau in set(times)}
    streamed = list(interpolator.stream(*pair, fitted, times))
    for tau, frame, other in zip(times, together, streamed, strict=True):
        assert torch.equal(frame, alone[tau]) and torch.equal(frame, other)
    assert not torch.equal(alone[0.1], alone[0.75])


def test_same_frames_every_time_and_at_a_knot_by_both_ways(interpolator, pair, fitted):
    whole = interpolator(*pair, [0.3, 0.375])
    assert torch.equal(whole, interpolator(*pair, [0.3, 0.375]))
    torch.testing.assert_close(whole[1:], interpolator.render(*pair, fitted, [0.375]), atol=1e-4, rtol=0)


def test_a_trajectory_has_knots_in_between_and_lies_on_the_motion_grid(fitted):
    assert fitted.times == (0.0, *uniform_times(7), 1.0) and not fitted.keyframed
    assert fitted.to0.shape[-2:] == motion_size(65, 97)


def test_many_times_are_sampled_from_knots_and_few_get_their_own(interpolator, pair):
    views = interpolator.look_at(ImagePair.of(*pair))
    few = interpolator.between(*views, [0.9, 0.0, 0.1, 0.9])
    assert isinstance(few, FlowPair) and few.times == (0.1, 0.9) and few.sample(0.9).times == (0.9,)
    with pytest.raises(ValueError, match="These flows are of the times 0.1, 0.9, not of 0.5"):
        few.sample(0.5)
    many = interpolator.between(*views, [i / 16 for i in range(17)])
    assert isinstance(many, Trajectory) and many.times == (0.0, *uniform_times(7), 1.0)


def test_a_trajectory_of_another_shape_is_refused_before_any_frame(interpolator, fitted):
    image = textured(97, 65)
    with pytest.raises(ValueError, match=r"fitted on a 416x288 grid, but images of this size need 288x416"):
        interpolator.stream(image, image, fitted, [0.5])
    with pytest.raises(ValueError, match="fit it on images of the same shape"):
        interpolator.render(image, image, fitted, [0.5])


def test_a_trajectory_serves_all_sizes_of_the_same_shape(interpolator, fitted):
    image0, image1 = textured(130, 194, 1), textured(130, 194, 2)
    assert interpolator.render(image0, image1, fitted, [0.5]).shape == (1, 3, 130, 194)


def test_bad_input_is_refused_before_any_work(interpolator, pair, monkeypatch):
    monkeypatch.setattr(interpolator, "networks", {})  # any work would fail on this
    with pytest.raises(ValueError, match="times contains 1.5"):
        interpolator(*pair, [0.5, 1.5])
    with pytest.raises(ValueError, match="times is empty"):
        interpolator(*pair, [])
    with pytest.raises(ValueError, match="image0 is 97x65 and image1 is 65x97"):
        interpolator(pair[0], pair[1].mT, [0.5])
    with pytest.raises(ValueError, match="NaN"):
        interpolator(pair[0] * math.nan, pair[1], [0.5])
    with pytest.raises(ValueError, match="keyframes is 'curved'; give 'auto', 'straight' or 'generated'"):
        interpolator(*pair, [0.5], keyframes="curved")
    with pytest.raises(ValueError, match="hold no keyframe generator; take straight motion"):
        interpolator(*pair, [0.5], keyframes="generated")


def test_progress_is_told_and_a_wish_to_stop_is_heard_within_a_frame(interpolator, pair, fitted):
    told = []
    interpolator.render(*pair, fitted, [0.2, 0.4, 1.0], progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    told.clear()
    with pytest.raises(Interrupted):
        interpolator.render(
            *pair, fitted, [0.2, 0.4, 1.0],
            progress=lambda *done: told.append(done), should_stop=lambda: len(told) == 2,
        )  # fmt: skip
    assert told == [(1, 3), (2, 3)]
    with pytest.raises(Interrupted):
        interpolator.fit(*pair, should_stop=lambda: True)
    with pytest.raises(Interrupted):
        interpolator(*pair, [0.5], should_stop=lambda: True)


def test_straight_fitting_tells_its_end(interpolator, pair):
    told = []
    interpolator.fit(*pair, progress=lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1]


def test_frames_around_the_pair_bend_its_motion(interpolator, pair, fitted):
    around = {"before": textured(65, 97, 3), "after": textured(65, 97, 4)}
    bent = interpolator.fit(*pair, **around)
    one_side = interpolator.fit(*pair, after=around["after"])
    for found in (bent, one_side):
        assert found.times == fitted.times and (found.to0 - fitted.to0).abs().mean() > 0.01
    assert not torch.equal(bent.to0, one_side.to0)
    frames = interpolator(*pair, [0.375], **around)
    torch.testing.assert_close(frames, interpolator.render(*pair, bent, [0.375]), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="before is 64x64 and image0 is 97x65"):
        interpolator.fit(*pair, before=textured(64, 64, 3))
    with pytest.raises(Interrupted):
        interpolator.fit(*pair, **around, should_stop=lambda: True)


def test_the_stream_makes_frames_only_when_they_are_asked_for(interpolator, pair, fitted):
    told = []
    frames = interpolator.stream(*pair, fitted, [0.2, 0.4], progress=lambda *done: told.append(done))
    assert told == []
    assert next(frames).shape == (3, 65, 97)
    assert len(told) <= 1


def test_frames_are_free_of_the_inputs(interpolator, pair, fitted):
    image0, image1 = (image.clone().requires_grad_() for image in pair)
    frames = list(interpolator.stream(image0, image1, fitted, [0.0, 0.0]))
    assert not any(frame.requires_grad for frame in frames)
    frames[0].zero_()  # whoever draws on a frame does not draw on the input
    assert torch.equal(image0, pair[0])


def test_the_generated_path_runs_and_depends_on_the_seed_alone(pair, monkeypatch):
    monkeypatch.setattr(pipeline, "KEYFRAMES", 2)  # two instead of seven, to be quick
    networks = random_networks(generator=True)
    torch.nn.init.normal_(networks["generator"].head.weight, std=0.5)
    interpolator, told = Interpolator(networks, device="cpu"), []
    trajectory = interpolator.fit(*pair, seed=3, progress=lambda *done: told.append(done))
    assert trajectory.times == (0.0, *uniform_times(2), 1.0)
    assert told[-1][0] == told[-1][1] > 2
    frames = interpolator.render(*pair, trajectory, [0, 0.4, 1])
    assert torch.equal(frames[0], pair[0]) and torch.equal(frames[2], pair[1]) and frames.isfinite().all()
    again, other = interpolator.fit(*pair, seed=3, keyframes="generated"), interpolator.fit(*pair, seed=4)
    assert torch.equal(again.to0, trajectory.to0) and torch.equal(again.colour, trajectory.colour)
    assert not torch.equal(other.colour, trajectory.colour)
    assert trajectory.keyframed and not interpolator.fit(*pair, keyframes="straight").keyframed
    beside = interpolator.fit(*pair, seed=3, before=pair[1])  # keyframes shape the paths themselves
    assert torch.equal(beside.to0, trajectory.to0)
