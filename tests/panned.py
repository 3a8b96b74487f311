"""Pictures whose motion is known exactly: a ground that pans."""

from __future__ import annotations

import math

import torch

from rdvfi_core.pixels.warp import pixel_grid

HEIGHT, WIDTH = 96, 128
PAN = (9.0, 4.0)  # px, of the ground from the first image to the second
INNER = slice(16, -16)


def ground(right: float = 0.0, down: float = 0.0, waves: int = 40) -> torch.Tensor:
    """(1, 3, h, w): a smooth texture, moved; it is a sum of waves, so it can be moved by any fraction of a pixel."""
    generator = torch.Generator().manual_seed(3)
    x, y = (pixel_grid(HEIGHT, WIDTH) - torch.tensor((right, down)).view(1, 2, 1, 1)).unbind(1)
    image = torch.full((3, HEIGHT, WIDTH), 0.5)
    for _ in range(waves):
        angle, length, phase = (torch.rand((), generator=generator).item() for _ in range(3))
        pace = 2 * math.pi / (6 + 26 * length)
        wave = torch.sin(pace * (math.cos(7 * angle) * x + math.sin(7 * angle) * y) + 7 * phase)
        image += 0.06 * wave * torch.rand(3, 1, 1, generator=generator)
    return image.clamp(0, 1)[None]


def even(right: float, down: float) -> torch.Tensor:
    return torch.tensor((right, down)).view(1, 2, 1, 1).repeat(1, 1, HEIGHT, WIDTH)
