"""Pictures whose motion is known: a canvas that moves right."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

HEIGHT, WIDTH, SHIFT = 192, 256, 24  # of a pair that moves right by SHIFT


def canvas(seed: int = 0) -> torch.Tensor:  # (HEIGHT, WIDTH + SHIFT, 3)
    generator = torch.Generator().manual_seed(seed)
    height, width, layers = HEIGHT, WIDTH + SHIFT, []
    for cell, strength in ((32, 0.5), (12, 0.35), (6, 0.25)):
        coarse = torch.randn(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        layers.append(strength * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0])
    return (0.5 + 0.25 * sum(layers)).clamp(0, 1).movedim(0, -1)


def moved(by: int, picture: torch.Tensor | None = None) -> torch.Tensor:  # (HEIGHT, WIDTH, C)
    """The canvas, moved right by so many pixels."""
    picture = canvas() if picture is None else picture
    return picture[:, SHIFT - by : SHIFT - by + WIDTH]


def psnr(a: torch.Tensor, b: torch.Tensor, margin: int = SHIFT + 8) -> float:
    inside = (slice(8, -8), slice(margin, -margin))
    return -10 * math.log10((a[inside] - b[inside]).square().mean().item() + 1e-12)
