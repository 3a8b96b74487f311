"""A flow as a picture: hue is direction, saturation is magnitude, white is no motion."""

from __future__ import annotations

import math

import torch
from kornia.color import hsv_to_rgb
from torch import Tensor


def flow_to_rgb(
    flow: Tensor,  # (B, 2, h, w) px, x then y
    max_magnitude: float | None = None,
) -> Tensor:  # (B, 3, h, w) in [0, 1]
    """Right is red, down yellow-green, left cyan, up violet. Magnitudes from `max_magnitude` px on are fully saturated;
    by default that is each flow's own largest magnitude."""
    if max_magnitude is not None and not 0 < max_magnitude < math.inf:
        raise ValueError(f"max_magnitude is {max_magnitude} px: give a positive number, or None for the flow's own.")
    x, y = flow.float().split(1, 1)
    magnitude = torch.hypot(x, y)
    largest = magnitude.amax((2, 3), keepdim=True) if max_magnitude is None else max_magnitude
    saturation = (magnitude / torch.as_tensor(largest).clamp(min=1e-6)).clamp(0, 1)
    hue = torch.remainder(torch.atan2(y, x), 2 * math.pi)
    return hsv_to_rgb(torch.cat((hue, saturation, torch.ones_like(hue)), 1))
