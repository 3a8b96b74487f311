"""Gathers: backward warping, composition of flows, resizing of flows. Direction and units: `conventions`."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=32)
def pixel_grid(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """(1, 2, height, width) float32: every pixel's own coordinates, x then y. Kept: do not write into it."""
    with torch.inference_mode(False):  # else it could not be learned with afterwards
        y = torch.arange(height, device=device, dtype=torch.float32)
        x = torch.arange(width, device=device, dtype=torch.float32)
        return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))[None]


@lru_cache(maxsize=32)
def _unit_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The same from -1 to 1, and (1, 2, 1, 1): how much of that a pixel is."""
    with torch.inference_mode(False):
        pixel = torch.tensor([2 / max(side - 1, 1) for side in (width, height)], device=device).view(1, 2, 1, 1)
        return pixel_grid(height, width, device) * pixel - 1, pixel


def sample_at(
    values: Tensor,  # (B, C, H, W)
    positions: Tensor,  # (B, 2, h, w) px of values' grid, x then y
    padding: str = "border",
) -> Tensor:  # (B, C, h, w)
    """Bilinear samples of `values` at `positions`. padding "border" repeats the edge, "zeros" fades to zero outside.

    The border is made by clamping coordinates, because grid_sample's own border mode is missing on some devices."""
    height, width = values.shape[-2:]
    x, y = positions.float().unbind(1)
    if padding == "border":
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), 1)
    # Half-precision coordinates lose pixels beyond 2048, so the samples are taken in float32.
    # x and y stay planes of their own in memory: weaving them would cost another pass.
    return F.grid_sample(values.float(), grid.movedim(1, -1), align_corners=True).to(values.dtype)


def backward_warp(
    values: Tensor,  # (B, C, h, w), of b
    flow: Tensor,  # (B, 2, h, w) f_{a->b}
    stride: float = 1,  # px of the flow that a pixel of this grid is
) -> Tensor:  # (B, C, h, w), on a's grid
    """b as seen from a: values at x + f_{a->b}(x). The edge is repeated outside."""
    size, device = flow.shape[-2:], flow.device
    if device.type == "mps":  # which has no border mode
        return sample_at(values, pixel_grid(*size, device) + flow / stride)
    grid, pixel = _unit_grid(*size, device)
    places = torch.addcmul(grid, flow.float(), pixel, value=1 / stride).movedim(1, -1)
    return F.grid_sample(values.float(), places, padding_mode="border", align_corners=True).to(values.dtype)


def compose(
    first: Tensor,  # (B, 2, h, w) f_{a->b}
    second: Tensor,  # (B, 2, h, w) f_{b->c}
) -> Tensor:  # (B, 2, h, w) f_{a->c}
    """f_{a->c}(x) = f_{a->b}(x) + f_{b->c}(x + f_{a->b}(x)): a gather, no splat."""
    return first + backward_warp(second, first)


def inside(flow: Tensor) -> Tensor:
    """(B, 1, h, w) float: 1 where x + flow(x) lies within the frame, 0 outside."""
    height, width = flow.shape[-2:]
    x, y = (pixel_grid(height, width, flow.device) + flow).unbind(1)
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).float()[:, None]


def resize(values: Tensor, height: int, width: int) -> Tensor:
    """Bilinear resize of (B, C, H, W), with antialiasing where it shrinks."""
    if values.shape[-2:] == (height, width):
        return values
    shrinks = height < values.shape[-2] or width < values.shape[-1]
    return F.interpolate(values, (height, width), mode="bilinear", align_corners=False, antialias=shrinks)


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """A flow carried to a grid of another size: values are scaled with the grid, per axis."""
    scale = flow.new_tensor((width / flow.shape[-1], height / flow.shape[-2]))
    return resize(flow, height, width) * scale[:, None, None]
