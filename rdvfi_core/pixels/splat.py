"""Scatters: the bilinear forward splat, and the smooth filling of what it leaves empty. Direction: `conventions`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .warp import pixel_grid

HOLE = 1e-6  # a pixel that gathered less weight than this was reached by nothing
SPARSE = 0.25  # mean weight around a pixel under which single strays outweigh what belongs there
MEDIANS_AT_ONCE = 2**14  # pixels
NEIGHBOURHOOD = 5  # px, side of the square of that mean


def splat(
    values: Tensor,  # (B, C, h, w), on a's grid
    flow: Tensor,  # (B, 2, h, w) f_{a->b}
    weight: Tensor,  # (B, 1, h, w) >= 0
) -> tuple[Tensor, Tensor]:  # sums (B, C, h, w) of weight * value, weights (B, 1, h, w), both on b's grid
    """Carries a's pixels to b: each shares its value bilinearly among the four pixels around x + f_{a->b}(x).

    What falls outside the frame is dropped, and so is a pixel whose flow is not finite. Sums of several splats add up;
    sums / weights is the mean. Differentiable in all three arguments, float32 (float64 if the values are), and the same
    sums come out every time on CPU and CUDA."""
    precision = torch.float64 if values.dtype == torch.float64 else torch.float32
    values, flow, weight = values.to(precision), flow.to(precision), weight.to(precision)
    height, width = values.shape[-2:]
    planes = torch.cat((values * weight, weight), 1).flatten(2)
    corners = _corners(flow, height, width)
    add = _add_rows if planes.is_cuda else _add_planes
    total = add(planes, corners).unflatten(2, (height, width))
    return total[:, :-1], total[:, -1:]


def fill_holes(
    values: Tensor,  # (B, C, h, w)
    weight: Tensor,  # (B, 1, h, w)
    threshold: float = HOLE,
) -> Tensor:  # (B, C, h, w)
    """Push-pull: pixels with less than `threshold` of weight get a smooth blend of the pixels around the hole, from the
    finest pyramid level that sees any; all others stay exactly as they are. Zeros if the whole frame is a hole."""
    known = weight >= threshold
    height, width = values.shape[-2:]
    if height == width == 1:
        return torch.where(known, values, 0)
    count = _halve(known.to(values.dtype))
    mean = _halve(torch.where(known, values, 0)) / count.clamp(min=1)
    coarse = fill_holes(mean, count, threshold=1)
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(known, values, enlarged[..., :height, :width])


def remove_strays(
    values: Tensor,  # (B, C, h, w), without holes
    weight: Tensor,  # (B, 1, h, w)
) -> Tensor:  # (B, C, h, w)
    """Where little weight arrived, as on ground that is just being uncovered, each plane takes the median of the 3x3
    pixels around: stray pixels of an object's edge, heavy but single, lose against the ground they landed on."""
    mean = F.avg_pool2d(weight, NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2, count_include_pad=False)
    sparse = (mean < SPARSE)[:, 0].nonzero()
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    settled = values.clone()
    for some in sparse.split(MEDIANS_AT_ONCE):  # the whole frame may be sparse
        batch, y, x = some.unbind(1)
        around = torch.stack([padded[batch, :, y + dy, x + dx] for dy in range(3) for dx in range(3)], -1)
        settled[batch, :, y, x] = around.median(-1).values
    return settled


def _halve(values: Tensor) -> Tensor:
    """Sums over 2x2 blocks; a last odd row or column is padded with zeros."""
    height, width = values.shape[-2:]
    if height % 2 or width % 2:
        values = F.pad(values, (0, width % 2, 0, height % 2))
    rows = values[..., ::2, :] + values[..., 1::2, :]
    return rows[..., ::2] + rows[..., 1::2]


def _corners(flow: Tensor, height: int, width: int) -> list[tuple[Tensor, Tensor]]:
    """For each of the four pixels around a target: its flat index (B, 1, h * w) and its share (B, 1, h * w)."""
    x, y = (pixel_grid(height, width, flow.device) + flow).flatten(2).split(1, 1)
    return [
        (row * width + column, share_x * share_y)
        for row, share_y in _nearest_two(y, height)
        for column, share_x in _nearest_two(x, width)
    ]


def _nearest_two(position: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """The integers on either side of a coordinate and its share in each: 0 in those outside [0, size - 1]."""
    lower = position.floor()
    fraction = position - lower
    # Clamped as integers: a coordinate that is not finite converts to some integer, never to an index out of range.
    first, last = lower.long(), size - 1
    return [
        (first.clamp(0, last), torch.where((lower >= 0) & (lower <= last), 1 - fraction, 0)),
        ((first + 1).clamp(0, last), torch.where((lower >= -1) & (lower < last), fraction, 0)),
    ]


def _add_planes(planes: Tensor, corners: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(B, C, N) -> (B, C, N), one serial run per plane: the fastest order on CPU, and independent of the threads."""
    total = torch.zeros_like(planes)
    for index, share in corners:
        total.scatter_add_(2, index.expand_as(planes), planes * share)
    return total


def _add_rows(planes: Tensor, corners: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The same for CUDA, where scatter_add_ sums in random order but an accumulating index_put_ sorts first."""
    batch, channels, count = planes.shape
    start = torch.arange(batch, device=planes.device)[:, None, None] * count
    total = planes.new_zeros(batch * count, channels)
    for index, share in corners:
        rows = (planes * share).transpose(1, 2).reshape(-1, channels)
        total.index_put_(((index + start).flatten(),), rows, accumulate=True)
    return total.unflatten(0, (batch, count)).transpose(1, 2)
