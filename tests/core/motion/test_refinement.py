"""What the images say about a motion, on pictures whose motion is known exactly."""

import math

import pytest
import torch
from panned import HEIGHT, INNER, PAN, WIDTH, even, ground

from rdvfi_core.motion.refinement import ALIGNMENTS, LONGEST_STEP, align, best_of
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
    flow = even(PAN[0] + off[0], PAN[1] + off[1])
    found = align(flow, ground(), ground(*PAN) - 0.08)
    torch.testing.assert_close(found, align(flow, ground(), ground(*PAN)))


def test_each_place_takes_the_way_that_matches_there():
    left = pixel_grid(HEIGHT, WIDTH)[:, :1] < WIDTH / 2
    wrong, learned = even(-2.0, 5.0), torch.zeros((), requires_grad=True)
    ways = [torch.where(left, even(*PAN), wrong), torch.where(left, wrong, even(*PAN)) + learned, wrong]
    found = best_of(ways, ground(), ground(*PAN))
    error = torch.linalg.vector_norm(found - even(*PAN), dim=1)[..., INNER, INNER]
    assert (error > 0.5).float().mean() < 0.05  # around the border between them, where both are mixed
    found.sum().backward()
    assert learned.grad == pytest.approx(HEIGHT * WIDTH, rel=0.05)  # of both channels of one half


def test_gradients_pass_unchanged():
    flow = even(PAN[0] + 0.6, PAN[1] - 0.4).requires_grad_()
    found = align(flow, ground(), ground(*PAN))
    assert not torch.equal(found, flow)
    found.sum().backward()
    assert torch.equal(flow.grad, torch.ones_like(flow))
