"""Phase 1 with stand-ins whose motion is known, and with small random networks."""

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.errors import Interrupted
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.keyframes.keyframes import Keyframes
from rdvfi_core.motion import fitting, moments
from rdvfi_core.motion.adjacent import AdjacentMotion, Features, Motion
from rdvfi_core.motion.between import Between, MotionBetween, tau_and_parts
from rdvfi_core.motion.fitting import (
    ADJACENT_ITERATIONS,
    COARSE_ITERATIONS,
    HIDDEN_IMPORTANCE,
    LONG_RANGE,
    REFINING_ITERATIONS,
    fit_keyframes,
)
from rdvfi_core.motion.fusion import IterativeFusion
from rdvfi_core.pixels.warp import pixel_grid

SPEED = torch.tensor((20.0, -8.0)).view(1, 2, 1, 1)  # px of the motion grid over the whole interval


class Clock:
    """An autoencoder whose pictures and latents show nothing but the time: an even grey of that brightness."""

    def encode(self, image):
        return F.avg_pool2d(image, 8)

    def decode(self, latents):
        return F.interpolate(latents, scale_factor=8.0)


class Steady:
    """phi1 of a world that moves evenly by SPEED and in which everything is seen with visibility `seen`."""

    def __init__(self, seen: float = 1.0):
        self.logit, self.iterations = torch.tensor(seen).logit(1e-6), []

    def encode(self, latents):
        return Features(latents, latents, latents, latents)

    def __call__(self, a, b, iterations, start=None):
        self.iterations.append(iterations)
        flow = F.interpolate((b.match - a.match)[:, :1], scale_factor=8.0) * SPEED
        return Motion(flow, self.logit.expand_as(flow[:, :1]))


def between(first, second, times, before=None, after=None):
    """The same world, as two images alone show it."""
    whole = (second.small - first.small)[:, :1] * SPEED
    tau, _ = tau_and_parts(times, whole.device)
    whole, plain = (v.repeat_interleave(len(times[0]), 0) for v in (whole, torch.zeros_like(whole[:, :1])))
    return MotionBetween(-tau * whole, (1 - tau) * whole, plain, plain)


@pytest.fixture(autouse=True)
def one_order_of_time(monkeypatch):
    monkeypatch.setattr(moments, "both_ways", lambda network, *given: network(*given))


def composition(knot, end, base):
    return Motion(base, torch.full_like(base[:, :1], 9.0))


def moment(tau: float, batch: int = 1) -> torch.Tensor:
    return torch.full((batch, 3, 64, 96), tau)


def keyframes(*times: float, batch: int = 1) -> Keyframes:
    return Keyframes(torch.stack([F.avg_pool2d(moment(t, batch), 8) for t in times], 1), times, "rdvfi")


def level(features: Features | torch.Tensor) -> list[float]:
    """The time that each of a batch shows."""
    return [round(time, 3) for time in getattr(features, "match", features).mean((1, 2, 3)).tolist()]


def everywhere(vector: torch.Tensor) -> torch.Tensor:  # (1, 2, 1, 1) -> (1, 2, 64, 96)
    return vector.expand(1, 2, 64, 96)


@pytest.mark.parametrize("long_range", LONG_RANGE)
def test_every_knot_knows_its_way_to_both_ends_and_to_its_neighbours(long_range):
    times = (0.25, 0.5, 0.875)
    fusion = None if long_range == "direct" else composition
    ends, given = (moment(0.0), moment(1.0)), keyframes(*times)
    found = fit_keyframes(Steady(), between, fusion, Clock(), *ends, given, long_range=long_range)
    assert found.times == (0.0, *times, 1.0)
    for k, time in enumerate(found.times):
        torch.testing.assert_close(found.to0[:, k], everywhere(-time * SPEED))
        torch.testing.assert_close(found.to1[:, k], everywhere((1 - time) * SPEED))
        assert torch.equal(found.colour[:, k], moment(time))
        if k > 0:
            torch.testing.assert_close(found.previous[:, k], everywhere((found.times[k - 1] - time) * SPEED))
        if k < 4:
            torch.testing.assert_close(found.next[:, k], everywhere((found.times[k + 1] - time) * SPEED))


def test_what_phi1_is_asked_for():
    links, two_scales = 3 * [ADJACENT_ITERATIONS], [COARSE_ITERATIONS, REFINING_ITERATIONS]
    for long_range, fusion, wanted in (
        ("chained", composition, links),
        ("direct", None, links + 3 * [COARSE_ITERATIONS]),
        ("best", composition, links + 3 * two_scales),
    ):
        asked = Steady()
        ends, given = (moment(0.0), moment(1.0)), keyframes(0.3, 0.6)
        fit_keyframes(asked, between, fusion, Clock(), *ends, given, long_range=long_range)
        assert asked.iterations == wanted


