"""Pictures that are panned, zoomed and turned, faster or slower on the way: the camera alone moves, and every pixel's
motion is exact at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pixels.warp import pixel_grid
from .textures import Textures

LONGEST = 72.0  # px from I0 to I1
BESIDE = 28.0  # the same where frames before and after are shown, which lie as far away again
ZOOM, TURN = 0.12, 0.1  # natural logarithm, and radians, at most
EASE = 0.6  # of the way: e(t) = t + ease (t^2 - t)


@dataclass(frozen=True)
class Pans:
    """P views, each over a picture of its own."""

    pictures: Tensor  # (P, 3, S, S)
    way: Tensor  # (P, 2, 1) px
    spin: Tensor  # (P, 2) logarithm of the zoom, radians
    ease: Tensor  # (P,)
    size: tuple[int, int]  # (h, w)

    @classmethod
    def draw(cls, bank: Textures, count: int, size: tuple[int, int], generator: torch.Generator, beside: bool) -> Pans:
        def uniform(*shape: int) -> Tensor:
            return 2 * torch.rand(shape, generator=generator) - 1

        longest = BESIDE if beside else LONGEST
        length = longest ** ((1 + uniform(count)) / 2)  # from 1 px on
        angle = math.pi * uniform(count)
        way = (length * torch.stack((angle.cos(), angle.sin()))).T[..., None]
        spin = uniform(count, 2) * torch.tensor((ZOOM, TURN)) * (length / longest)[:, None]
        pictures = bank.draw(count, int(max(size) + 4 * longest), generator)
        return cls(pictures, way, spin, EASE * uniform(count), size)

    def frame(self, t: float) -> Tensor:  # (P, 3, h, w)
        side = self.pictures.shape[-1]
        grid = (2 * self._world(self._centred(), t) / (side - 1)).unflatten(2, self.size).movedim(1, -1)
        return F.grid_sample(self.pictures, grid, padding_mode="reflection", align_corners=True)

    def flow(self, a: float, b: float) -> Tensor:  # (P, 2, h, w) f_{a->b}
        x = self._centred()
        there = self._spun(self._world(x, a) - self._moved(b), -self._gone(b))
        return (there - x).unflatten(2, self.size)

    def _centred(self) -> Tensor:  # (1, 2, h w)
        height, width = self.size
        return (pixel_grid(height, width) - torch.tensor((width - 1, height - 1)).view(1, 2, 1, 1) / 2).flatten(2)

    def _gone(self, t: float) -> Tensor:  # (P,) part of the way
        return t + self.ease * (t * t - t)

    def _moved(self, t: float) -> Tensor:
        return self.way * self._gone(t)[:, None, None]

    def _world(self, x: Tensor, t: float) -> Tensor:
        """Where in the pictures, from their centre, the pixels x (from the view's centre) look at t."""
        return self._spun(x, self._gone(t)) + self._moved(t)

    def _spun(self, x: Tensor, part: Tensor) -> Tensor:
        zoom, angle = (self.spin * part[:, None]).unbind(1)
        zoom, cos, sin = zoom.exp(), angle.cos(), angle.sin()
        turn = torch.stack((torch.stack((cos, -sin), 1), torch.stack((sin, cos), 1)), 1)
        return zoom[:, None, None] * (turn @ x)
