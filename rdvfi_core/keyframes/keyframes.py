"""Keyframes: a few sparse latents between (or at) the ends of a pair, and the three ways they come about.

`warped_keyframes` warps both ends along the motion in between, `generate` corrects those with the one-step generator,
and `from_frames` encodes frames that exist already. Directions, units and times: `conventions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..callbacks import Progress, ShouldStop, check_stop
from ..conventions import LATENT_STRIDE, spanning_times, uniform_times
from ..pixels.splat import HOLE
from ..pixels.warp import backward_warp
from .autoencoder import Autoencoder
from .diffusion import ddim_step, denoised
from .generator import KeyframeGenerator

if TYPE_CHECKING:
    from ..trajectory.flow_pair import FlowPair

SOURCES = ("auto", "straight", "generated")  # auto: generated where the weights hold a generator, else straight
MOST_KEYFRAMES = 15  # what the generator is trained for; keyframes that exist already may be more


@dataclass(frozen=True, eq=False)
class Keyframes:
    """N latents and when they are. A keyframe may lie exactly at time 0 or 1: it then stands for that end, and whoever
    builds knots from keyframes lets I0 or I1 itself take its place instead of adding a second knot at that time."""

    latents: Tensor  # (B, N, C, h, w) on the latent grid
    times: tuple[float, ...]  # N of them in [0, 1], strictly increasing
    space: str  # name of the latents' space

    def __post_init__(self) -> None:
        check_times(self.times)
        if self.latents.ndim != 5 or self.latents.shape[1] != len(self.times):
            raise ValueError(
                f"{len(self.times)} keyframe times need latents of the shape (B, {len(self.times)}, C, h, w), "
                f"got {tuple(self.latents.shape)}."
            )


def check_times(times: Sequence[float]) -> None:
    if not len(times):
        raise ValueError("There are 0 keyframes; give at least one time in [0, 1].")
    if not all(math.isfinite(tau) and 0 <= tau <= 1 for tau in times):
        raise ValueError(f"Keyframe times {_listed(times)} leave [0, 1]; I0 is at 0 and I1 at 1.")
    if any(b <= a for a, b in zip(times, times[1:], strict=False)):
        raise ValueError(f"Keyframe times {_listed(times)} must increase strictly; sort them and drop repeated ones.")


def choose(
    frames: int,
    count: int,  # 0 for all
    ends_included: bool,  # whether the first and the last frame are I0 and I1 themselves
    times: Sequence[float] = (),  # of all the frames; none for even spacing
) -> tuple[list[int], tuple[float, ...]]:  # indices and times
    """Which of a video's frames become keyframes: `count` of those between the ends, as evenly as whole steps allow."""
    if times:
        if len(times) != frames:
            raise ValueError(f"There are {len(times)} times for {frames} frames; give one for each, or none.")
    elif ends_included:
        if frames < 3:
            raise ValueError(f"There are {frames} frames, both ends included; give at least 3 to have one between.")
        times = spanning_times(frames)
    else:
        times = uniform_times(frames)
    check_times(times)
    inner = [i for i, time in enumerate(times) if 0 < time < 1]
    if not inner:
        raise ValueError("None of the frames lies between the start and end images; give frames from between.")
    if 0 < count < len(inner):
        inner = [inner[round((i + 1) * (len(inner) + 1) / (count + 1)) - 1] for i in range(count)]
    return inner, tuple(float(times[i]) for i in inner)


