import math
from dataclasses import replace

import pytest
import torch
from straight import straight

from rdvfi_core.pixels.warp import pixel_grid
from rdvfi_core.trajectory.flow_pair import FLOW_MAPS, FlowPair
from rdvfi_core.trajectory.trajectory import MAPS, MOST_IMPORTANCE, Trajectory

HEIGHT, WIDTH = 48, 64
UNEVEN = (0.0, 0.2, 0.5, 0.6, 1.0)
UNIFORM = tuple(i / 8 for i in range(9))
TAUS = (0.03, 0.11, 0.25, 0.47, 0.5, 0.71, 0.98)


class Motion:
    """A pixel that starts at u lies at c + (1 + zoom * e) * (u - c) + shift * e at time t, where e is
    t + ease * (t^2 - t): straight and even if ease is 0, a quadratic function of time otherwise."""

    def __init__(self, shift=(0.0, 0.0), zoom=0.0, ease=0.0):
        self.shift, self.zoom, self.ease = torch.tensor(shift).view(1, 2, 1, 1), zoom, ease
        self.centre = torch.tensor([WIDTH / 2, HEIGHT / 2]).view(1, 2, 1, 1)

    def flow(self, a: float, b: float, x=None) -> torch.Tensor:  # (1, 2, h, w) f_{a->b}
        x = pixel_grid(HEIGHT, WIDTH) if x is None else x
        ea, eb = (t + self.ease * (t * t - t) for t in (a, b))
        start = (x - self.centre - self.shift * ea) / (1 + self.zoom * ea)
        return self.centre + (1 + self.zoom * eb) * start + self.shift * eb - x

    def velocity(self, tau: float) -> torch.Tensor:
        return (self.flow(tau, tau + 1e-2) - self.flow(tau, tau - 1e-2)) / 2e-2

    def trajectory(self, times) -> Trajectory:
        def stack(flows):
            return torch.stack(flows, 1)

        count, ones = len(times), torch.ones(1, len(times), 1, HEIGHT, WIDTH)
        return Trajectory(
            times=times,
            to0=stack([self.flow(t, 0) for t in times]),
            to1=stack([self.flow(t, 1) for t in times]),
            previous=stack([self.flow(times[k], times[max(k - 1, 0)]) for k in range(count)]),
            next=stack([self.flow(times[k], times[min(k + 1, count - 1)]) for k in range(count)]),
            visible0=ones,
            visible1=ones,
            importance=torch.zeros_like(ones),
            colour=0.25 * ones.expand(-1, -1, 3, -1, -1),
        )


