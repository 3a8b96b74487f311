"""Pictures whose motion is known exactly: a ground that pans, and a bar before it."""

from __future__ import annotations

import math

import torch

from rdvfi_core.pixels.warp import pixel_grid

HEIGHT, WIDTH = 96, 128
PAN = (9.0, 4.0)  # px, of the ground from the first image to the second
BAR = slice(58, 66)  # columns of a thin object that stands still
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


def behind_a_bar(right: float, down: float) -> torch.Tensor:
    image = ground(right, down)
    down = pixel_grid(HEIGHT, WIDTH)[0, 1]
    stripes = 0.5 + 0.25 * torch.sin(0.9 * down) + 0.25 * torch.sin(0.53 * down)  # no two rows look alike
    image[..., 20:76, BAR] = (stripes * torch.tensor((0.7, 0.3, 0.1)).view(3, 1, 1))[:, 20:76, BAR]
    return image


def even(right: float, down: float) -> torch.Tensor:
    return torch.tensor((right, down)).view(1, 2, 1, 1).repeat(1, 1, HEIGHT, WIDTH)


def there_and_back() -> torch.Tensor:
    return torch.cat((even(*PAN), even(-PAN[0], -PAN[1])))


def a_bar_that_moves() -> tuple[torch.Tensor, torch.Tensor]:
    """-> the true flow and the images: the bar moves by (14, 0) before ground that stands still, and hides a part of
    it."""
    first, second = behind_a_bar(0, 0), behind_a_bar(0, 0)
    second[..., BAR] = ground()[..., BAR]
    second[..., 20:76, BAR.start + 14 : BAR.stop + 14] = first[..., 20:76, BAR]
    flow = torch.zeros(2, 2, HEIGHT, WIDTH)
    flow[0, 0, 20:76, BAR] = 14
    flow[1, 0, 20:76, BAR.start + 14 : BAR.stop + 14] = -14
    return flow, torch.cat((first, second))
