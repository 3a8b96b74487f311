"""Frames that say their number, and a renderer that notes which pairs it is given and what their motion continues."""

from __future__ import annotations

import torch
from torch import Tensor

from rdvfi_core.image_pair import ImagePair


class Named(tuple):
    """A pair of frames' numbers in the place of its trajectory, with what it continues."""

    def continued(self, before, after, before_length, after_length):
        found = Named(self)
        found.beside = before, after, before_length, after_length
        return found


class CrossFade:
    """Frames that say which pair and time they are made of: the value of frame i is i / 100."""

    def __init__(self, at_once: int = 1):
        self.at_once, self.calls, self.beside = at_once, [], {}
        self.rendered = []  # (pair, what its motion continues, time) of every moment

    @property
    def fitted(self) -> list[tuple[int, int]]:
        return [pair for pairs in self.calls for pair in pairs]

    def pairs_at_once(self, height: int, width: int) -> int:
        return self.at_once

    def fit_pairs(self, pairs, seed: int, keyframes: str, *, should_stop):
        self.calls.append([self._named(pair) for pair in pairs])
        return self.calls[-1]

    def stream_pair(self, pair: ImagePair, trajectory, times, *, should_stop):
        assert trajectory == self._named(pair)
        self.beside[trajectory] = trajectory.beside
        for time in times:
            self.rendered.append((trajectory, trajectory.beside, time))
            yield torch.lerp(*pair.with_planes, float(time))[0]

    def _named(self, pair: ImagePair) -> Named:
        return Named(round(image.mean().item() * 100) for image in (pair.image0, pair.image1))


def numbered(count: int, channels: int = 3) -> list[Tensor]:
    return [torch.full((channels, 64, 64), i / 100) for i in range(count)]


def values(frames) -> list[float]:
    return [round(frame.mean().item() * 100, 3) for frame in frames]