def random_trajectory(times=(0.0, 0.25, 0.625, 1.0), batch=2) -> Trajectory:
    generator = torch.Generator().manual_seed(1)

    def smooth(channels):
        small = torch.randn(batch * len(times), channels, HEIGHT // 8, WIDTH // 8, generator=generator)
        large = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bilinear")
        return large.unflatten(0, (batch, len(times)))

    maps = {name: smooth(channels) for name, channels in MAPS.items()}
    maps |= {name: maps[name].sigmoid() for name in ("visible0", "visible1", "colour")}
    return Trajectory(times=times, **{**maps, "importance": -maps["importance"].abs()})


def away_from_borders(values, margin=12):
    return values[..., margin:-margin, margin:-margin]


def largest_error(values, expected):
    return away_from_borders(values - expected).abs().max().item()


@pytest.mark.parametrize(
    ("motion", "times"),
    [
        (Motion((9, -5)), (0.0, 1.0)),
        (Motion((9, -5), ease=0.8), (0.0, 0.4, 1.0)),
        (Motion((9, -5), ease=0.8), UNEVEN),
        (Motion((9, -5), ease=0.8), UNIFORM),
    ],
)
@pytest.mark.parametrize("tau", TAUS)
def test_translation_is_followed(motion, times, tau):
    trajectory = motion.trajectory(times)
    pair = trajectory.sample(tau)
    assert largest_error(pair.to0, motion.flow(tau, 0)) < 0.02
    assert largest_error(pair.to1, motion.flow(tau, 1)) < 0.02
    assert largest_error(pair.coverage, torch.ones(1)) < 1e-3
    assert largest_error(pair.colour, torch.tensor(0.25)) < 1e-5
    assert largest_error(trajectory.velocity(tau), motion.velocity(tau)) < 0.02


@pytest.mark.parametrize("times", [UNEVEN, UNIFORM, (0.0, 0.4, 1.0)])
@pytest.mark.parametrize("tau", TAUS)
def test_motion_that_varies_in_space_and_accelerates_is_followed(times, tau):
    motion = Motion((3, -2), zoom=0.2, ease=0.8)
    trajectory = motion.trajectory(times)
    pair = trajectory.sample(tau)
    assert largest_error(pair.to0, motion.flow(tau, 0)) < 0.03
    assert largest_error(pair.to1, motion.flow(tau, 1)) < 0.03
    assert largest_error(trajectory.velocity(tau), motion.velocity(tau)) < 0.05


def test_linear_method_cuts_the_corner_between_knots():
    motion = Motion((40, 0), ease=0.9)
    trajectory = motion.trajectory((0.0, 0.5, 1.0))
    expected = 0.5 * motion.flow(0.5, 0)  # halfway of the first half
    linear, cubic = trajectory.sample(0.25, "linear").to0, trajectory.sample(0.25).to0
    assert (linear - expected).abs()[..., 24:-24].max() < 1e-3
    assert (cubic - motion.flow(0.25, 0)).abs()[..., 24:-24].max() < 1e-3
    assert (cubic - linear).abs()[..., 24:-24].min(-1).values[:, 0].min() > 1


@pytest.mark.parametrize("times", [(0.0, 1.0), UNEVEN])
def test_a_knots_own_time_returns_the_knot_itself(times):
    trajectory = random_trajectory(times)
    for k, time in enumerate(times):
        pair = trajectory.sample(time)
        for name in ("to0", "to1", "visible0", "visible1", "colour"):
            assert torch.equal(getattr(pair, name), getattr(trajectory, name)[:, k])
        assert pair.coverage.eq(1).all() and pair.tau == time


@pytest.mark.parametrize("side", [-1, 1])
def test_samples_approach_a_knot_continuously(side):
    trajectory = Motion((9, -5), zoom=0.1, ease=0.5).trajectory(UNIFORM)
    near, at = trajectory.sample(0.5 + side * 1e-5), trajectory.sample(0.5)
    assert largest_error(near.to0, at.to0) < 1e-3
    assert largest_error(trajectory.velocity(0.5 + side * 1e-5), trajectory.velocity(0.5)) < 2e-2


@pytest.mark.parametrize("times", [(0.0, 1.0), (0.0, 0.25, 0.625, 1.0), UNIFORM])
@pytest.mark.parametrize("tau", [0.0, 0.125, 0.40625, 0.625, 0.9375, 1.0])
def test_reversal_mirrors_the_samples(times, tau):
    trajectory = random_trajectory(times)
    reverse = trajectory.reverse()
    pair, mirrored = trajectory.sample(tau), reverse.sample(1 - tau)
    for name, other in (("to0", "to1"), ("to1", "to0"), ("visible0", "visible1"), ("visible1", "visible0")):
        torch.testing.assert_close(getattr(mirrored, other), getattr(pair, name), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mirrored.coverage, pair.coverage, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mirrored.colour, pair.colour, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(reverse.velocity(1 - tau), -trajectory.velocity(tau), atol=1e-3, rtol=1e-3)


def test_reversing_twice_changes_nothing():
    trajectory = random_trajectory()
    again = trajectory.reverse().reverse()
    assert again.times == trajectory.times
    assert all(torch.equal(getattr(again, name), getattr(trajectory, name)) for name in MAPS)


def test_straight_is_the_trajectory_of_the_two_inputs():
    motion = Motion((6, 4))
    forward, backward = motion.flow(0, 1), motion.flow(1, 0)
    seen, colour = torch.rand(1, 1, HEIGHT, WIDTH), torch.rand(1, 3, HEIGHT, WIDTH)
    trajectory = straight(forward, backward, seen, 1 - seen, colour, 1 - colour)
    start, end = trajectory.sample(0), trajectory.sample(1)
    assert start.to0.eq(0).all() and torch.equal(start.to1, forward)
    assert end.to1.eq(0).all() and torch.equal(end.to0, backward)
    assert start.visible0.eq(1).all() and torch.equal(start.visible1, seen)
    assert end.visible1.eq(1).all() and torch.equal(end.visible0, 1 - seen)
    assert torch.equal(start.colour, colour) and torch.equal(end.colour, 1 - colour)
    assert largest_error(trajectory.sample(0.3).to1, 0.7 * forward) < 1e-4


def test_the_more_important_pixel_wins_where_two_meet():
    flow = torch.zeros(1, 2, HEIGHT, WIDTH)
    ones, grey = torch.ones(1, 1, HEIGHT, WIDTH), torch.zeros(1, 3, HEIGHT, WIDTH)
    doubtful = straight(flow, flow, ones, ones, grey, grey + 1, importance1=-1e9 * ones)
    assert doubtful.sample(0.5).colour.max() < 1e-6
    boastful = straight(flow, flow, ones, ones, grey, grey + 1, importance1=1e9 * ones)
    weight = 0.25 * math.exp(MOST_IMPORTANCE)
    torch.testing.assert_close(boastful.sample(0.25).colour, grey + weight / (0.75 + weight))


def test_coverage_marks_a_hole_and_the_hole_is_filled():
    motion = Motion((16, 0))
    one = torch.ones(1, 1, HEIGHT, WIDTH)
    grey = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    flows = motion.flow(0, 1), motion.flow(1, 0)
    pair = straight(*flows, one, one, grey, grey, importance1=-20 * one).sample(0.5)
    assert pair.coverage[..., :8].max() < 1e-6  # I0 has moved away, and I1 does not count
    assert pair.coverage[..., 9:].min() > 0.49
    torch.testing.assert_close(pair.to0, motion.flow(0.5, 0), atol=1e-4, rtol=0)
    torch.testing.assert_close(pair.colour, grey)


def test_a_stray_pixel_does_not_show_on_ground_that_is_being_uncovered():
    """Grey ground spreads out; a single white pixel lands in its middle."""
    trajectory = Motion(zoom=1.2).trajectory((0.0, 1.0))
    y, x = HEIGHT // 2 + 3, WIDTH // 2 + 5
    trajectory.colour[:, 0, :, 2, 2] = 1
    trajectory.next[:, 0, :, 2, 2] = 2 * torch.tensor((x - 2.0, y - 2.0))
    trajectory.importance[:, 1] = -20
    assert (trajectory.sample(0.5).colour[..., 8:-8, 8:-8] - 0.25).abs().max() < 1e-4


def test_coverage_is_one_where_motion_is_even():
    pair = Motion((0.5, -0.25)).trajectory((0.0, 1.0)).sample(0.5)
    torch.testing.assert_close(away_from_borders(pair.coverage, 1), torch.ones(1, 1, HEIGHT - 2, WIDTH - 2))


def test_gradients_arrive_even_after_a_sample_without_gradients():
    trajectory = random_trajectory()
    flow = trajectory.next.clone().requires_grad_()
    trajectory = replace(trajectory, next=flow)
    with torch.no_grad():
        trajectory.sample(0.4)
    trajectory.sample(0.4).to0.square().mean().backward()
    for knot in (1, 2):  # the segment's own flow, and the one that is composed to it
        assert flow.grad[:, knot].abs().max() > 0


def test_only_the_latest_interval_is_kept():
    trajectory = random_trajectory()
    for tau in (0.1, 0.4, 0.9, 0.95):
        trajectory.sample(tau)
    assert len(trajectory._latest) == 1


@pytest.mark.parametrize("source", [0, 1])
@pytest.mark.parametrize(
    ("motion", "times"),
    [(Motion((9, -5)), (0.0, 1.0)), (Motion((9, -5), ease=0.8), UNEVEN), (Motion((4, 3), 0.1, 0.5), UNIFORM)],
)
def test_tracks_follow_the_path(motion, times, source):
    points = torch.tensor([[[30.0, 20.25], [22.5, 25.0], [33.3, 18.0]]])
    positions, visible = motion.trajectory(times).tracks(points, TAUS, source)
    x = points.transpose(1, 2)[..., None]
    expected = torch.stack([(x + motion.flow(source, tau, x))[..., 0].transpose(1, 2) for tau in TAUS], 1)
    torch.testing.assert_close(positions, expected, atol=0.02, rtol=0)
    assert visible.shape == (1, len(TAUS), 3) and visible.all()


def test_tracks_begin_at_their_points():
    points = torch.rand(2, 5, 2) * 40
    trajectory = random_trajectory()
    assert torch.equal(trajectory.tracks(points, [0.0])[0][:, 0], points)
    assert torch.equal(trajectory.tracks(points, [1.0], source=1)[0][:, 0], points)


def test_a_track_is_not_visible_outside_the_frame():
    trajectory = Motion((20, 0)).trajectory((0.0, 0.5, 1.0))
    _, visible = trajectory.tracks(torch.tensor([[[WIDTH - 7.0, 20.0]]]), [0.0, 0.25, 0.4, 1.0])
    assert visible.flatten().tolist() == [True, True, False, False]


def test_a_track_is_not_visible_where_something_else_covers_it():
    trajectory = Motion().trajectory((0.0, 0.5, 1.0))
    to0 = trajectory.to0.clone()
    to0[:, 1, 0, 10:20, 10:20] = -8  # what the middle knot shows there has come from elsewhere in I0
    positions, visible = replace(trajectory, to0=to0).tracks(torch.tensor([[[15.0, 15], [30, 15]]]), [0.1, 0.5, 0.9])
    assert visible[0, :, 0].tolist() == [True, False, True] and visible[0, :, 1].all()
    torch.testing.assert_close(positions[:, 0], positions[:, 2])
    unseen = trajectory.visible0.clone()
    unseen[:, 2] = 0
    _, visible = replace(trajectory, visible0=unseen).tracks(torch.tensor([[[30.0, 15]]]), [0.1, 0.6, 0.9])
    assert visible.flatten().tolist() == [True, True, False]


@pytest.mark.parametrize("tau", [-0.01, 1.01, float("nan"), float("inf"), float("-inf")])
def test_a_tau_outside_the_interval_is_refused(tau):
    trajectory = random_trajectory()
    for call in (trajectory.sample, trajectory.velocity, lambda t: trajectory.tracks(torch.zeros(2, 1, 2), [0.5, t])):
        with pytest.raises(ValueError, match="tau is"):
            call(tau)


def test_other_bad_arguments_are_refused():
    trajectory = random_trajectory()
    with pytest.raises(ValueError, match="method"):
        trajectory.sample(0.5, "nearest")
    with pytest.raises(ValueError, match="source"):
        trajectory.tracks(torch.zeros(2, 1, 2), [0.5], source=2)
    for points in (torch.zeros(2, 2), torch.zeros(1, 3, 2), torch.zeros(2, 3, 3)):
        with pytest.raises(ValueError, match="points"):
            trajectory.tracks(points, [0.5])
    with pytest.raises(ValueError, match="times is empty"):
        trajectory.tracks(torch.zeros(2, 1, 2), [])


@pytest.mark.parametrize(
    "times",
    [
        (0.0,),
        (0.0, 0.5, 0.5, 1.0),
        (0.0, 0.7, 0.4, 1.0),
        (0.1, 0.2, 0.3, 1.0),
        (0.0, 0.2, 0.3, 0.9),
        (0, float("nan"), 1),
    ],
)
def test_bad_knot_times_are_refused(times):
    with pytest.raises(ValueError, match="knot times"):
        replace(random_trajectory(), times=times)


def test_bad_tensors_are_refused():
    trajectory = random_trajectory()
    with pytest.raises(ValueError, match="next has the shape"):
        replace(trajectory, next=trajectory.next[:, 1:])
    with pytest.raises(ValueError, match="to0 has the shape"):
        replace(trajectory, to0=trajectory.to0[0])
    with pytest.raises(ValueError, match="visible0 has the shape"):
        replace(trajectory, visible0=trajectory.visible0[..., 1:])
    with pytest.raises(ValueError, match="colour is torch.float16"):
        replace(trajectory, colour=trajectory.colour.half())


def test_to_keeps_everything_but_the_device():
    moved = random_trajectory().to("meta")
    assert moved.times == (0.0, 0.25, 0.625, 1.0) and moved.importance.device.type == "meta"


def test_a_flow_pair_has_the_shapes_it_promises():
    pair = random_trajectory().sample(0.3)
    assert isinstance(pair, FlowPair) and pair.tau == 0.3
    channels = dict(to0=2, to1=2, visible0=1, visible1=1, coverage=1, colour=3)
    assert {name: tuple(getattr(pair, name).shape) for name in channels} == {
        name: (2, count, HEIGHT, WIDTH) for name, count in channels.items()
    }


def test_flow_pairs_of_several_times_become_one():
    trajectory = random_trajectory(batch=1)
    pairs = [trajectory.sample(tau) for tau in (0.7, 0.25, 0.3)]
    both = FlowPair.batch(pairs)
    assert both.tau == both.times == (0.7, 0.25, 0.3)
    for name in FLOW_MAPS:
        assert torch.equal(getattr(both, name), torch.cat([getattr(pair, name) for pair in pairs]))
    again = FlowPair.batch([both, random_trajectory(batch=2).sample(0.5)])
    assert again.times == (0.7, 0.25, 0.3, 0.5, 0.5) and len(again.to0) == 5


def test_a_flow_pair_knows_whether_keyframes_shaped_it():
    without = random_trajectory((0.0, 0.5, 1.0))
    guided, plain = replace(without, keyframed=True).sample(0.3), without.sample(0.3)
    assert guided.keyframed and not plain.keyframed
    assert FlowPair.batch([guided, guided]).keyframed and not FlowPair.batch([plain]).keyframed
    assert guided.to("cpu").keyframed
    with pytest.raises(ValueError, match="Some of the flows were fitted through keyframes"):
        FlowPair.batch([guided, plain])


def test_every_entry_of_a_flow_pair_has_its_time():
    one_for_all = random_trajectory(batch=2).sample(0.3)
    assert one_for_all.times == (0.3, 0.3)
    own = replace(one_for_all, tau=(0.1, 0.6))
    assert own.times == (0.1, 0.6)
    for pair in (one_for_all, own):
        assert pair.time.shape == (2, 1, 1, 1) and pair.time.dtype == torch.float32
        assert torch.equal(pair.time.flatten(), torch.tensor(pair.times))


def test_a_flow_pair_moves_with_everything_but_its_time():
    moved = replace(random_trajectory().sample(0.3), tau=(0.1, 0.6)).to("meta")
    assert moved.tau == (0.1, 0.6) and moved.time.device.type == "meta"
    assert all(getattr(moved, name).device.type == "meta" for name in FLOW_MAPS)
