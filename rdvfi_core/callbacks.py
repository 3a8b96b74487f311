"""How callers watch long work and give it up."""

from __future__ import annotations

from collections.abc import Callable

from .errors import Interrupted

Progress = Callable[[int, int], None]  # (done, total)
ShouldStop = Callable[[], bool]


def check_stop(should_stop: ShouldStop | None, work: str = "The interpolation") -> None:
    """Raises `Interrupted` where the caller wants no more."""
    if should_stop is not None and should_stop():
        raise Interrupted(f"{work} was stopped.")
