from fractions import Fraction

import numpy as np
import pytest
import torch

from rdvfi_core.inputs import check_fps, check_pair, check_times


def image(*shape: int) -> torch.Tensor:
    return torch.rand(*(shape or (3, 64, 96)))


def test_a_pair_becomes_two_batches_of_one_with_the_same_values():
    image0, image1 = image(), image(1, 3, 64, 96).half()
    checked0, checked1 = check_pair(image0, image1)
    assert checked0.shape == checked1.shape == (1, 3, 64, 96)
    assert torch.equal(checked0[0], image0)
    assert torch.equal(checked1, image1) and checked1.dtype == torch.float16


def test_a_slight_overshoot_is_left_as_it_is():
    ringing = image() * 1.1 - 0.05
    assert torch.equal(check_pair(ringing, ringing)[0][0], ringing)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((3, 64, 96), np.float32), "ndarray"),
        (torch.zeros(3, 64, 96, dtype=torch.uint8), "uint8.*divide by 255"),
        (torch.zeros(64, 96), "2 dimensions"),
        (torch.zeros(1, 1, 3, 64, 96), "5 dimensions"),
        (torch.zeros(4, 64, 96), "RGBA.*alpha"),
        (torch.zeros(1, 64, 96), "grey.*repeat"),
        (torch.zeros(2, 64, 96), "2 channels"),
        (torch.zeros(64, 96, 3), "channels last.*permute"),
        (torch.zeros(2, 3, 64, 96), "batch of 2"),
        (torch.zeros(3, 63, 96), "96x63.*at least 64"),
        (torch.full((3, 64, 96), float("nan")), "NaN or infinite"),
        (torch.full((3, 64, 96), float("-inf")), "NaN or infinite"),
        (torch.full((3, 64, 96), 128.0), "128.*divide 0..255 by 255"),
        (torch.full((3, 64, 96), -0.5), "-0.5"),
    ],
)
def test_a_bad_image_is_refused_by_name_in_one_sentence(bad, words):
    for pair, name in (((bad, image()), "image0"), ((image(), bad), "image1")):
        with pytest.raises(ValueError, match=f"{name}.*{words}") as caught:
            check_pair(*pair)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_single_nan_is_found():
    spoilt = image()
    spoilt[1, 20, 30] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        check_pair(spoilt, image())


def test_two_sizes_are_named():
    with pytest.raises(ValueError, match="96x64.*100x64"):
        check_pair(image(), image(3, 64, 100))


def test_times_of_many_types_become_floats_in_their_order():
    given = [1, 0.25, Fraction(1, 3), np.float32(0.5), np.int64(0), np.array(0.125), torch.tensor(0.75)]
    assert check_times(given) == [1.0, 0.25, 1 / 3, 0.5, 0.0, 0.125, 0.75]
    assert all(type(time) is float for time in check_times(given))
    assert check_times(torch.linspace(0, 1, 3)) == [0.0, 0.5, 1.0]
    assert check_times(time / 2 for time in range(2)) == [0.0, 0.5]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "empty"),
        (0.5, "list"),
        (["0.5"], "'0.5'.*not a number"),
        ([None], "None.*not a number"),
        ([1 + 0j], "not a number"),
        ([torch.rand(2)], "not a number"),
        ([0.5, float("nan")], "nan"),
        ([float("inf")], "inf"),
        ([-1e-9], "-1e-09"),
        ([0, Fraction(5, 4)], "5/4"),
    ],
)
def test_bad_times_are_refused(bad, words):
    with pytest.raises(ValueError, match=f"times.*{words}"):
        check_times(bad)


def test_fps_is_exact():
    assert check_fps(30) == check_fps("30") == check_fps(30.0) == 30
    assert check_fps("29.97") == check_fps(29.97) == Fraction(2997, 100)
    assert check_fps("24000/1001") == check_fps(Fraction(24000, 1001)) == Fraction(24000, 1001)


@pytest.mark.parametrize("bad", ["", "fast", "1/0", "nan", "inf", 0, -24, "1001", 24000 / 1001])
def test_bad_fps_is_refused(bad):
    with pytest.raises(ValueError, match="fps is"):
        check_fps(bad)
