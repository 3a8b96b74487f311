"""phi2 on rendered sequences: the chain from every knot to both ends, against exact flow, on top of a frozen phi1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import IterableDataset

from ..conventions import KEYFRAMES, uniform_times
from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion, Features
from ..motion.fitting import ADJACENT_ITERATIONS
from ..motion.fusion import IterativeFusion
from ..pixels.warp import compose
from ..precision import mixed
from ..scenes.scenes import draw_scenes, visible
from ..scenes.textures import Textures
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .motion import HIDDEN_WEIGHT, LARGEST, flow_row, lengths
from .pairs import loaded
from .processes import ALL, Share, own_numbers


@dataclass(frozen=True)
class Sequence:
    """One rendered interval: all knots, and for every knot the exact way to both ends."""

    images: Tensor  # (M, 3, h, w)
    to0: Tensor  # (M, 2, h, w) px
    to1: Tensor  # (M, 2, h, w) px
    visible0: Tensor  # (M, 1, h, w)
    visible1: Tensor  # (M, 1, h, w)

    def to(self, device: torch.device) -> Sequence:
        return Sequence(**{name: tensor.to(device) for name, tensor in vars(self).items()})


class RenderedSequences(IterableDataset):
    """An endless stream, repeatable from the seed and the sequence's number. Between the ends the images are blurred
    and noisy by a random amount, as keyframes of a generator are."""

    def __init__(self, textures: str | None, seed: int, crop: tuple[int, int], share: Share = ALL):
        self.textures, self.seed, self.crop, self.share = textures, seed, crop, share

    def __iter__(self) -> Iterator[Sequence]:
        bank = Textures(self.textures)
        for number in own_numbers(self.share):
            yield self._sequence(bank, torch.Generator().manual_seed(self.seed * 1_000_003 + number))

    def _sequence(self, bank: Textures, generator: torch.Generator) -> Sequence:
        scenes = draw_scenes(bank, 1, *self.crop, generator, largest=LARGEST)
        frames = [scenes.render(t) for t in (0.0, *uniform_times(KEYFRAMES), 1.0)]
        to0, to1 = ([scenes.flow(f, end) for f in frames] for end in (0.0, 1.0))
        visible0 = [visible(f, frames[0], flow) for f, flow in zip(frames, to0, strict=True)]
        visible1 = [visible(f, frames[-1], flow) for f, flow in zip(frames, to1, strict=True)]
        images = torch.cat([f.image for f in frames])
        images[1:-1] = blur_and_noise(images[1:-1], generator)
        return Sequence(images, *(torch.cat(v) for v in (to0, to1, visible0, visible1)))


def blur_and_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 3, h, w) as soft and grainy as a generator's keyframes may be: by a random amount, three times of ten not at
    all."""
    strength = torch.rand((), generator=generator).item()
    if strength < 0.3:
        return images
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    noise = torch.randn(images.shape, generator=generator).to(images) * 0.03 * strength
    return (torch.lerp(images, blurred, strength) + noise).clamp(0, 1)


def train_fusion(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    fusion: IterativeFusion,
    textures: str | None,
) -> IterativeFusion:
    """Trains phi2 in the run folder and returns the averaged network. One sequence a step: 16 fused flows."""
    device = plan.device
    fusion, motion, autoencoder = trained(fusion, device), frozen(motion, device), frozen(autoencoder, device)
    run = Run(plan, {"fusion": fusion}, plan.settings("fusion", textures=textures))

    def batches(share: Share) -> Iterator[Sequence]:
        sequences = RenderedSequences(textures, plan.seed, plan.crop, share)
        return (sequence.to(device) for sequence in loaded(sequences, plan.workers))

    def losses(sequence: Sequence, progress: float) -> Losses:
        with mixed(device):
            latents = autoencoder.encode(sequence.images).contiguous(memory_format=torch.channels_last)
            features, ends, bases, flow, seen = _chain(motion, fusion, latents, sequence)
            found = fusion(features, ends, bases)
        return fusion_losses(found.flow, found.visibility, bases, flow, seen)

    @torch.no_grad()
    def sheet(sequence: Sequence) -> Sheet:
        with mixed(device):
            latents = autoencoder.encode(sequence.images).contiguous(memory_format=torch.channels_last)
            features, ends, bases, flow, _ = _chain(motion, fusion, latents, sequence)
            found = fusion(features, ends, bases).flow
        shown = (len(found) // 2, len(found) - 2)  # half way, and all the way, to I0
        knots = [1 + i // 2 for i in shown]
        return {f"knot {k} to I0": flow_row(sequence.images[k], sequence.images[0], flow[i], found[i])
                for k, i in zip(knots, shown, strict=True)}  # fmt: skip

    run.train(batches, losses, sheet)
    return run.averaged["fusion"]


@torch.no_grad()
def _chain(
    motion: AdjacentMotion, fusion: IterativeFusion, latents: Tensor, sequence: Sequence
) -> tuple[Features, Features, Tensor, Tensor, Tensor]:
    """Runs both chains as they will be run in use, and returns their links as one batch: features of knots and ends,
    bases, and what is exact for them. The links are learned one by one, from bases that carry the errors of the links
    before."""
    knots = len(latents)
    features = motion.encode(latents)
    up, down = list(range(knots - 1)), list(range(1, knots))
    steps = motion(features[down + up], features[up + down], ADJACENT_ITERATIONS).flow
    previous, following = steps[: knots - 1], steps[knots - 1 :]  # f_{k->k-1} of knots 1.., f_{k->k+1} of knots 0..
    flows = torch.zeros_like(sequence.to0[:2])
    order, bases = [], []
    for link in range(1, knots):
        k, m = link, knots - 1 - link
        base = torch.cat((compose(previous[[k - 1]], flows[:1]), compose(following[[m]], flows[1:])))
        order.append((k, m))
        bases.append(base)
        flows = fusion(features[[k, m]], features[[0, knots - 1]], base).flow
    at = [k for pair in order for k in pair]
    ends = [0, knots - 1] * len(order)
    exact = [(sequence.to0[[k]], sequence.visible0[[k]]) if i % 2 == 0 else (sequence.to1[[k]], sequence.visible1[[k]])
             for i, k in enumerate(at)]  # fmt: skip
    flow, seen = (torch.cat(v) for v in zip(*exact, strict=True))
    return features[at], features[ends], torch.cat(bases), flow, seen


def fusion_losses(found: Tensor, visibility: Tensor, base: Tensor, flow: Tensor, seen: Tensor) -> Losses:
    """`epe` and `base` are endpoint errors on visible pixels, px: fused, and by composition alone."""
    weight = HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * seen
    error = lengths(found - flow)
    # Errors are counted relative to the distance, so that the far links do not drown the near ones.
    scale = 1 / (1 + 0.1 * lengths(flow))
    entropy = F.binary_cross_entropy_with_logits(visibility, seen)
    share = seen.sum().clamp_min(1)
    return {
        "loss": (weight * scale * error).mean() + 0.5 * entropy,
        "epe": (error.detach() * seen).sum() / share,
        "base": (lengths(base - flow) * seen).sum() / share,
        "visibility": entropy.detach(),
    }