def test_another_long_range_is_refused_by_name():
    with pytest.raises(ValueError, match="long_range is 'far'; give one of best, chained, direct."):
        fit_keyframes(None, None, None, None, moment(0.0), moment(1.0), keyframes(0.5), long_range="far")


@pytest.mark.parametrize(("taken", "speed"), [(0, 1.0), (1, 2.0), (2, 3.0)])
def test_ways_to_an_end_are_chained_estimated_at_once_and_as_the_ends_say(taken, speed, monkeypatch):
    """Between knots everything moves by SPEED, estimated at once it seems twice as fast, to the ends alone thrice."""

    class Biased(Steady):
        def __call__(self, a, b, iterations, start=None):
            found = super().__call__(a, b, iterations, start)
            return Motion((2.0 if iterations == REFINING_ITERATIONS else 1.0) * found.flow, found.visibility)

    def take(ways, here, there):
        assert len(ways) == 3
        return ways[taken]

    def alone(*given):
        found = between(*given)
        return MotionBetween(3 * found.to0, 3 * found.to1, found.seen0, found.seen1)

    monkeypatch.setattr(fitting, "best_of", take)
    found = fit_keyframes(Biased(), alone, composition, Clock(), moment(0.0), moment(1.0), keyframes(0.25, 0.5))
    middle = (..., slice(30, 34), slice(46, 50))  # where straight motion is not cut off by the frame
    for k, time in enumerate(found.times):
        torch.testing.assert_close(found.to0[:, k][middle], everywhere(-time * speed * SPEED)[middle])
        torch.testing.assert_close(found.to1[:, k][middle], everywhere((1 - time) * speed * SPEED)[middle])


def test_ways_to_an_end_are_compared_by_the_pictures_of_the_knot_and_of_that_end(monkeypatch):
    asked, ends = [], []

    def take(ways, here, there):
        asked.extend(zip(level(here), level(there), strict=True))
        return ways[0]

    def alone(first, second, times, *beside):
        ends.append((level(first.small), level(second.small), list(times[0])))
        return between(first, second, times)

    monkeypatch.setattr(fitting, "best_of", take)
    fit_keyframes(Steady(), alone, composition, Clock(), moment(0.0), moment(1.0), keyframes(0.25, 0.5))
    assert set(asked) == {(0.25, 0), (0.5, 0), (1, 0), (0.5, 1), (0.25, 1), (0, 1)}
    assert all(end[:2] == ([0], [1]) for end in ends)
    assert [tau for *_, times in ends for tau in times] == [0, 0.25, 0.5, 1]


def test_phi2_gets_the_composition_along_the_chain_with_the_right_end():
    asked = []

    def fusion(knot, end, base):
        asked.extend(zip(level(knot), level(end), base.mean((2, 3)), strict=True))
        return Motion(base, base[:, :1])

    fit_keyframes(Steady(), between, fusion, Clock(), moment(0.0), moment(1.0), keyframes(0.25, 0.5))
    assert {(knot, end) for knot, end, _ in asked} == {(0.25, 0), (0.5, 0), (1, 0), (0.5, 1), (0.25, 1), (0, 1)}
    for knot, end, base in asked:
        torch.testing.assert_close(base, (end - knot) * SPEED.flatten())


def test_pairs_of_a_batch_keep_apart():
    """The second pair's world moves at half the speed."""
    image0, image1 = moment(0.0, 2), moment(1.0, 2)
    given = keyframes(0.25, 0.5, batch=2)
    image1[1] *= 0.5
    given.latents[1] *= 0.5
    found = fit_keyframes(Steady(), between, composition, Clock(), image0, image1, given)
    alone = fit_keyframes(Steady(), between, composition, Clock(), moment(0.0), moment(1.0), keyframes(0.25, 0.5))
    for name in ("to0", "to1", "previous", "next", "colour"):
        torch.testing.assert_close(getattr(found, name)[0], getattr(alone, name)[0])
        torch.testing.assert_close(getattr(found, name)[1], 0.5 * getattr(alone, name)[0])


def test_keyframes_at_the_ends_give_way_to_the_inputs():
    wrong = Keyframes(torch.full((1, 3, 3, 8, 12), 0.5), (0.0, 0.5, 1.0), "rdvfi")
    found = fit_keyframes(Steady(), between, composition, Clock(), moment(0.0), moment(1.0), wrong)
    assert found.times == (0.0, 0.5, 1.0)
    assert torch.equal(found.colour[:, 0], moment(0.0)) and torch.equal(found.colour[:, 2], moment(1.0))
    torch.testing.assert_close(found.to1[:, 0], everywhere(SPEED))
    none_between = fit_keyframes(Steady(), between, composition, Clock(), moment(0.0), moment(1.0), keyframes(0.0, 1.0))
    assert none_between.times == (0.0, 1.0)


class Slow(Steady):
    """phi1 that finds no motion at all."""

    def __call__(self, a, b, iterations, start=None):
        return Motion(torch.zeros(len(a.match), 2, 64, 96), self.logit.expand(len(a.match), 1, 64, 96))


