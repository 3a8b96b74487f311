"""Batches that fit, and whether the estimates behind them are true: they are held against the live tensors of a run."""

import sys
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
import torch
from live_bytes import peak

from rdvfi_core import Interpolator
from rdvfi_core.conventions import KEYFRAMES, uniform_times
from rdvfi_core.memory import (
    AT_ONCE,
    SHARE,
    Memory,
    frame_bytes,
    frames_at_once,
    in_batches,
    phase1_bytes,
)
from rdvfi_core.motion import fitting, fusion
from rdvfi_core.retime import render
from rdvfi_core.timeline import Source, Timeline
from rdvfi_core.weights import files as weights

GPU = torch.device("cuda")  # only its name is looked at


class Full(Exception):
    """What the fake memory raises."""


def fake(free: int | None = None, release: Callable[[], None] = lambda: None) -> Memory:
    return Memory(lambda device: free, release, (Full,))


def at_most(room: int, sizes: list[int]) -> Callable[[list[int]], list[int]]:
    """Work that negates its items, and runs out of memory above `room` of them."""

    def work(batch: list[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > room:
            raise Full
        return [-item for item in batch]

    return work


# How many


@pytest.mark.parametrize(("height", "width"), [(256, 448), (1080, 1920), (2160, 3840)])
def test_as_many_frames_as_fit_into_the_share(height, width):
    one = frame_bytes(height, width)
    for count in range(1, AT_ONCE + 3):
        enough = int(count * one / SHARE) + 2
        assert frames_at_once(GPU, height, width, fake(enough)) == min(count, AT_ONCE)
        assert frames_at_once(GPU, height, width, fake(enough - 4)) == min(max(1, count - 1), AT_ONCE)


def test_there_is_always_room_for_one_frame():
    assert frames_at_once(GPU, 2160, 3840, fake(0)) == 1
    assert frames_at_once(GPU, 2160, 3840, fake(1)) == 1


def test_a_cpu_and_a_device_of_unknown_memory_render_one_by_one():
    assert frames_at_once(torch.device("cpu"), 64, 64, fake(2**50)) == 1
    assert frames_at_once(torch.device("mps"), 64, 64, fake(None)) == 1
    assert frames_at_once(torch.device("mps"), 64, 64) == 1  # as torch's own memory answers


def test_the_estimate_grows_with_the_frames_and_their_pixels():
    assert frame_bytes(1080, 1920, 3) == 3 * frame_bytes(1080, 1920)
    grid = frame_bytes(0, 0)
    assert frame_bytes(2160, 3840) - grid == 4 * (frame_bytes(1080, 1920) - grid)


# Batches


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 8, [2]), (3, 1, [1] * 3)]
)
def test_items_go_in_batches_and_come_out_one_by_one(count, size, expected):
    sizes, released = [], []
    memory = fake(release=lambda: released.append(True))
    assert list(in_batches(at_most(size, sizes), range(count), size, memory)) == [-i for i in range(count)]
    assert sizes == expected and released == []


def test_nothing_comes_of_nothing():
    assert list(in_batches(at_most(1, []), [], 4, fake())) == []


