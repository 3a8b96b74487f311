"""The C heap of this process, so that a long video takes as much as a short one."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from ..memory import MIB

SETTLING, OFTEN, SELDOM = 32, 2, 4  # frames: see `EvenParts`
LARGE = 8 * MIB  # of a frame: float32 of 1280x720 is, of 1024x576 not


def collect() -> None:
    """Frees what waits for the garbage collector, as closed encoders do, and gives it back."""
    gc.collect()
    give_back()


def give_back() -> None:
    """Gives freed memory of this process back to the system; glibc would keep blocks of the size of a frame."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Bytes that this process holds; 0 on systems that do not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class EvenParts:
    """Keeps the parts of a long video of large frames to what the first of them held. While an encoder fills up, its
    blocks find the places in the heap that they keep to the part's end, and how much lies unused between them differs
    from part to part: so memory is given back after every second frame up to the 32nd, and later where more is held
    than the first part ever did. It has to be made again when it is needed, so the first part is left alone."""

    def __init__(self):
        self._parts, self._frames, self._most = 0, 0, 0

    def begin(self) -> None:
        """Before each part."""
        self._parts, self._frames = self._parts + 1, 0

    def check(self, frame: Tensor) -> None:
        """After each frame."""
        self._frames += 1
        if not is_large(frame):
            return
        if self._parts == 1:
            self._most = max(self._most, resident())
        elif self._frames <= SETTLING:
            if self._frames % OFTEN == 0:
                give_back()
        elif self._frames % SELDOM == 0 and resident() > self._most:
            give_back()


def is_large(frame: Tensor) -> bool:
    """So large that memory counts for more than the time it takes to get it back from the system."""
    return frame.nbytes > LARGE
