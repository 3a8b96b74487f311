"""Paths that go on into the pairs before and after: `Trajectory.continued`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rdvfi_core.trajectory.trajectory import MAPS, STEEPEST, Trajectory

HEIGHT, WIDTH = 32, 48
TAUS = (0.1, 0.25, 0.5, 0.8)


def pair(shift: Tensor, visible: float = 1.0) -> Trajectory:
    """Everything moves by shift (2,) px. visible: in the other image."""
    flow = shift.view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH).clone()
    seen, colour = torch.full((1, 1, HEIGHT, WIDTH), visible), torch.zeros(1, 3, HEIGHT, WIDTH)
    return Trajectory.straight(flow, -flow, seen, seen, colour, colour)


def position(t: float) -> Tensor:
    """(2,) px at time t of something that is thrown."""
    return torch.tensor([6 * t, 1.5 * t * t - 2 * t])


def thrown(before: float | None = -1.0, after: float | None = 2.0) -> Trajectory:
    """From time 0 to 1, among frames at these times."""
    earlier = None if before is None else pair(position(0) - position(before))
    later = None if after is None else pair(position(after) - position(1))
    lengths = 1.0 if before is None else -before, 1.0 if after is None else after - 1
    return pair(position(1) - position(0)).continued(earlier, later, *lengths)


def inside(values: Tensor) -> Tensor:
    return values[..., 12:-12, 12:-12]


@pytest.mark.parametrize(("before", "after"), [(-1, 2), (-0.5, 3), (-2, 1.25), (None, 2), (-1, None)])
@pytest.mark.parametrize("tau", TAUS)
def test_a_constant_acceleration_is_followed_exactly(before, after, tau):
    trajectory = thrown(before, after)
    flows, way = trajectory.sample(tau), position(tau).view(1, 2, 1, 1)
    for flow, end in ((flows.to0, position(0)), (flows.to1, position(1))):
        expected = (end.view(1, 2, 1, 1) - way).expand_as(flow)
        torch.testing.assert_close(inside(flow), inside(expected), atol=1e-4, rtol=0)
    speed = (position(tau + 1e-3) - position(tau - 1e-3)) / 2e-3
    assert (inside(trajectory.velocity(tau)) - speed.view(1, 2, 1, 1)).abs().max() < 1e-2


def test_the_ends_stay_where_they_are():
    flows, plain = thrown(), thrown(None, None)
    for tau in (0.0, 1.0):
        assert torch.equal(flows.sample(tau).to0, plain.sample(tau).to0)
        assert torch.equal(flows.sample(tau).to1, plain.sample(tau).to1)


@pytest.mark.parametrize("source", [0, 1])
def test_tracks_take_the_same_way(source):
    points = torch.tensor([[[20.0, 15.0], [24.0, 12.0]]])
    found, visible = thrown().tracks(points, TAUS, source)
    expected = torch.stack([points + position(tau) - position(source) for tau in TAUS], 1)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    assert visible.all()


def test_what_is_hidden_beyond_an_end_moves_as_without():
    hidden = pair(torch.tensor([30.0, -20.0]), visible=0.0)
    plain = pair(position(1))
    bent = plain.continued(hidden, hidden)
    assert (bent.before, bent.after) == (-1.0, 2.0)
    for tau in TAUS:
        torch.testing.assert_close(bent.sample(tau).to0, plain.sample(tau).to0, atol=1e-4, rtol=0)


def test_what_stands_still_does_not_swing_when_it_came_in_fast():
    fast, still = pair(torch.tensor([24.0, 0.0])), pair(torch.zeros(2))
    for bent in (still.continued(fast, None), still.continued(None, fast), still.continued(fast, fast)):
        assert max(bent.sample(tau).to0.abs().max() for tau in TAUS) < 0.1


def test_speed_at_an_end_is_bounded_by_the_pairs_own():
    bent = pair(torch.tensor([2.0, 0.0])).continued(pair(torch.tensor([24.0, 0.0])), None)
    assert inside(bent.velocity(0.0)).norm(dim=1).max() < 2 * STEEPEST + 0.5
    steps = torch.stack([-inside(bent.sample(tau).to0)[:, 0] for tau in torch.linspace(0, 1, 9).tolist()])
    assert (steps.diff(dim=0) > 0).all()  # it never moves backward


def test_keyframes_know_better():
    knots = pair(position(1))
    maps = {name: getattr(knots, name)[:, [0, 1, 1]].contiguous() for name in MAPS}
    through_keyframes = Trajectory((0.0, 0.5, 1.0), **maps)
    assert through_keyframes.continued(knots, knots) is through_keyframes
    assert knots.continued(None, None) is knots


@pytest.mark.parametrize("sides", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("speed", [-60.0, 60.0])
def test_no_end_is_faster_than_twice_the_mean_speed(sides, speed):
    here, wild = pair(torch.tensor([10.0, 0.0])), pair(torch.tensor([speed, 0.0]))
    trajectory = here.continued(*(wild if side else None for side in sides))
    for tau in (0.0, 1.0):
        assert inside(trajectory.velocity(tau)).abs().max() <= 20.3


def test_what_is_hidden_at_an_end_does_not_move_on_with_what_hides_it():
    """A still ground in I1; in I0 and before there is something in front of it that moves by 20 px."""
    ground, block = pair(torch.zeros(2)), pair(torch.tensor([20.0, 0.0]))
    hidden = ground.visible0.clone()
    hidden[:, 1] = 0
    pushed = torch.stack((block.next[:, 0], ground.next[:, 1]), 1)
    trajectory = replace(ground, next=pushed, to1=pushed, visible0=hidden).continued(block, None)
    assert inside(trajectory.velocity(1.0)).abs().max() < 1e-4
    (positions, visible) = trajectory.tracks(torch.tensor([[[24.0, 16.0]]]), TAUS, source=1)
    assert (positions - torch.tensor([24.0, 16.0])).abs().max() < 1e-4 and not visible[0, 0]


@pytest.mark.parametrize("tau", TAUS)
def test_reversal_mirrors_it(tau):
    trajectory = thrown(-0.5, 3)
    mirrored = trajectory.reverse()
    assert (mirrored.before, mirrored.after) == (-2, 1.5)
    torch.testing.assert_close(mirrored.sample(1 - tau).to1, trajectory.sample(tau).to0, atol=1e-4, rtol=1e-4)


def test_pairs_of_a_batch_keep_it_when_they_part():
    trajectory = thrown(-0.5, None)
    (alone,) = trajectory.split()
    assert (alone.before, alone.after) == (-0.5, None)
    assert torch.equal(alone.sample(0.3).to0, trajectory.sample(0.3).to0)
    assert trajectory.to("cpu").before == -0.5


@pytest.mark.parametrize("times", [{"before": 0.0}, {"before": 0.5}, {"after": 1.0}, {"after": -1.0}])
def test_frames_that_are_not_beyond_the_ends_are_refused(times):
    with pytest.raises(ValueError, match="give times below 0 and above 1"):
        replace(thrown(), **times)
