"""phi1 on rendered pairs: endpoint error against exact flow, visibility against exact visibility."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..motion import AdjacentMotion, Motion
from ..precision import mixed
from .engine import Losses, Run, Schedule
from .pairs import PairBatch, RenderedPairs, pair_stream

STEP_DECAY = 0.8  # weight of an estimate relative to the one after it
LARGE = 20.0  # px of motion at which an error counts half: small motion is to be exact, large motion to be found
HIDDEN_WEIGHT = 0.25  # of pixels that the other frame does not show: their motion is a guess, but a needed one


def train_motion(
    folder: Path | str,
    autoencoder: Autoencoder,
    network: AdjacentMotion,
    textures: str | None,
    steps: int,
    device: torch.device,
    seed: int = 0,
    batch: int = 8,
    crop: tuple[int, int] = (128, 192),
    learning_rate: float = 4e-4,
    iterations: int = 4,
    largest: float = 140.0,
) -> AdjacentMotion:
    """Trains phi1 in the run folder, going on from its checkpoint, and returns the averaged network.

    textures: folder of photographs, None for procedural textures only. largest: see `draw_scenes`."""
    torch.manual_seed(seed)
    network = network.to(device, memory_format=torch.channels_last).train().requires_grad_(True)
    autoencoder = autoencoder.to(device).eval().requires_grad_(False)
    config = {
        "trains": "motion", "textures": textures, "seed": seed, "batch": batch, "crop": crop,
        "iterations": iterations, "largest": largest,
    }  # fmt: skip
    run = Run(folder, {"motion": network}, Schedule(steps, learning_rate), config)

    def batches(first_step: int):
        return pair_stream(RenderedPairs(textures, seed, batch, crop, device, first_step, largest=largest))

    def losses(pairs: PairBatch, step: int) -> Losses:
        images = torch.cat((pairs.first, pairs.second))
        flow = torch.cat((pairs.forward, pairs.backward))
        seen = torch.cat((pairs.seen_forward, pairs.seen_backward))
        with mixed(device):
            motion = both_directions(network, autoencoder.encode(images), iterations)
        return motion_losses(motion, flow, seen)

    run.train(batches, losses)
    return run.averaged["motion"]


def both_directions(network: nn.Module, latents: Tensor, iterations: int) -> Motion:
    """Motion of P pairs whose latents are stacked as (2P, C, h, w), first all a, then all b: a -> b, then b -> a."""
    features = network.encode(latents.contiguous(memory_format=torch.channels_last))
    count = len(latents) // 2
    swapped = list(range(count, 2 * count)) + list(range(count))
    return network(features, features[swapped], iterations)


def motion_losses(motion: Motion, flow: Tensor, seen: Tensor) -> Losses:
    """flow (B, 2, H, W) px and seen (B, 1, H, W) are exact. "epe" is reported on visible pixels, in px."""
    weight = (HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * seen) / (1 + lengths(flow) / LARGE)
    total = 0.0
    for i, step in enumerate(reversed(motion.steps)):
        factor = flow.shape[-1] // step.shape[-1]
        centre = factor // 2
        target = flow[..., centre::factor, centre::factor]
        importance = weight[..., centre::factor, centre::factor]
        scale = STEP_DECAY ** (i + 1)
        total = total + scale * (importance * lengths(step * factor - target)).mean()
    error = lengths(motion.flow - flow)
    visibility = F.binary_cross_entropy_with_logits(motion.visibility, seen)
    loss = total + (weight * error).mean() + 0.5 * visibility
    epe = (error.detach() * seen).sum() / seen.sum().clamp_min(1)
    return {"loss": loss, "epe": epe, "visibility": visibility.detach()}


def lengths(v: Tensor) -> Tensor:  # (B, 2, h, w) -> (B, 1, h, w), smooth at zero
    return (v.square().sum(1, keepdim=True) + 1e-4).sqrt()
