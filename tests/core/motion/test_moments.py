"""Flows at moments and trajectories through knots, of small random networks and of motion that is known."""

import pytest
import torch
from panned import HEIGHT, INNER, PAN, WIDTH, even, ground
from small_networks import random_networks, textured

from rdvfi_core import Interpolator
from rdvfi_core.image_pair import ImagePair
from rdvfi_core.motion.between import MotionBetween, tau_and_parts
from rdvfi_core.motion.moments import aligned, both_ways, flows_between, trajectory_between
from rdvfi_core.motion.views import Beside, View


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(random_networks(), device="cpu")


@pytest.fixture(scope="module")
def views(interpolator) -> list[View]:
    images = [textured(64, 96, seed) for seed in range(4)]
    return [interpolator.look_at(ImagePair.of(image, image))[0] for image in images]


def accelerated(first, second, times, before=None, after=None) -> MotionBetween:
    """Everything lies at 12 t + 6 t (t - 1) px to the right at t."""
    tau, _ = tau_and_parts(times, first.small.device)
    like = first.small[:1, :2].expand(len(tau), -1, -1, -1)
    at = 12 * tau + 6 * tau * (tau - 1)
    right = torch.tensor((1.0, 0.0)).view(1, 2, 1, 1).expand_as(like)
    plain = torch.zeros_like(like[:, :1])
    return MotionBetween(-at * right, (12 - at) * right, plain, plain)


@pytest.mark.parametrize("beside_at", [(-1.0, 2.0), (-2.0, 2.0), (-1.0, None), (None, None)])
def test_swapped_images_give_the_mirror_image(interpolator, views, beside_at):
    network, times = interpolator.networks["between"], ((0.25, 0.5),)
    beside = [None if time is None else Beside(view, time) for view, time in zip(views[2:], beside_at, strict=True)]
    mirrored = [None if side is None else Beside(side.view, 1 - side.time) for side in reversed(beside)]
    with torch.no_grad():
        there = both_ways(network, *views[:2], times, *beside)
        back = both_ways(network, *reversed(views[:2]), ((0.75, 0.5),), *mirrored)
        alone = network(*views[:2], times, *beside)
    torch.testing.assert_close(there.to0, back.to1, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.seen1, back.seen0, atol=1e-4, rtol=1e-4)
    assert (there.to0 - alone.to0).abs().max() > 1e-2


def test_flows_do_not_depend_on_how_many_moments_are_asked_for(interpolator, views):
    network = interpolator.networks["between"]
    with torch.no_grad():
        several = flows_between(network, *views[:2], [0.1, 0.25, 0.5, 0.9])
        (alone,) = flows_between(network, *views[:2], [0.25])
    assert [flow.times for flow in several] == [(0.1,), (0.25,), (0.5,), (0.9,)]
    torch.testing.assert_close(several[1].to0, alone.to0, atol=1e-4, rtol=1e-4)
    best = torch.maximum(alone.visible0, alone.visible1)
    assert torch.equal(best, torch.ones_like(best)) and torch.equal(alone.coverage, best)


def test_a_trajectory_passes_through_its_knots_and_between_them_on_cubics(views, monkeypatch):
    monkeypatch.setattr("rdvfi_core.motion.moments.both_ways", lambda network, *given: network(*given))
    monkeypatch.setattr("rdvfi_core.motion.moments.aligned", lambda motion, *views: motion)
    found = trajectory_between(accelerated, *views[:2], knots=3)
    assert found.times == (0.0, 0.25, 0.5, 0.75, 1.0)
    inner = (0, 0, slice(20, 40), slice(30, 60))
    for tau in (0.25, 0.4, 0.9):
        at = 12 * tau + 6 * tau * (tau - 1)
        flow = found.sample(tau)
        assert (flow.to0[inner] + at).abs().max() < 1e-3 and (flow.to1[inner] - (12 - at)).abs().max() < 1e-3


def test_what_the_warps_still_miss_is_shared_by_both_flows():
    """The ground pans by (9, 4) px; the flows at 1/3 make it (9.6, 3.7)."""
    image0, image1 = ground(), ground(*PAN)
    views = [View(image, None, None) for image in (image0, image1)]
    wrong = even(PAN[0] + 0.6, PAN[1] - 0.3)
    given = MotionBetween(-wrong / 3, 2 * wrong / 3, *torch.zeros(2, 1, 1, HEIGHT, WIDTH))
    found = aligned(given, *views, ((1 / 3,),))
    for flow, part in ((found.to0, -1 / 3), (found.to1, 2 / 3)):
        error = torch.linalg.vector_norm(flow - part * even(*PAN), dim=1)[..., INNER, INNER]
        assert error.mean() < 0.3 * abs(part) * torch.linalg.vector_norm(torch.tensor((0.6, -0.3)))
