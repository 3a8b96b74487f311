"""When latents are."""

from fractions import Fraction

import pytest

from rdvfi_core.keyframes.keyframes import choose
from rdvfi_core.keyframes.latents import SVD, WAN21, frames_of, latent_times, latents_for


def test_a_latent_of_wan_stands_for_every_fourth_frame():
    assert frames_of(7, WAN21.temporal_stride) == 25
    assert [Fraction(time).limit_denominator(24) for time in latent_times(7, WAN21.temporal_stride)] == [
        Fraction(4 * i, 24) for i in range(7)
    ]


def test_a_latent_of_svd_is_a_frame():
    assert frames_of(14, SVD.temporal_stride) == 14
    assert latent_times(5, SVD.temporal_stride) == (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize("latents", [0, 1])
def test_one_latent_spans_nothing(latents):
    with pytest.raises(ValueError, match=f"holds {latents} frame"):
        latent_times(latents, 4)


@pytest.mark.parametrize("frame, latents", [(0, 1), (1, 2), (4, 2), (5, 3), (24, 7)])
def test_a_causal_decoder_needs_the_latents_up_to_a_frame(frame, latents):
    assert latents_for(frame, 4) == latents
    assert frames_of(latents, 4) > frame >= frames_of(latents - 1, 4)


def test_chosen_frames_lie_evenly():
    assert choose(81, 7, ends_included=True) == ([10, 20, 30, 40, 50, 60, 70], tuple(i / 8 for i in range(1, 8)))
    assert choose(5, 0, ends_included=True)[0] == [1, 2, 3]
    assert choose(3, 7, ends_included=False) == ([0, 1, 2], (0.25, 0.5, 0.75))
    assert choose(3, 1, True, (0.0, 0.7, 1.0)) == ([1], (0.7,))


@pytest.mark.parametrize(
    "given, words",
    [
        ((2, 7, True), "give at least 3"),
        ((3, 7, True, (0.1, 0.2)), "2 times for 3 frames"),
        ((2, 7, True, (0.0, 1.0)), "None of the frames"),
        ((2, 7, False, (0.5, 0.2)), "must increase"),
    ],
)
def test_frames_that_cannot_be_keyframes_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        choose(*given)
