"""One size for a stream that changes its own, as recordings of calls and of television do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .survey import Survey

SAME_SHAPE = 0.02  # of the aspect
RASTERS = (480, 576, 1080)  # lines of television, which is sent with fewer columns for the same picture


def at_one_size(survey: Survey, sizes: Counter, name: str) -> Survey:
    """sizes: (width, height) as stored -> frames, in the order in which they come up. Frames are scaled to the largest.
    ValueError where the shape changes, since no one size is right then."""
    if len(sizes) < 2:
        return survey
    first, turned = next(iter(sizes)), (survey.width, survey.height) not in sizes
    for size in sizes:
        if not _alike(first, size):
            (a, b), (c, d) = first, size
            raise ValueError(
                f"{name} changes from {a}x{b} to {c}x{d}, which is another shape; cut it there and retime the pieces."
            )
    largest = max(sizes, key=lambda size: size[0] * size[1])
    width, height = largest[::-1] if turned else largest
    others = sum(count for size, count in sizes.items() if size != largest)
    note = f"{name}: {others} of {sizes.total()} frames are smaller and are scaled to {width}x{height}."
    return replace(survey, width=width, height=height, notes=(*survey.notes, note))


def _alike(a: tuple[int, int], b: tuple[int, int]) -> bool:
    if a[1] == b[1] and a[1] in RASTERS:
        return True
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) <= SAME_SHAPE
