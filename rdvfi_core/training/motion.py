"""phi1 on rendered pairs: endpoint error against exact flow, visibility against exact visibility."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion, Motion
from ..pixels.flow_viz import flow_to_rgb
from ..precision import mixed
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .pairs import PairBatch, RenderedPairs, loaded
from .processes import Share

STEP_DECAY = 0.8  # weight of an estimate relative to the one after it
LARGEST = 140.0  # px of motion, see `draw_scenes`
LARGE = 20.0  # px of motion at which an error counts half: small motion is to be exact, large motion to be found
HIDDEN_WEIGHT = 0.25  # of pixels that the other frame does not show: their motion is a guess, but a needed one


def train_motion(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    network: AdjacentMotion,
    textures: str | None,
    iterations: int = 4,
) -> AdjacentMotion:
    """Trains phi1 in the run folder, going on from its checkpoint, and returns the averaged network.

    textures: folder of photographs, None for procedural textures only."""
    network, autoencoder = trained(network, plan.device), frozen(autoencoder, plan.device)
    settings = plan.settings("motion", textures=textures, iterations=iterations, largest=LARGEST, workers=plan.workers)
    run = Run(plan, {"motion": network}, settings)

    def batches(share: Share) -> Iterator[PairBatch]:
        pairs = RenderedPairs(textures, plan.seed, plan.batch, plan.crop, share, largest=LARGEST)
        return (pair.to(plan.device) for pair in loaded(pairs, plan.workers))

    def estimate(pairs: PairBatch) -> Motion:
        with mixed(plan.device):
            latents = autoencoder.encode(torch.cat((pairs.first, pairs.second)))
            return both_directions(network, latents, iterations)

    def losses(pairs: PairBatch, progress: float) -> Losses:
        seen = torch.cat((pairs.seen_forward, pairs.seen_backward))
        return motion_losses(estimate(pairs), torch.cat((pairs.forward, pairs.backward)), seen)

    @torch.no_grad()
    def sheet(pairs: PairBatch) -> Sheet:
        found = estimate(pairs).flow
        return {f"pair {i}": flow_row(pairs.first[i], pairs.second[i], pairs.forward[i], found[i])
                for i in range(min(3, len(pairs.first)))}  # fmt: skip

    run.train(batches, losses, sheet)
    return run.averaged["motion"]


def flow_row(
    first: Tensor, second: Tensor, exact: Tensor, found: Tensor
) -> list[tuple[str, Tensor]]:  # (3, h, w) twice, (2, h, w) twice
    largest = max(1.0, exact.norm(dim=0).max().item())
    flows = flow_to_rgb(torch.stack((exact, found)).float(), largest)
    names = ("first", "second", f"exact, up to {largest:.0f} px", "found")
    return list(zip(names, (first, second, *flows), strict=True))


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
