"""What bilinear warping takes from a picture, and where it may be given back.

Bilinear samples between pixels are soft, so that frames between two images would be softer than the images, and a clip
would pulse. Cubic convolution is crisp, but costs twice as much and makes ghosts crisp as well where the two warps do
not fit. So the difference of the two, of brightness alone, is added to the blend where they do."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp, pixel_grid

PATCH = 7  # px of the motion grid
TOLERATED = 0.5  # difference between the warps, in their own contrast, at which half of what was lost is given back
NOISE = 0.004  # difference that says nothing


def lost(
    image: Tensor,  # (B, 3 + E, H, W) RGB first
    flow: Tensor,  # (B, 2, H, W) px, where to sample
) -> Tensor:  # (B, 1, H, W)
    """Cubic convolution (Keys 1981, a = -1/2) minus bilinear interpolation of the brightness, both sampled at x +
    flow(x). From one pixel, s = 0, to the next, s = 1, it is the second differences, sampled bilinearly, times
    s (s - 1) / 2: exact along each axis; the product of both axes' differences is left out."""
    last = _last_pixel(*image.shape[-2:], image.device)
    position = (pixel_grid(*flow.shape[-2:], flow.device) + flow).clamp(torch.zeros_like(last), last)
    share = position.remainder_(1)  # none beyond the edge, where it is repeated
    return (backward_warp(_second_differences(image), flow) * (share * (share - 1))).mean(1, keepdim=True)


def _second_differences(image: Tensor) -> Tensor:  # (B, 2, H, W) of the brightness, along x and y; the edge is repeated
    grey = image[:, :3].mean(1, keepdim=True).float()
    padded = F.pad(grey, (1,) * 4, mode="replicate")
    row, column = padded[..., 1:-1, :], padded[..., 1:-1]
    across, down = row[..., 2:] + row[..., :-2], column[..., 2:, :] + column[..., :-2, :]
    return torch.cat((across, down), 1).sub_(grey, alpha=2)


@lru_cache(maxsize=8)
def _last_pixel(height: int, width: int, device: torch.device) -> Tensor:  # (1, 2, 1, 1) x and y
    with torch.inference_mode(False):
        return torch.tensor((width - 1.0, height - 1.0), device=device).view(1, 2, 1, 1)


@torch.no_grad()
def agreement(warp0: Tensor, warp1: Tensor, time: Tensor) -> Tensor:
    """Of (B, 3, h, w) each and (B, 1, 1, 1) times in [0, 1]: (B, 1, h, w) in [0, 1], how well both warps show the same
    in the same place. Near an end its own warp is shown, and what differs in the other one counts less."""
    difference = patch_mean((warp0 - warp1).abs().mean(1, keepdim=True), PATCH) * (4 * time * (1 - time))
    greys = torch.cat([warp.mean(1, keepdim=True) for warp in (warp0, warp1)], 1)
    contrast = patch_mean((greys - patch_mean(greys, PATCH)).abs(), PATCH).mean(1, keepdim=True)
    return 1 / (1 + (difference / (TOLERATED * contrast + NOISE)).square())
