"""Noise schedules and the one formula that turns a network's output into a denoised latent.

    z_t    = alpha z + sigma eps            what the network sees
    output = p z + q eps                    what the network is trained to say
    z      = (q z_t - sigma output) / (alpha q - sigma p)

v-prediction, rectified flow and EDM differ only in (alpha, sigma, p, q), so one-step sampling is one formula for all:

    name            alpha       sigma       p           q           t
    cosine v        cos(pi t/2) sin(pi t/2) -sigma      alpha       [0, 1]
    rectified flow  1 - t       t           -1          1           [0, 1]
    EDM v           1           t           -t / r      1 / r       noise level up to 700, r = sqrt(1 + t^2)

The EDM row is SVD's: solving it gives c_skip = 1 / r^2 and c_out = -t / r. Its network is fed z_t / r, and
whoever calls the network does that. z_t here is always unscaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_SIGMA = 1e-3  # under it, dividing by sigma says nothing about the noise any more


@dataclass(frozen=True)
class Parameterisation:
    """A schedule and what the network predicts on it. `top` is the t of pure noise, where one-step sampling starts."""

    name: str
    top: float
    coefficients: Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]  # t -> alpha, sigma, p, q, shaped like t


def _cosine_v(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    # cos(pi/2) is not 0 in floating point; the sine of the complement is, so that t = 1 is exactly pure noise.
    alpha, sigma = torch.sin((1 - t) * (math.pi / 2)), torch.sin(t * (math.pi / 2))
    return alpha, sigma, -sigma, alpha


def _rectified_flow(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    one = torch.ones_like(t)
    return 1 - t, t, -one, one


def _edm_v(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r = torch.sqrt(1 + t * t)
    return torch.ones_like(t), t, -t / r, 1 / r


COSINE_V = Parameterisation("cosine v", 1.0, _cosine_v)
RECTIFIED_FLOW = Parameterisation("rectified flow", 1.0, _rectified_flow)
EDM_V = Parameterisation("EDM v", 700.0, _edm_v)


def _coefficients(t: Tensor | float, like: Tensor, parameterisation: Parameterisation) -> tuple[Tensor, ...]:
    """(alpha, sigma, p, q) in float32, shaped to multiply `like` (B, ...): t is one number or (B,)."""
    t = torch.as_tensor(t, dtype=torch.float32, device=like.device).reshape(-1)
    if len(t) not in (1, len(like)):
        raise ValueError(f"Got {len(t)} times t for a batch of {len(like)}; give one, or one for each sample.")
    return parameterisation.coefficients(t.reshape(-1, *[1] * (like.ndim - 1)))


def add_noise(z: Tensor, noise: Tensor, t: Tensor | float, parameterisation: Parameterisation) -> Tensor:
    """z_t = alpha z + sigma eps."""
    alpha, sigma, _, _ = _coefficients(t, z, parameterisation)
    return (alpha * z + sigma * noise).to(z.dtype)


def target(z: Tensor, noise: Tensor, t: Tensor | float, parameterisation: Parameterisation) -> Tensor:
    """The perfect output p z + q eps: v = alpha eps - sigma z for v-prediction, eps - z for rectified flow."""
    _, _, p, q = _coefficients(t, z, parameterisation)
    return (p * z + q * noise).to(z.dtype)


def denoised(z_t: Tensor, output: Tensor, t: Tensor | float, parameterisation: Parameterisation) -> Tensor:
    """The prediction of z from z_t and the network's output."""
    alpha, sigma, p, q = _coefficients(t, z_t, parameterisation)
    return ((q * z_t - sigma * output) / (alpha * q - sigma * p)).to(z_t.dtype)


def output_from_denoised(z_t: Tensor, z: Tensor, t: Tensor | float, parameterisation: Parameterisation) -> Tensor:
    """The output of which `denoised` makes z: how a network that predicts z itself speaks any parameterisation.

    It divides by sigma. Under SMALLEST_SIGMA it stays finite and `denoised` fades to z_t, which hardly holds noise."""
    alpha, sigma, p, q = _coefficients(t, z_t, parameterisation)
    return ((q * z_t - (alpha * q - sigma * p) * z) / sigma.clamp_min(SMALLEST_SIGMA)).to(z_t.dtype)


def ddim_step(z_t: Tensor, z: Tensor, t: float, t_next: float, parameterisation: Parameterisation) -> Tensor:
    """z_t carried from t to t_next < t along the noise that the denoised z leaves: eps = (z_t - alpha z) / sigma."""
    alpha, sigma, _, _ = _coefficients(t, z_t, parameterisation)
    noise = (z_t - alpha * z) / sigma.clamp_min(SMALLEST_SIGMA)
    return add_noise(z, noise, t_next, parameterisation).to(z_t.dtype)


def training_time(progress: float, generator: torch.Generator, count: int = 1) -> Tensor:
    """(count,) times t, uniform in [progress, 1], on the generator's device: over training, whose progress goes from 0
    to 1, the lower end rises linearly to 1, so that training at every noise level ends in a one-step model (paper's
    stage 2)."""
    if not 0 <= progress <= 1:
        raise ValueError(f"Training's progress {progress} is outside 0..1.")
    draw = torch.rand(count, generator=generator, device=generator.device)  # [0, 1), so 1 - draw reaches 1 and never 0
    return 1 - (1 - progress) * draw