def fitting_latents(
    keyframes: Keyframes,
    autoencoder: Autoencoder,
    small: Tensor,  # (1, 3, h, w), one of the images on the motion grid
) -> Keyframes:
    """In float32 on the image's device; refused unless they are the autoencoder's own latents on the image's grid."""
    own = autoencoder.space
    if keyframes.space != own:
        raise ValueError(
            f"The keyframes are in the latent space '{keyframes.space}', the weights work in '{own}'; re-encode them."
        )
    given = keyframes.latents.shape[2:]
    expected = (autoencoder.channels, small.shape[-2] // LATENT_STRIDE, small.shape[-1] // LATENT_STRIDE)
    if tuple(given) != expected or len(keyframes.latents) != 1:
        raise ValueError(
            f"The keyframes are latents of {given[2]}x{given[1]} with {given[0]} channels, {len(keyframes.latents)} in "
            f"the batch, but these images need {expected[2]}x{expected[1]} with {expected[0]}, 1 in the batch; make "
            "them from frames of the images' shape."
        )
    return Keyframes(keyframes.latents.to(small.device, torch.float32), keyframes.times, keyframes.space)


def _listed(times: Sequence[float]) -> str:
    return ", ".join(f"{float(tau):g}" for tau in times)


@torch.no_grad()
def warped_keyframes(
    autoencoder: Autoencoder,
    image0: Tensor,  # (B, 3, h, w) at the motion size
    image1: Tensor,  # (B, 3, h, w)
    moments: Sequence[FlowPair],  # of B pairs each, on the same grid, in the order of time
) -> tuple[Keyframes, Tensor]:  # with the validity (B, N, 1, h/8, w/8) in [0, 1]
    """Both ends warped to each moment, blended and encoded: the generator's base.

    Validity is the share of a latent's pixels that some end shows at that time; elsewhere the base is a guess."""
    times = [moment.times[0] for moment in moments]
    check_times(times)
    _check_pair(image0, image1)
    frames, validity = [], []
    for moment in moments:
        if moment.to0.shape[-2:] != image0.shape[-2:]:
            raise ValueError(
                f"The motion has a grid of {tuple(moment.to0.shape[-2:])} but the images are "
                f"{tuple(image0.shape[-2:])}; resize them to its grid."
            )
        frames.append(blend_ends(image0, image1, moment))
        seen = torch.maximum(moment.visible0, moment.visible1) * (moment.coverage >= HOLE)
        validity.append(F.avg_pool2d(seen, LATENT_STRIDE))
    return from_frames(autoencoder, torch.stack(frames, 1), times), torch.stack(validity, 1)


def blend_ends(image0: Tensor, image1: Tensor, pair: FlowPair) -> Tensor:
    """(B, 3, h, w) at pair.tau: both ends warped there, weighted by nearness in time and by visibility. Where neither
    end is visible, time alone decides. At tau = 0 and 1 only the end at hand counts."""
    weight0, weight1 = (1 - pair.time) * (pair.visible0 + 1e-4), pair.time * (pair.visible1 + 1e-4)
    return torch.lerp(
        backward_warp(image0, pair.to0),
        backward_warp(image1, pair.to1),
        (weight1 / (weight0 + weight1)).to(image0.dtype),
    )


@torch.no_grad()
def from_frames(
    autoencoder: Autoencoder,
    frames: Tensor,  # (B, N, 3, h, w) at the motion size, in [0, 1]
    times: Sequence[float],
) -> Keyframes:
    """Keyframes of frames that exist already."""
    _check_size(*frames.shape[-2:])
    latents = autoencoder.encode(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
    return Keyframes(latents, tuple(float(tau) for tau in times), autoencoder.space)


@torch.no_grad()
def generate(
    generator: KeyframeGenerator,
    autoencoder: Autoencoder,
    image0: Tensor,  # (B, 3, h, w) at the motion size
    image1: Tensor,  # (B, 3, h, w)
    base: Keyframes,  # of `warped_keyframes`, in the autoencoder's space
    validity: Tensor,  # (B, N, 1, h/8, w/8), with the base
    seed: int,
    steps: int = 1,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Keyframes:
    """The generator's keyframes at the base's times: one step from pure noise, or `steps` DDIM steps of equal length.

    Noise is drawn on the CPU, so that devices agree, and is the same for every pair of a batch, so that a pair's
    keyframes do not depend on the batch it is in."""
    _check_request(autoencoder, image0, image1, base, steps)
    z0, z1 = (autoencoder.encode(image).to(base.latents) for image in (image0, image1))
    noise = torch.randn(base.latents.shape[1:], generator=torch.Generator().manual_seed(seed))
    z_t = noise.to(base.latents).expand_as(base.latents)
    times = torch.tensor(base.times, device=z_t.device)
    for step in range(steps):
        check_stop(should_stop, "The making of keyframes")
        t, t_next = 1 - step / steps, 1 - (step + 1) / steps
        output = generator(z_t, z0, z1, base.latents, validity, times, torch.full((len(z_t),), t, device=z_t.device))
        z = denoised(z_t, output, t)
        if step + 1 < steps:
            z_t = ddim_step(z_t, z, t, t_next)
        if progress is not None:
            progress(step + 1, steps)
    return Keyframes(z, base.times, base.space)


def _check_pair(image0: Tensor, image1: Tensor) -> None:
    if image0.shape != image1.shape:
        raise ValueError(f"The ends differ in shape, {tuple(image0.shape)} and {tuple(image1.shape)}; resize one.")
    _check_size(*image0.shape[-2:])


def _check_size(height: int, width: int) -> None:
    if height % LATENT_STRIDE or width % LATENT_STRIDE:
        raise ValueError(f"{width}x{height} is no motion size, whose sides are multiples of 32; resize it first.")


def _check_request(autoencoder: Autoencoder, image0: Tensor, image1: Tensor, base: Keyframes, steps: int) -> None:
    _check_pair(image0, image1)
    own = autoencoder.space
    if base.space != own:
        raise ValueError(f"The base is in latent space '{base.space}', the generator works in '{own}'; re-encode it.")
    if len(base.times) > MOST_KEYFRAMES:
        raise ValueError(f"{len(base.times)} keyframes are more than the generator's {MOST_KEYFRAMES}; ask for fewer.")
    if steps < 1:
        raise ValueError(f"Sampling takes at least 1 step, got {steps}.")
