import pytest
import torch

from rdvfi_core.motion.correlation import APART, strongest_shifts

HEIGHT, WIDTH = 48, 64


def picture(*things: tuple[int, int, int]) -> torch.Tensor:
    """(1, 2, h, w): each thing is a patch of noise of its own, by (seed, x, y)."""
    image = torch.zeros(1, 2, HEIGHT, WIDTH)
    for seed, x, y in things:
        image[..., y : y + 9, x : x + 9] = torch.randn(2, 9, 9, generator=torch.Generator().manual_seed(seed))
    return image


@pytest.mark.parametrize("shift", [(0, 0), (31, 0), (-3, 20), (40, -25), (-50, -30)])
def test_a_shift_is_found(shift):
    start = (52 if shift[0] < 0 else 2, 36 if shift[1] < 0 else 2)
    first, second = picture((1, *start)), picture((1, start[0] + shift[0], start[1] + shift[1]))
    found = strongest_shifts(first, second, 3)
    assert found.shape == (3, 1, 2)
    assert found[0, 0].tolist() == list(shift)


def test_two_things_that_part_are_found_both_and_peaks_lie_apart():
    first = picture((1, 10, 10), (2, 30, 20))
    second = picture((1, 40, 12), (2, 5, 5))
    found = strongest_shifts(first, second, 4)[:, 0]
    assert {(30, 2), (-25, -15)} == {tuple(shift) for shift in found[:2].tolist()}
    away = (found[:, None] - found).abs().amax(-1)
    assert (away + torch.eye(4) * 100).min() > APART


def test_pairs_do_not_depend_on_each_other():
    pairs = [(picture((1, 10, 10)), picture((1, 30, 12))), (picture((2, 40, 30)), picture((2, 20, 3)))]
    together = strongest_shifts(*(torch.cat(side) for side in zip(*pairs, strict=True)), 2)
    assert together[0].tolist() == [[20, 2], [-20, -27]]  # the second peaks are noise beside the first ones


def test_an_empty_picture_gives_shifts_and_does_not_touch_the_pair_beside_it():
    empty, (first, second) = torch.zeros(1, 2, HEIGHT, WIDTH), (picture((1, 10, 10)), picture((1, 30, 12)))
    found = strongest_shifts(torch.cat((empty, first)), torch.cat((empty, second)), 4)
    assert found[0, 1].tolist() == [20, 2]
    for shifts in found.unbind(1):
        assert len({tuple(shift) for shift in shifts.tolist()}) == 4
