from itertools import islice

import pytest
import torch

from rdvfi_core.pixels.warp import backward_warp, pixel_grid
from rdvfi_core.training.pairs import PairBatch, RenderedPairs, loaded
from rdvfi_core.training.processes import Share

CROP = (64, 96)


def pairs(first: int = 0, seed: int = 3, batch: int = 4, **share) -> RenderedPairs:
    """48 pairs a block."""
    return RenderedPairs(None, seed, batch, CROP, Share(first, **share), reuse=1, largest=300.0)


@pytest.fixture(scope="module")
def batches() -> list[PairBatch]:
    """A block of 12 and the first ones of the next."""
    return list(islice(pairs(), 14))


def equal(a: PairBatch, b: PairBatch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_shapes_and_ranges(batches):
    for batch in batches:
        assert batch.first.shape == batch.second.shape == (4, 3, *CROP)
        assert batch.forward.shape == batch.backward.shape == (4, 2, *CROP)
        assert batch.seen_forward.shape == batch.seen_backward.shape == (4, 1, *CROP)
        for image in (batch.first, batch.second):
            assert 0 <= image.min() and image.max() <= 1
        assert set(torch.cat((batch.seen_forward, batch.seen_backward)).unique().tolist()) <= {0.0, 1.0}
        assert batch.forward.isfinite().all() and batch.forward.dtype == torch.float32


@pytest.mark.parametrize("first_step", [10, 13])
def test_a_later_start_gives_the_rest_of_the_same_stream(batches, first_step):
    for batch, other in zip(batches[first_step:], pairs(first_step), strict=False):
        assert equal(batch, other)


def test_loading_processes_take_whole_blocks_and_turns(batches):
    stream = loaded(pairs(), workers=2)
    found = [next(stream) for _ in range(4)]
    for mine, block in ((found[0::2], batches[0:2]), (found[1::2], batches[12:14])):
        assert all(equal(a, b) for a, b in zip(mine, block, strict=True))
    later = loaded(pairs(3), workers=2)
    assert equal(next(later), found[3])


def test_processes_take_whole_blocks_in_turn(batches):
    """The second of two processes begins with the second block."""
    for batch, other in zip(batches[12:14], pairs(rank=1, processes=2), strict=False):
        assert equal(batch, other)
    assert equal(batches[0], next(iter(pairs(rank=0, processes=2))))


def test_batches_differ_and_so_do_seeds(batches):
    assert not equal(batches[0], batches[1]) and not equal(batches[0], batches[12])
    assert not equal(batches[0], next(iter(pairs(seed=4))))


def test_a_rendering_process_gives_the_same_stream(batches):
    for batch, other in zip(batches[:2], loaded(pairs(), workers=1), strict=False):
        assert equal(batch, other)


def test_flows_fit_the_pictures_in_both_directions_after_every_flip(batches):
    """Measured against standing still, on moving pixels of pairs with contrast far above their noise."""
    checked = 0
    for batch in batches:
        for a, b, flow, seen in (
            (batch.first, batch.second, batch.forward, batch.seen_forward),
            (batch.second, batch.first, batch.backward, batch.seen_backward),
        ):
            moving = seen * (flow.norm(dim=1, keepdim=True) > 3)
            carried, still = (((v - a).abs() * moving).sum((1, 2, 3)) for v in (backward_warp(b, flow), b))
            pixels = moving.sum((1, 2, 3))
            enough = (pixels > 400) & (still > 3 * 0.1 * pixels)  # summed over three channels
            assert (carried[enough] < 0.8 * still[enough]).all()
            checked += int(enough.sum())
    assert checked > 25


def test_what_leaves_the_crop_is_not_seen(batches):
    left = 0
    for batch in batches:
        for flow, seen in ((batch.forward, batch.seen_forward), (batch.backward, batch.seen_backward)):
            x, y = (pixel_grid(*CROP) + flow).unbind(1)
            outside = (x < -0.01) | (x > CROP[1] - 0.99) | (y < -0.01) | (y > CROP[0] - 0.99)
            assert not seen[:, 0][outside].any()
            left += int(outside.sum())
    assert left > 1000


def test_a_batch_larger_than_a_block_is_refused():
    with pytest.raises(ValueError, match="A batch of 49 pairs is too large; take at most 48"):
        pairs(batch=49)
