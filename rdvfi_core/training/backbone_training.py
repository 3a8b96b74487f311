"""Stage 2 for a diffusion model that ComfyUI loads: one-step training in its own latents, whole or by LoRA.

L_theta alone: an estimator that reads these latents does not exist yet, so there is no chain to render frames by. The
error is that of the denoised latents at every noise level, as for the built-in generator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..keyframes.diffusion import training_time
from ..precision import mixed
from .backbones import Backbone
from .cache import Cache, Stored
from .decoding import LARGEST
from .engine import Losses, Run, TrainingPlan
from .lora import LoRA, write_tensors
from .processes import Share
from .windows import Footage, WindowBatch


def train_backbone(
    plan: TrainingPlan,
    backbone: Backbone,
    footage: Footage,
    rank: int | None = None,  # of a LoRA; None trains all weights
    cache: Path | None = None,
    cached: int = 1000,
) -> Path:
    """Trains in the run folder; returns the file that it wrote there, which ComfyUI loads."""
    network = backbone.network if rank is None else LoRA(backbone.network, rank).to(plan.device)
    network.train().requires_grad_(True)
    extent = {"cached": cached} if cache is not None else {}
    settings = plan.settings("backbone", rank=rank, parameters=_size(backbone), **vars(footage), **extent)
    run = Run(plan, {"backbone": network}, settings)

    def windows(share: Share) -> Iterator[WindowBatch]:
        return footage.windows(plan, share, backbone.frames - 2, LARGEST)

    def prepared(window: WindowBatch) -> Stored:
        z = [backbone.encode(clip) for clip in window.knots]
        known = [backbone.known(clip) for clip in window.knots]
        return {"z": torch.stack(z), "known": torch.stack(known)}, {}

    def batches(share: Share) -> Iterator[Stored]:
        if cache is None:
            return map(prepared, windows(share))
        data = plan.settings("backbone", frames=backbone.frames, **vars(footage))
        store = Cache(cache, cached, data, (backbone.vae.first_stage_model,), plan.processes)
        store.fill(windows, prepared)
        return store.batches(share, plan.seed)

    def losses(batch: Stored, progress: float) -> Losses:
        z, known = (batch[0][name].to(plan.device, torch.float32) for name in ("z", "known"))
        with mixed(plan.device):
            return latent_loss(backbone, backbone.scaled(z), known, progress)

    run.train(batches, losses)
    trained = run.averaged["backbone"]
    tensors = trained.tensors() if rank else {f"model.diffusion_model.{k}": v for k, v in trained.state_dict().items()}
    path = plan.folder / ("lora.safetensors" if rank else "backbone.safetensors")
    if plan.processes.first:
        about = {"steps": "1", "frames": str(backbone.frames), "text": "one zero token"}
        write_tensors(path, tensors, about, torch.float16 if rank else torch.bfloat16)
    return path


def latent_loss(backbone: Backbone, z: Tensor, known: Tensor, progress: float) -> Losses:
    """z, known (P, C, T, h, w). Noise and its times come from torch's own generator, which the run seeds."""
    random = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    t = training_time(progress, random, len(z)).to(z.device)
    noise = torch.randn(z.shape, generator=random).to(z)
    found = backbone.denoised(z, known, noise, t)
    return {"loss": (found.float() - z).square().mean()}


def _size(backbone: Backbone) -> int:
    return sum(p.numel() for p in backbone.network.parameters())
