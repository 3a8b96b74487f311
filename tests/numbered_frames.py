"""Frames that say their number, and a renderer that notes which pairs it is given and which frames lie beside them."""

from __future__ import annotations

import torch
from torch import Tensor

from rdvfi_core.image_pair import ImagePair


class Named(tuple):
    """A pair of frames' numbers in the place of its motion, with the frames beside it and their times."""


class CrossFade:
    """Frames that say which pair and time they are made of: the value of frame i is i / 100."""

    def __init__(self):
        self.fitted, self.beside = [], {}  # pairs that were looked at; the frames beside those that were rendered
        self.rendered = []  # (pair, what its motion continues, time) of every moment

    def look_at(self, pair: ImagePair, first: int | None = None) -> tuple[int, int]:
        self.fitted.append(self._named(pair))
        assert first in (None, self.fitted[-1][0])
        return self.fitted[-1]

    def between(self, first: int, second: int, times, seed: int, keyframes: str, before, after, *, should_stop):
        motion = Named((first, second))
        motion.beside = tuple(None if side is None else (side.view, float(side.time)) for side in (before, after))
        return motion

    def stream_pair(self, pair: ImagePair, motion, times, *, should_stop):
        assert motion == self._named(pair)
        self.beside[motion] = motion.beside
        for time in times:
            self.rendered.append((motion, motion.beside, time))
            yield torch.lerp(*pair.with_planes, float(time))[0]

    def _named(self, pair: ImagePair) -> tuple[int, int]:
        return tuple(round(image.mean().item() * 100) for image in (pair.image0, pair.image1))


def numbered(count: int, channels: int = 3) -> list[Tensor]:
    return [torch.full((channels, 64, 64), i / 100) for i in range(count)]


def values(frames) -> list[float]:
    return [round(frame.mean().item() * 100, 3) for frame in frames]
