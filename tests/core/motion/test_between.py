"""Motion at moments between two images, with features whose matches are known."""

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.motion.bending import around
from rdvfi_core.motion.between import NEARBY, Between, picked, tau_and_parts
from rdvfi_core.motion.views import Beside, View

HEIGHT, WIDTH = 96, 160


def random_features(seed: int = 0) -> torch.Tensor:  # (1, 16, h/8, w/8 + 16): every place like itself alone
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(1, 16, HEIGHT // 8, WIDTH // 8 + 16, generator=generator), dim=1)


def view(match: torch.Tensor, seed: int = 0) -> View:
    generator = torch.Generator().manual_seed(seed)
    batch = len(match)
    fine = torch.randn(batch, 8, HEIGHT // 4, WIDTH // 4, generator=generator)
    image = torch.rand(batch, 3, HEIGHT, WIDTH, generator=generator)
    return View(image, fine, match)


@pytest.fixture(scope="module")
def network() -> Between:
    torch.manual_seed(0)
    made = Between(16, 8, (12, 12, 12)).eval().requires_grad_(False)
    for layer in made.modules():
        if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
            torch.nn.init.normal_(layer.weight, std=0.05)
    return made


def pair() -> tuple[View, View]:
    features = random_features()
    return view(features[..., :20], 1), view(features[..., 2:22], 2)


def test_along_a_rim_each_place_takes_the_motion_along_which_both_are_alike():
    """Nothing moves left of the middle of a coarse place, everything moves by 8 places right of it."""
    whole = 20 * F.normalize(torch.randn(1, 64, 4, 48, generator=torch.Generator().manual_seed(2)), dim=1)
    found = torch.zeros(1, 6, 2, 20)
    found[:, (0, 2), :, 10:] = 64.0
    first = whole[..., :40]
    second = torch.cat((first[..., :21], whole[..., 40:], first[..., 21:32]), -1)
    ends = View(None, None, torch.cat((first, second)))
    nothing, (_, parts) = torch.zeros(1, 9, 4, 40), tau_and_parts(((0.0,),), torch.device("cpu"))
    at_rim = picked(found, nothing, ends, parts)[0, 0, 1:3, 18:24]
    torch.testing.assert_close(at_rim, torch.tensor((0.0, 0, 0, 64, 64, 64)).expand(2, -1), atol=3, rtol=0)
    learned = nothing.clone()
    learned[:, 4] = 1000.0  # its own coarse place
    torch.testing.assert_close(picked(found, learned, ends, parts)[..., ::2, ::2], found)


def test_offsets_around_the_match_are_compared_row_by_row():
    first, second = torch.randn(2, 1, 4, 12, 20, generator=torch.Generator().manual_seed(1))
    found = around(first, second.roll((2, -1), (2, 3)), NEARBY)
    side = 2 * NEARBY + 1
    expected = (first * second).mean(1) * 2
    torch.testing.assert_close(found[:, (NEARBY + 2) * side + NEARBY - 1, 4:8, 4:16], expected[:, 4:8, 4:16])


def test_untrained_it_is_the_way_along_which_both_are_alike():
    whole = 30 * F.normalize(torch.randn(1, 32, 60, 76, generator=torch.Generator().manual_seed(3)), dim=1)
    whole = F.avg_pool2d(whole, 3, 1, 1)  # neighbours are alike, as in pictures
    first, second = (view(whole[..., 16 - t * 4 : 28 - t * 4, 20 - t * 2 : 40 - t * 2]) for t in (0, 1))
    found = Between(32, 8, (12, 12, 12)).eval()(first, second, ((0.25,),))
    inner = (..., slice(44, 52), slice(72, 88))
    way = torch.tensor((16.0, 32.0)).view(1, 2, 1, 1)
    assert (found.to0 + 0.25 * way)[inner].abs().max() < 1 and (found.to1 - 0.75 * way)[inner].abs().max() < 3
    assert not found.seen0.any() and not found.seen1.any()


def test_equal_images_do_not_move_before_training():
    same = view(30 * random_features()[..., :20])
    found = Between(16, 8, (12, 12, 12)).eval()(same, same, ((0.5,),))
    assert found.to0[..., 32:64, 48:112].abs().max() < 1


def test_at_an_end_the_motion_to_itself_is_exactly_none(network):
    found = network(
        *pair(),
        (
            (
                0.0,
                0.5,
                1.0,
            ),
        ),
    )
    assert not found.to0[0].any() and not found.to1[2].any()
    assert found.to1[0].any() and found.to0[1].any() and found.to0[2].any()
    assert found.to0.shape == (3, 2, HEIGHT, WIDTH) and found.seen1.shape == (3, 1, HEIGHT, WIDTH)


def test_moments_and_pairs_do_not_depend_on_each_other(network):
    first, second = pair()
    other = view(random_features(5)[..., 4:24], 6)

    both = network(
        View.cat(first, other),
        View.cat(second, first),
        (
            (
                0.25,
                0.5,
            ),
            (
                0.5,
                0.75,
            ),
        ),
    )
    beside = network(
        View.cat(first, other),
        View.cat(second, first),
        (
            (0.5,),
            (0.5,),
        ),
        Beside(View.cat(other, first), -1.0),
    )
    for found, alone in (
        ((both.to0[1:2], both.to1[1:2], both.seen0[1:2]), network(first, second, ((0.5,),))),
        ((both.to0[3:], both.to1[3:], both.seen0[3:]), network(other, first, ((0.75,),))),
        (
            (beside.to0[1:], beside.to1[1:], beside.seen0[1:]),
            network(other, first, ((0.5,),), Beside(first, -1.0)),
        ),
    ):
        for one, wanted in zip(found, (alone.to0, alone.to1, alone.seen0), strict=True):
            torch.testing.assert_close(one, wanted, atol=1e-4, rtol=1e-3)


def test_frames_beside_the_pair_are_looked_at_where_the_motion_leads(network):
    """Which one it is, and when, matters."""
    first, second = pair()
    other, tau = view(random_features(7)[..., 4:24], 8), ((0.5,),)
    plain = network(first, second, tau)
    before, earlier, after = (
        network(first, second, tau, *beside)
        for beside in ((Beside(other, -1.0), None), (Beside(other, -2.0), None), (None, Beside(other, 2.0)))
    )
    for a, b in ((plain, before), (before, earlier), (before, after)):
        assert (a.to0 - b.to0).abs().max() > 1e-3


@pytest.mark.parametrize("sides", ["both", "before", "after"])
def test_the_frames_beside_the_pair_tell_how_it_speeds_up(sides):
    """Before training: places lie at 8 px of t + 8 px of t (t - 1) in x, so that their curve is 16 px."""
    whole = 6 * F.normalize(torch.randn(1, 64, 40, 90, generator=torch.Generator().manual_seed(3)), dim=1)
    whole = 5 * F.avg_pool2d(whole, 3, 1, 1)

    def at(t: int) -> View:
        cells = t + t * (t - 1)
        return view(whole[..., 8:20, 30 - cells : 50 - cells], seed=1)

    untaught = Between(64, 8, (12, 12, 12)).eval()
    untaught.bend_fine.weight.data.zero_()
    beside = Beside(at(-1), -1.0), Beside(at(2), 2.0)
    given = [side if sides in ("both", name) else None for name, side in zip(("before", "after"), beside, strict=True)]
    inner = (0, 0, slice(5, 7), slice(8, 12))  # at 1/8
    with torch.no_grad():
        even = untaught(at(0), at(1), ((0.5,),)).steps[1].chunk(2)
        bent = untaught(at(0), at(1), ((0.5,),), *given).steps[1].chunk(2)
    assert even[0][inner].mean() == pytest.approx(-4, abs=1.5) and even[1][inner].mean() == pytest.approx(4, abs=1.5)
    assert bent[0][inner].mean() - even[0][inner].mean() == pytest.approx(2, abs=0.8)  # at 1/2 it lies 2 px behind
    assert bent[1][inner].mean() - even[1][inner].mean() == pytest.approx(2, abs=0.8)


def test_gradients_reach_every_parameter(network):
    learner = Between(16, 8, (12, 12, 12))
    learner.load_state_dict(network.state_dict())
    first, second = pair()
    found = learner(first, second, ((0.5,),), Beside(second, -1.0), Beside(first, 2.0))
    found = found.to0.square().sum() + found.seen0.sum() + sum(f.square().sum() for f in found.steps)
    found.backward()
    assert all(p.grad is not None and p.grad.any() for p in learner.parameters())
