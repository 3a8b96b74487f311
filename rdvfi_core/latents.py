"""Latent spaces: what a keyframe's channels mean, and how they are reached from RGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LatentSpace:
    """A latent space by name. `encode` and `decode` map (B, 3, H, W) in [0, 1] to (B, channels, H/stride, W/stride) and
    back; a space without them is known by name only and needs a VAE from outside to cross the bridge into `rdvfi`."""

    name: str
    channels: int
    stride: int = 8
    temporal_stride: int = 1  # frames per latent frame after the first
    encode: Callable[[Tensor], Tensor] | None = None
    decode: Callable[[Tensor], Tensor] | None = None


WAN21 = LatentSpace("wan21", channels=16, temporal_stride=4)
SVD = LatentSpace("svd", channels=4)
