"""Latent spaces: what a keyframe's channels mean, and which frames the latents of a clip stand for."""

from __future__ import annotations

from dataclasses import dataclass

from ..conventions import spanning_times


@dataclass(frozen=True)
class LatentSpace:
    """A diffusion model's latents. The first one is the first frame, and every other one holds `temporal_stride`
    frames, the last of which it stands for. So latent i is frame temporal_stride * i, and T latents are
    temporal_stride * (T - 1) + 1 frames."""

    name: str
    channels: int
    temporal_stride: int


BUILT_IN = "rdvfi"  # name of the space that the shipped networks work in
WAN21 = LatentSpace("wan21", channels=16, temporal_stride=4)
SVD = LatentSpace("svd", channels=4, temporal_stride=1)


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
