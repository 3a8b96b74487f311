"""The built-in generator's noise schedule, and the formula that turns its output into a denoised latent.

    z_t = alpha z + sigma eps           what the network sees
    v   = alpha eps - sigma z           what it is trained to say (v-prediction, Salimans and Ho 2022)
    z   = alpha z_t - sigma v

with alpha = cos(pi t / 2) and sigma = sin(pi t / 2) for t in [0, 1]: t = 1 is pure noise, where one step starts.
Backbones bring their own schedules: ComfyUI samples them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALLEST_SIGMA = 1e-3  # under it, dividing by sigma says nothing about the noise any more


def _levels(t: Tensor | float, like: Tensor) -> tuple[Tensor, Tensor]:
    """(alpha, sigma) in float32, shaped to multiply `like` (B, ...): t is one number or (B,)."""
    t = torch.as_tensor(t, dtype=torch.float32, device=like.device).reshape(-1)
    if len(t) not in (1, len(like)):
        raise ValueError(f"Got {len(t)} times t for a batch of {len(like)}; give one, or one for each sample.")
    t = t.reshape(-1, *[1] * (like.ndim - 1))
    # cos(pi/2) is not 0 in floating point; the sine of the complement is, so that t = 1 is exactly pure noise.
    return torch.sin((1 - t) * (math.pi / 2)), torch.sin(t * (math.pi / 2))


def add_noise(z: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """z_t = alpha z + sigma eps."""
    alpha, sigma = _levels(t, z)
    return (alpha * z + sigma * noise).to(z.dtype)


def denoised(z_t: Tensor, v: Tensor, t: Tensor | float) -> Tensor:
    """The prediction of z from z_t and the network's v."""
    alpha, sigma = _levels(t, z_t)
    return (alpha * z_t - sigma * v).to(z_t.dtype)


def v_of(z_t: Tensor, z: Tensor, t: Tensor | float) -> Tensor:
    """The v of which `denoised` makes z: how a network that predicts z itself speaks v.

    It divides by sigma. Under SMALLEST_SIGMA it stays finite and `denoised` fades to z_t, which hardly holds noise."""
    alpha, sigma = _levels(t, z_t)
    return ((alpha * z_t - z) / sigma.clamp_min(SMALLEST_SIGMA)).to(z_t.dtype)


def ddim_step(z_t: Tensor, z: Tensor, t: float, t_next: float) -> Tensor:
    """z_t carried from t to t_next < t along the noise that the denoised z leaves: eps = (z_t - alpha z) / sigma."""
    alpha, sigma = _levels(t, z_t)
    noise = (z_t - alpha * z) / sigma.clamp_min(SMALLEST_SIGMA)
    return add_noise(z, noise, t_next).to(z_t.dtype)


def training_time(progress: float, generator: torch.Generator, count: int = 1) -> Tensor:
    """(count,) times t, uniform in [progress, 1], on the generator's device: over training, whose progress goes from 0
    to 1, the lower end rises linearly to 1, so that training at every noise level ends in a one-step model (paper's
    stage 2)."""
    if not 0 <= progress <= 1:
        raise ValueError(f"Training's progress {progress} is outside 0..1.")
    draw = torch.rand(count, generator=generator, device=generator.device)  # [0, 1), so 1 - draw reaches 1 and never 0
    return 1 - (1 - progress) * draw
