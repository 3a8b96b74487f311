"""What the images say about a motion, on pictures whose motion is known exactly."""

import math

import pytest
import torch
from panned import BAR, HEIGHT, INNER, PAN, WIDTH, a_bar_that_moves, behind_a_bar, even, ground, there_and_back

from rdvfi_core.motion.adjacent import Motion
from rdvfi_core.motion.refinement import ALIGNMENTS, LONGEST_STEP, align, best_of, refine, rematch
from rdvfi_core.pixels.warp import pixel_grid


@pytest.mark.parametrize("off", [(0.6, -0.4), (-1.1, 0.8)])
def test_alignment_corrects_fractions_of_a_pixel(off):
    flow = even(PAN[0] + off[0], PAN[1] + off[1])
    found = align(flow, ground(), ground(*PAN))
    error = torch.linalg.vector_norm(found - even(*PAN), dim=1)[..., INNER, INNER]
    assert error.mean() < 0.06 * math.hypot(*off)  # 0.1 if large errors counted in full


def test_alignment_leaves_an_exact_motion_alone():
    found = align(even(*PAN), ground(), ground(*PAN))
    assert (found - even(*PAN))[..., INNER, INNER].abs().mean() < 0.01


def test_alignment_stays_near():
    found = align(even(PAN[0] + 2.5, PAN[1] + 1.5), ground(), ground(*PAN))
    moved = torch.linalg.vector_norm(found - even(PAN[0] + 2.5, PAN[1] + 1.5), dim=1)
    assert 1 < moved.max() <= ALIGNMENTS * LONGEST_STEP + 1e-4


def test_alignment_works_in_another_light():
    off = 0.6, -0.4
    found = align(even(PAN[0] + off[0], PAN[1] + off[1]), ground(), ground(*PAN) - 0.08)
    error = torch.linalg.vector_norm(found - even(*PAN), dim=1)[..., INNER, INNER]
    assert error.mean() < 0.6 * math.hypot(*off)  # 0.83 if the light were left in


def test_alignment_does_not_follow_pictures_that_do_not_match():
    generator = torch.Generator().manual_seed(0)
    here, there = torch.rand(2, 1, 3, HEIGHT, WIDTH, generator=generator)
    flow = even(1.0, 2.0)
    assert (align(flow, here, there) - flow).abs().mean() < 0.03


def test_each_place_takes_the_way_that_matches_there():
    left = pixel_grid(HEIGHT, WIDTH)[:, :1] < WIDTH / 2
    wrong, learned = even(-2.0, 5.0), torch.zeros((), requires_grad=True)
    ways = [torch.where(left, even(*PAN), wrong), torch.where(left, wrong, even(*PAN)) + learned, wrong]
    found = best_of(ways, ground(), ground(*PAN))
    error = torch.linalg.vector_norm(found - even(*PAN), dim=1)[..., INNER, INNER]
    assert (error > 0.5).float().mean() < 0.05  # around the border between them, where both are mixed
    found.sum().backward()
    assert learned.grad == pytest.approx(HEIGHT * WIDTH, rel=0.05)  # of both channels of one half


def test_plain_pictures_change_nothing():
    images = torch.full((2, 3, HEIGHT, WIDTH), 0.4)
    flow = there_and_back()
    found = refine(Motion(flow, torch.zeros(2, 1, HEIGHT, WIDTH)), images)
    within = (slice(None), slice(None), INNER, INNER)  # what leaves the frame may as well stand still here
    assert torch.equal(found.flow[within], flow[within])
    assert torch.equal(found.visibility[within], torch.zeros_like(found.visibility[within]))


def test_a_thin_thing_is_freed_from_the_motion_of_the_ground():
    images = torch.cat((behind_a_bar(0, 0), behind_a_bar(*PAN)))
    flow, moved, _ = rematch(there_and_back(), images)
    bar = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    bar[..., 22:74, BAR] = True
    for side in range(2):
        assert moved[side][bar[0]].float().mean() > 0.8
        assert torch.linalg.vector_norm(flow[side], dim=0)[bar[0, 0]].median() < 0.5
    near_or_at_the_bar = torch.nn.functional.max_pool2d(bar.float(), 7, 1, 3)[0] > 0
    assert moved[0][~near_or_at_the_bar].float().mean() < 0.01
    found = refine(Motion(there_and_back(), torch.full((2, 1, HEIGHT, WIDTH), -2.0)), images)
    assert found.visible[:1][bar].mean() > 0.8


