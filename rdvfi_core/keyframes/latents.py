"""Latent spaces: what a keyframe's channels mean, how they are reached from RGB, and which frames they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..conventions import spanning_times


@dataclass(frozen=True)
class LatentSpace:
    """A latent space by name. `encode` and `decode` map (B, 3, H, W) in [0, 1] to (B, channels, H/stride, W/stride) and
    back; a space without them is known by name only and needs a VAE from outside to cross the bridge into `rdvfi`.

    Time: the first latent is the first frame, and every other one holds `temporal_stride` frames, the last of which it
    stands for. So latent i is frame temporal_stride * i, and T latents are temporal_stride * (T - 1) + 1 frames."""

    name: str
    channels: int
    stride: int = 8
    temporal_stride: int = 1  # frames per latent frame after the first
    encode: Callable[[Tensor], Tensor] | None = None
    decode: Callable[[Tensor], Tensor] | None = None


BUILT_IN = "rdvfi"  # name of the space that the shipped networks work in
WAN21 = LatentSpace("wan21", channels=16, temporal_stride=4)
SVD = LatentSpace("svd", channels=4)


def frames_of(latents: int, temporal_stride: int) -> int:
    """Frames that so many latents decode to."""
    return temporal_stride * (latents - 1) + 1


def latents_for(frame: int, temporal_stride: int) -> int:
    """How many latents, from the first one on, a causal decoder needs to show this frame."""
    return -(-frame // temporal_stride) + 1


def latent_times(latents: int, temporal_stride: int) -> tuple[float, ...]:
    """Times of the latents of a clip whose first frame is I0 and whose last is I1."""
    if latents < 2:
        raise ValueError(
            f"The latent holds {latents} frame; give that of a whole clip, from the start image to the end image."
        )
    return spanning_times(frames_of(latents, temporal_stride))[::temporal_stride]