class Patches:
    """A latent is its patch of 8x8 pixels: nothing is lost."""

    def encode(self, image):
        return F.pixel_unshuffle(image, 8)

    def decode(self, latents):
        return F.pixel_shuffle(latents, 8)


def drifted(tau: float) -> torch.Tensor:  # a smooth picture that moves by (0.6, 0) px in all
    x, y = (pixel_grid(64, 96) - tau * torch.tensor((0.6, 0.0)).view(1, 2, 1, 1)).split(1, 1)
    return (0.5 + 0.2 * torch.sin(0.7 * x + 0.2 * y) + 0.2 * torch.sin(0.5 * y - 0.3 * x)).expand(-1, 3, -1, -1)


def along(flow: torch.Tensor) -> float:  # mean of x away from the edges
    assert flow[:, 1, 12:-12, 12:-12].abs().mean() < 0.05
    return flow[:, 0, 12:-12, 12:-12].mean().item()


@pytest.mark.parametrize("long_range", LONG_RANGE)
def test_the_pictures_correct_every_link_and_every_way_to_an_end(long_range, monkeypatch):
    monkeypatch.setattr(fitting, "best_of", lambda ways, here, there: ways[0])
    half = Keyframes(Patches().encode(drifted(0.5))[:, None], (0.5,), "rdvfi")

    def nothing(knot, end, base):
        return Motion(torch.zeros_like(base), torch.full_like(base[:, :1], 9.0))

    found = fit_keyframes(Slow(), between, nothing, Patches(), drifted(0), drifted(1), half, long_range=long_range)
    for k, time in enumerate(found.times):
        ways = [(found.to0, 0, -time), (found.to1, 2, 1 - time), (found.previous, 0, -0.5), (found.next, 2, 0.5)]
        for flow, end, part in ways:
            if k != end:
                assert along(flow[:, k]) == pytest.approx(0.6 * part, abs=0.05)


def test_importance_falls_where_a_neighbour_does_not_show_the_knot():
    class OneWay(Steady):
        def __call__(self, a, b, iterations, start=None):
            found = super().__call__(a, b, iterations)
            forward = torch.tensor(level(a)) < torch.tensor(level(b))  # that way everything vanishes
            return Motion(found.flow, torch.where(forward.view(-1, 1, 1, 1), -40.0, 40.0).expand_as(found.visibility))

    found = fit_keyframes(OneWay(), between, composition, Clock(), moment(0.0), moment(1.0), keyframes(0.5))
    of_knots = found.importance.amax((0, 2, 3, 4)).tolist()
    assert of_knots == pytest.approx([-HIDDEN_IMPORTANCE, -HIDDEN_IMPORTANCE, 0.0])


@pytest.fixture(scope="module")
def networks() -> tuple[AdjacentMotion, Between, IterativeFusion, Autoencoder]:
    torch.manual_seed(0)
    made = AdjacentMotion(6, 8, 16, 12), Between(16, 8, (12, 12, 12)), IterativeFusion(8, 12), Autoencoder(6, 8)
    return tuple(network.eval().requires_grad_(False) for network in made)


def test_networks_give_a_trajectory_that_can_be_sampled(networks):
    generator = torch.Generator().manual_seed(1)
    image0, image1 = (torch.rand(2, 3, 64, 96, generator=generator) for _ in range(2))
    found = fit_keyframes(
        *networks, image0, image1, Keyframes(torch.randn(2, 3, 6, 8, 12, generator=generator), (0.2, 0.5, 0.9), "rdvfi")
    )
    assert found.times == (0.0, 0.2, 0.5, 0.9, 1.0) and found.to0.shape == (2, 5, 2, 64, 96)
    assert not found.to0[:, 0].any() and not found.to1[:, 4].any()
    assert (found.visible0[:, 0] == 1).all() and (found.visible1[:, 4] == 1).all()
    assert torch.equal(found.colour[:, 0], image0) and torch.equal(found.colour[:, 4], image1)
    pair = found.sample(0.3)
    assert all(t.isfinite().all() for t in (pair.to0, pair.to1, pair.colour, pair.coverage))


def test_progress_reaches_its_total_one_by_one_and_a_wish_to_stop_is_heard(networks):
    told = []
    given = Keyframes(torch.zeros(1, 2, 6, 8, 12), (0.3, 0.6), "rdvfi")
    fit_keyframes(*networks, moment(0.2), moment(0.4), given, progress=lambda *done: told.append(done))
    total = told[-1][1]
    assert told == [(i, total) for i in range(1, total + 1)]
    told.clear()
    with pytest.raises(Interrupted):
        fit_keyframes(
            *networks, moment(0.2), moment(0.4), given,
            progress=lambda *done: told.append(done), should_stop=lambda: len(told) == 3,
        )  # fmt: skip
    assert len(told) == 3