@pytest.mark.parametrize("room", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("count", [1, 2, 5, 11, 16])
def test_halving_keeps_the_order_and_loses_nothing(count, size, room):
    sizes = []
    assert list(in_batches(at_most(room, sizes), range(count), size, fake())) == [-i for i in range(count)]
    assert sum(n for n in sizes if n <= room) == count


def test_the_size_is_halved_once_and_stays():
    sizes, released = [], []
    list(in_batches(at_most(2, sizes), range(11), 8, fake(release=lambda: released.append(len(sizes)))))
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    assert released == [1, 2]


def test_memory_is_released_when_the_failed_batch_is_gone():
    """A traceback that is still being handled holds the frames of the failed work, and those the tensors."""
    held, seen = weakref.WeakSet(), []
    memory = fake(release=lambda: seen.append((sys.exc_info(), len(held))))

    def work(batch: list[int]) -> list[int]:
        tensor = torch.zeros(1000)
        held.add(tensor)
        if len(batch) > 1:
            raise Full
        return batch

    assert list(in_batches(work, range(4), 4, memory)) == [0, 1, 2, 3]
    assert seen == [((None, None, None), 0)] * 2


def test_results_that_are_made_lazily_are_made_within_the_attempt():
    def work(batch: list[int]) -> Iterator[int]:
        for i, item in enumerate(batch):
            if i == 2:
                raise Full
            yield item

    assert list(in_batches(work, range(5), 4, fake())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [1, 2, 8])
def test_one_item_that_does_not_fit_raises_what_it_raised(size):
    def work(batch: list[int]) -> list[int]:
        if 3 in batch:
            raise Full("item 3 is too large")
        return batch

    done = []
    with pytest.raises(Full, match="item 3 is too large"):
        for result in in_batches(work, range(6), size, fake()):
            done.append(result)
    assert done == [0, 1, 2]


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def work(batch: list[int]) -> list[int]:
        raise RuntimeError("a bug")

    released = []
    with pytest.raises(RuntimeError, match="a bug"):
        list(in_batches(work, range(4), 4, fake(release=lambda: released.append(True))))
    assert released == []


@pytest.mark.parametrize("room", [3, 1])
def test_items_are_taken_when_they_are_needed(room):
    taken = []
    items = (taken.append(i) or i for i in range(20))
    for done, _ in enumerate(in_batches(at_most(room, []), items, 3, fake())):
        assert len(taken) <= done + 3
    assert len(taken) == 20


def test_a_result_that_was_taken_is_free_while_the_next_ones_are_made():
    """A frame is large: one that lives longer than it is needed raises the peak, and cuts up the heap."""
    made = weakref.WeakSet()

    def work(batch: list[int]) -> list[torch.Tensor]:
        assert not made
        tensors = [torch.zeros(10) for _ in batch]
        made.update(tensors)
        return tensors

    results = in_batches(work, range(6), 2, fake())
    for left in (1, 0) * 3:
        assert next(results).shape == (10,)
        assert len(made) == left


# Estimates


def test_live_bytes_are_counted():
    given = torch.zeros(1000)

    def work() -> None:
        copy = given + 1  # 4000
        view, other = copy[10:], given[:500]
        del copy
        for _ in range(3):
            half = view.half()  # 1980
            half.add_(1)
            del half
        del view
        other.double()  # 4000

    assert peak(work) == 4000 + 1980


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    if not weights.shipped().is_file():
        pytest.skip("this checkout has no shipped weights")
    return Interpolator.from_pretrained(device="cpu", dtype=torch.float32)


@pytest.fixture(autouse=True)
def in_one_iteration(monkeypatch):
    """Every iteration makes the same tensors again, so that one shows the peak of all."""
    for name in ("COARSE_ITERATIONS", "REFINING_ITERATIONS", "ADJACENT_ITERATIONS"):
        monkeypatch.setattr(fitting, name, 1)
    monkeypatch.setattr(fusion, "ITERATIONS", 1)


def pictures(count: int, height: int, width: int) -> torch.Tensor:
    """Half precision, so that the float32 copies are made inside."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)).half()


def test_the_estimate_of_phase_1_is_honest_for_straight_motion(interpolator):
    found = peak(lambda: interpolator.fit(*pictures(2, 256, 448), keyframes="straight"))
    assert found <= phase1_bytes() <= 3 * found, f"{found / 2**20:.1f} MiB"


def test_the_estimate_of_phase_1_has_room_for_the_pairs_around(interpolator):
    before, image0, image1, after = pictures(4, 256, 448)
    assert peak(lambda: interpolator.fit(image0, image1, before=before, after=after)) <= phase1_bytes()


@pytest.mark.parametrize("channels", [3, 4])
def test_the_estimates_have_room_for_the_next_pairs_motion(interpolator, channels):
    frames = [frame.repeat(2, 1, 1)[:channels] for frame in pictures(3, 1080, 1920)]
    plan = Timeline.multiplied(2).plan(Source.constant(3, Fraction(24)))
    assert peak(lambda: [None for _ in render(interpolator, plan, frames)]) <= frame_bytes(1080, 1920)


@pytest.mark.parametrize("count", [1, KEYFRAMES, 17])
def test_the_estimate_of_phase_1_is_honest_along_keyframes(interpolator, count):
    (image0, image1, *_), frames = pictures(2, 256, 448), pictures(count, 256, 448)
    found = peak(lambda: interpolator.fit_frames(image0, image1, frames, uniform_times(count)))
    assert 1.1 * found <= phase1_bytes(count) <= 2 * found, f"{found / 2**20:.1f} MiB"


@pytest.fixture(scope="module", params=["straight", "keyframed"])
def trajectory(interpolator, request):  # serves all sizes of this shape
    first, second, between = pictures(3, 256, 448)
    if request.param == "straight":
        return interpolator.fit(first, second, keyframes="straight")
    return interpolator.fit_frames(first, second, between[None], (0.5,))


@pytest.mark.parametrize(("height", "width"), [(256, 448), (576, 1024), (1080, 1920)])
def test_the_estimate_of_phase_2_is_honest(interpolator, trajectory, height, width):
    image0, image1 = pictures(2, height, width)
    found = peak(lambda: interpolator.render(image0, image1, trajectory, [0.3]))
    assert found <= frame_bytes(height, width) <= 3 * found, f"{found / 2**20:.1f} MiB"


def test_the_estimate_of_phase_2_has_room_for_an_alpha_plane(interpolator, trajectory):
    (image0, image1), planes = pictures(2, 576, 1024), pictures(2, 576, 1024)[:, None, :1]
    frames = interpolator.stream(image0, image1, trajectory, [0.3], planes=tuple(planes))
    assert peak(lambda: next(frames)) <= frame_bytes(576, 1024)
