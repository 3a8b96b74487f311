"""How well two images match under a motion: what `refinement` compares."""

from __future__ import annotations

import torch
from torch import Tensor

from ..pixels.patches import patch_mean
from ..pixels.warp import inside

PATCH = 5  # px, side of the patches that are compared
LARGEST_ERROR = 0.25  # of one pixel, so that a highlight does not decide for its whole patch
OUTSIDE_ERROR = 0.12  # of a pixel that leaves the frame


def planes(images: Tensor) -> Tensor:  # (B, 2, h, w)
    """What is compared: brightness, and its contrast against the neighbourhood."""
    brightness = images.mean(1, keepdim=True)
    return torch.cat((brightness, 2 * (brightness - patch_mean(brightness, PATCH))), 1)


def difference(here: Tensor, warped: Tensor, flow: Tensor) -> Tensor:  # (B, 1, h, w)
    error = (here - warped).abs().mean(1, keepdim=True).clamp(max=LARGEST_ERROR)
    return torch.where(inside(flow) > 0, error, OUTSIDE_ERROR)
