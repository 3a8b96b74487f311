"""How many frames fit into memory at once, and what to do when they did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch

MIB = 2**20
# Peaks of the live float32 tensors, as tests/core/test_memory.py measures them, and about a sixth more.
PHASE1_FIXED = 204 * MIB  # phase 1 works on the motion grid, whatever the size of the images
PHASE1_PER_KEYFRAME = 28 * MIB
PHASE2_FIXED = 92 * MIB  # the part of phase 2 that lives on the motion grid, of one frame, and the next pair's motion
PHASE2_PER_PIXEL = 228  # bytes for every pixel of a frame: images, warps, the planes of `Detail`, and room for alpha
AT_ONCE = 8  # frames; more hardly fill a GPU better
SHARE = 0.6  # of the free memory that a batch may take
PAIRS_AHEAD = 4
FRAMES_WAITING = 128 * MIB

T, R = TypeVar("T"), TypeVar("R")


@dataclass(frozen=True)
class Memory:
    """A device's memory as whoever manages it sees it. The default asks torch."""

    free: Callable[[torch.device], int | None]  # bytes; None where that is not known
    release: Callable[[], None]  # gives cached blocks back
    exhausted: tuple[type[BaseException], ...]  # what an allocation that fails raises


def _free(device: torch.device) -> int | None:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def _release() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


TORCH = Memory(_free, _release, (torch.OutOfMemoryError,))


def phase1_bytes(keyframes: int = 0) -> int:
    """Peak of phase 1, weights not counted."""
    return PHASE1_FIXED + PHASE1_PER_KEYFRAME * keyframes


def frame_bytes(height: int, width: int, frames: int = 1) -> int:
    """Peak of phase 2 for so many frames of (height, width) at once, weights not counted."""
    return frames * (PHASE2_FIXED + PHASE2_PER_PIXEL * height * width)


def frames_at_once(device: torch.device, height: int, width: int, memory: Memory = TORCH) -> int:
    """One on a CPU, which gains nothing from more."""
    free = memory.free(device) if device.type != "cpu" else None
    if free is None:
        return 1
    return int(min(AT_ONCE, max(1, SHARE * free // frame_bytes(height, width))))


def pairs_ahead(height: int, width: int) -> int:
    """How many pairs of neighbouring float32 frames may be read ahead, by the host's memory."""
    return min(PAIRS_AHEAD, max(1, FRAMES_WAITING // (3 * 4 * height * width)))


def in_batches(
    work: Callable[[list[T]], Iterable[R]], items: Iterable[T], size: int, memory: Memory = TORCH
) -> Iterator[R]:
    """work(up to `size` items) -> one result each. When memory runs out the size is halved and the same items are tried
    again; one item alone that does not fit raises what it raised."""
    items = iter(items)
    while batch := list(islice(items, size)):
        while batch:
            results = _attempt(work, batch[:size], memory, last=size == 1)
            if results is None:  # outside the except block, whose traceback would hold the failed batch's tensors
                memory.release()
                size = max(1, size // 2)
                continue
            while results:
                yield results.pop(0)  # held by nobody here while the next ones are made
            batch = batch[size:]


def _attempt(work: Callable[[list[T]], Iterable[R]], batch: list[T], memory: Memory, last: bool) -> list[R] | None:
    try:
        return list(work(batch))
    except memory.exhausted:
        if last or len(batch) == 1:
            raise
        return None
