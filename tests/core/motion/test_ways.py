"""Straight ways through features whose matches are known."""

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.motion.ways import REACH, SHAPE, SUBPLACES, WAYS, along_straight_ways, likeliest_way, shares_of_ways


@pytest.mark.parametrize(("cells", "tau"), [((4, 0), 0.5), ((-2, 2), 0.5), ((8, -4), 0.25), ((4, 4), 0.75)])
def test_the_straight_way_along_which_both_images_are_alike_is_found(cells, tau):
    """I1 is I0 moved by whole cells of 8 px, an even number, in a large picture."""
    x, y = cells
    whole = F.normalize(torch.randn(1, 32, 40, 56, generator=torch.Generator().manual_seed(3)), dim=1)
    first, second = (whole[..., 12 - t * y : 28 - t * y, 16 - t * x : 40 - t * x] for t in (0, 1))
    found = along_straight_ways(first, second, ((tau,),))
    assert found.shape == (1, SUBPLACES + 1, WAYS, 8, 12)
    best = found[:, :SUBPLACES, :, 3:5, 5:7].mean((0, 1, 3, 4)).argmax().item()
    assert (best % SHAPE[1] - REACH[0], best // SHAPE[1] - REACH[1]) == (x // 2, y // 2)


def test_ways_that_leave_an_image_are_like_nothing():
    ones = torch.ones(1, 4, 8, 8)
    found = along_straight_ways(
        ones,
        ones,
        (
            (
                0.0,
                1.0,
            ),
        ),
    )
    middle = WAYS // 2  # no motion
    assert (found[:, :SUBPLACES, middle] == 2).all()  # 4 channels / 4 ** 0.5
    for way in (middle + 4, middle - 1):  # out at the right, and at the left
        assert not found[0, :, way, 0, 0].any()
    assert found[0, :, middle + 1, 0, 0].tolist() == [2, 2, 2, 2, 1]
    assert found[0, :, middle + 1, 0, 3].tolist() == [0, 0, 0, 0, 0]


def test_the_places_of_a_way_are_those_that_it_begins_and_ends_in():
    """Of four features in a place, each has its own match."""
    match0 = torch.zeros(1, 1, 6, 8)
    match0[0, 0, 2:4, 4:6] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = along_straight_ways(match0, torch.ones(1, 1, 6, 8), ((1.0,),))
    assert found[0, :SUBPLACES, WAYS // 2, 1, 2].tolist() == [1, 2, 3, 4]
    assert found[0, :SUBPLACES, WAYS // 2 + 1, 1, 3].tolist() == [1, 2, 3, 4]  # at 1 it is a place further on


def test_the_likeliest_way_lies_between_its_neighbours_and_not_between_two_motions():
    scores = torch.full((1, *SHAPE, 1, 1), -20.0)
    scores[0, 2, 3:5] = torch.tensor([1.0, 1.0]).view(2, 1, 1)
    scores[0, 7, 12] = 1.5
    x, y = likeliest_way(scores.flatten(1, 2))[0, :, 0, 0].tolist()
    assert (x, y) == (pytest.approx(3.5 - REACH[0], abs=1e-3), pytest.approx(2 - REACH[1], abs=1e-3))
    scores[0, 0, 0] = 9
    x, y = likeliest_way(scores.flatten(1, 2))[0, :, 0, 0].tolist()
    assert (x, y) == (pytest.approx(-REACH[0], abs=1e-3), pytest.approx(-REACH[1], abs=1e-3))


def test_shares_of_ways_are_those_between_which_the_pixels_move():
    way, weight = torch.tensor((20.0, -16.0)).view(1, 2, 1, 1).expand(-1, -1, 32, 48).clone(), torch.ones(1, 1, 32, 48)
    way[..., 16:32, 16:32] = 1000  # farther than any
    weight[..., :8, 32:] = 0.5
    shares, counts = shares_of_ways(way, weight)
    shares = shares.unflatten(1, SHAPE)[0]
    row, column = REACH[1] - 1, REACH[0] + 1
    assert shares[row, column, 0, 0] == 0.75 and shares[row, column + 1, 0, 0] == 0.25 and shares[..., 0, 0].sum() == 1
    assert counts[0, 0].tolist() == [[1, 1, 0.75], [1, 0, 1]] and not shares[..., 1, 1].any()
    found = likeliest_way((shares + 1e-9).log()[None].flatten(1, 2))
    torch.testing.assert_close(found[0, :, 0, 0], way[0, :, 0, 0] / 16)
