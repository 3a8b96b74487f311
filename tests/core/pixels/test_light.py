"""Light that changes between the two images."""

import pytest
import torch

from rdvfi_core.pixels.light import change, follow_time
from rdvfi_core.rendering.synthesis import Synthesis
from rdvfi_core.trajectory.flow_pair import FlowPair


@pytest.fixture
def picture() -> torch.Tensor:  # (1, 3, h, w) in [0.2, 0.8]
    return 0.2 + 0.6 * torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))


def test_an_even_change_is_found(picture):
    found = change(picture, picture - 0.12)
    assert found.shape == (1, 3, 12, 16)
    torch.testing.assert_close(found, torch.full_like(found, -0.12), atol=0.003, rtol=0)


def test_no_change_is_found_where_pictures_do_not_match(picture):
    assert change(picture, picture.flip(-1)).abs().max() < 0.01
    assert torch.equal(change(picture, picture), torch.zeros(1, 3, 12, 16))


def test_a_small_thing_in_another_colour_is_no_light(picture):
    other = picture.clone()
    other[..., 40:52, 40:52] = 1
    assert change(picture, other).abs().max() < 0.005


def test_warps_meet_in_the_light_of_the_time(picture):
    first, second = picture.repeat(2, 1, 1, 1), picture.repeat(2, 1, 1, 1) - 0.1
    first, second = (torch.cat((image, torch.ones(2, 1, 96, 128)), 1) for image in (first, second))
    follow_time(first, second, torch.full((2, 3, 12, 16), -0.1), torch.tensor((0.25, 0.5)).view(2, 1, 1, 1))
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first[0, :3], picture[0] - 0.025)
    torch.testing.assert_close(first[1, :3], picture[0] - 0.05)
    assert torch.equal(first[:, 3], torch.ones(2, 96, 128))  # alpha is no light


@pytest.mark.parametrize("tau", [0.25, 0.5, 0.75])
def test_a_frame_is_as_light_as_its_time_whichever_image_it_shows(picture, tau):
    """Everything gets darker; only I0 is believed to show the place."""
    darker = picture - 0.1
    still, all_of_it = torch.zeros(1, 2, 96, 128), torch.ones(1, 1, 96, 128)
    flows = FlowPair(tau, still, still, all_of_it, 0 * all_of_it, all_of_it, torch.lerp(picture, darker, tau))
    with torch.no_grad():
        frame = Synthesis().eval()(picture, darker, picture, darker, flows)
    expected = picture - 0.1 * tau
    assert (frame - expected).mean().abs() < 0.003
    assert (picture - expected).mean() > 0.02  # what it would be by I0 alone


def test_differences_that_disagree_count_for_little(picture):
    """Half of the pixels are darker by 0.2 and half are not: a mean of -0.1, of which a fifth is believed."""
    some = torch.rand(1, 1, 96, 128, generator=torch.Generator().manual_seed(2)) < 0.5
    found = change(picture, picture - 0.2 * some)
    assert (found.mean() + 0.02).abs() < 0.01


def test_faint_differences_are_no_light(picture):
    assert change(picture, picture + 0.005).abs().max() < 0.001


def test_another_thing_is_taken_for_a_moderate_change_at_most():
    dark = torch.full((1, 3, 96, 128), 0.05)
    assert change(dark, dark + 0.9).max() <= 0.3