def test_a_thing_takes_the_motion_of_its_better_matched_parts():
    """A bar that moves by (-6, 0) before the ground that pans; its lower part was given the motion of the ground."""
    first, second = ground(), ground(*PAN)
    thing = behind_a_bar(0, 0)[..., 20:76, BAR]
    first[..., 20:76, BAR] = thing
    second[..., 20:76, BAR.start - 6 : BAR.stop - 6] = thing
    flow = there_and_back()
    flow[0, :, 20:56, BAR] = torch.tensor((-6.0, 0.0)).view(2, 1, 1)
    flow[1, :, 20:56, BAR.start - 6 : BAR.stop - 6] = torch.tensor((6.0, 0.0)).view(2, 1, 1)
    found, moved, _ = rematch(flow, torch.cat((first, second)))
    lower = (0, slice(None), slice(58, 72), BAR)
    assert moved[lower].float().mean() > 0.85
    assert torch.linalg.vector_norm(found[lower] - torch.tensor((-6.0, 0.0)).view(2, 1, 1), dim=0).median() < 0.5


def test_a_thing_that_crosses_the_picture_is_found_and_lies_in_front():
    """It moves by (72, 10), twice its size, before ground that stands still."""
    first, second = ground(), ground()
    thing = (ground(31.0, 17.0).flip(-1)[..., 30:66, 8:44] + 0.25).clamp(0, 1)  # lighter, and of another texture
    first[..., 30:66, 8:44] = second[..., 40:76, 80:116] = thing
    images = torch.cat((first, second))
    found = refine(Motion(torch.zeros(2, 2, HEIGHT, WIDTH), torch.full((2, 1, HEIGHT, WIDTH), -2.0)), images)
    places = (0, slice(None), slice(33, 63), slice(11, 41)), (1, slice(None), slice(43, 73), slice(83, 113))
    for place, sign in zip(places, (1, -1), strict=True):
        way = sign * torch.tensor((72.0, 10.0)).view(2, 1, 1)
        assert (torch.linalg.vector_norm(found.flow[place] - way, dim=0) < 0.5).float().mean() > 0.8
        assert found.front[place].mean() > 0.8 and found.visible[place].mean() > 0.8
    assert found.front[0, ..., 44:].max() == found.front[1, ..., :80].max() == 0


def test_plain_ground_does_not_jump_across_a_thing():
    """The thing stands still; what the ground hides of itself left of it in one image and right of it in the other
    looks alike."""
    first, second = (0.5 + 0.02 * (ground(side) - 0.5) for side in (0.0, 12.0))
    first[..., 30:60, 50:76] = second[..., 30:60, 50:76] = ground()[..., 30:60, 50:76]
    flow = torch.zeros(2, 2, HEIGHT, WIDTH)
    flow[0, 0], flow[1, 0] = 12, -12
    flow[:, 0, 30:60, 50:76] = 0
    shifted = rematch(flow, torch.cat((first, second)))[2]
    assert not shifted.any()


def test_black_bars_at_the_sides_stand_still():
    """The ground pans behind them, so their given motion leads out of the frame."""
    first, second = ground(), ground(*PAN)
    for image in (first, second):
        image[..., :14] = image[..., -14:] = 0.02
    moved = rematch(there_and_back(), torch.cat((first, second)))[1]
    assert moved[0, ..., -8:].float().mean() > 0.7 and moved[1, ..., :8].float().mean() > 0.7
    assert not moved[..., 20:-20].any()


def test_pictures_that_have_nothing_in_common_take_no_other_motion():
    moved = rematch(there_and_back(), torch.cat((ground(), ground().flip(-1))))[1]
    assert not moved[..., INNER, INNER].any()


def test_what_is_merely_hidden_takes_no_other_motion():
    moved = rematch(*a_bar_that_moves())[1]
    assert moved.float().mean() < 0.002


def test_pairs_do_not_depend_on_each_other():
    pairs = [(behind_a_bar(0, 0), behind_a_bar(*PAN)), (ground(), ground(2.5, -1.0))]
    flows = [there_and_back(), torch.cat((even(2.0, -1.0), even(-2.0, 1.0)))]
    seen = torch.zeros(2, 1, HEIGHT, WIDTH)
    alone = [refine(Motion(flow, seen), torch.cat(pair)) for flow, pair in zip(flows, pairs, strict=True)]
    images = torch.cat([pair[side] for side in range(2) for pair in pairs])
    together = refine(Motion(torch.stack(flows, 1).flatten(0, 1), torch.zeros(4, 1, HEIGHT, WIDTH)), images)
    for index, one in enumerate(alone):
        torch.testing.assert_close(together.flow[[index, index + 2]], one.flow)
        torch.testing.assert_close(together.visibility[[index, index + 2]], one.visibility)


def test_gradients_pass_unchanged():
    flow = there_and_back().requires_grad_()
    visibility = torch.full((2, 1, HEIGHT, WIDTH), -2.0, requires_grad=True)
    found = refine(Motion(flow, visibility), torch.cat((behind_a_bar(0, 0), behind_a_bar(*PAN))))
    assert not torch.equal(found.flow, flow)
    (found.flow.sum() + 2 * found.visibility.sum()).backward()
    assert torch.equal(flow.grad, torch.ones_like(flow))
    assert torch.equal(visibility.grad, torch.full_like(visibility, 2.0))
