"""The built-in latents: PCA of 8x8 patches, then the decoder's residual by reconstruction error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..clips import ClipError, list_clips
from ..conventions import MOTION_AREA
from ..keyframes.autoencoder import Autoencoder
from ..pixels.warp import resize
from ..scenes.textures import Textures
from .engine import Losses, Run, TrainingPlan
from .losses import reconstruction_losses
from .processes import Share

PCA_SIDE = 256  # px of the corner of each picture that the principal components are taken from
PCA_FRAME = 5  # of every clip, or
PCA_CLIPS = 1000  # of at most so many of them, evenly


def train_autoencoder(plan: TrainingPlan, textures: str, clips: str | None, channels: int = 48) -> Autoencoder:
    """Fits the linear path on photographs and on a frame of every clip, freezes it, and trains the decoder's residual
    on square crops of the photographs in the run folder."""
    torch.manual_seed(plan.seed)
    bank = Textures(textures, device=plan.device)
    autoencoder = Autoencoder(channels).to(plan.device)
    autoencoder.fit_pca(_pca_pictures(bank, clips).to(plan.device))
    autoencoder.analysis.requires_grad_(False)
    autoencoder.synthesis.requires_grad_(False)
    autoencoder.train()
    settings = plan.settings("autoencoder", textures=textures, channels=channels)
    run = Run(plan, {"autoencoder": autoencoder}, settings)

    def batches(share: Share) -> Iterator[Tensor]:
        for number in share.numbers():
            generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + number)
            yield _crops(bank, plan.batch, plan.crop[0], generator)

    def losses(images: Tensor, progress: float) -> Losses:
        return reconstruction_losses(autoencoder.decode(autoencoder.encode(images)), images)

    run.train(batches, losses)
    return run.averaged["autoencoder"]


def _pca_pictures(bank: Textures, clips: str | None) -> Tensor:  # (n, 3, 256, 256)
    pictures = [p.float() / 255 for p in bank.photographs if min(p.shape[-2:]) >= PCA_SIDE]
    found = list_clips(Path(clips)) if clips else []
    for clip in found[:: 1 + len(found) // PCA_CLIPS]:
        try:
            frame = torch.from_numpy(next(clip.read([PCA_FRAME]))).permute(2, 0, 1)[None].float() / 255
        except ClipError as error:
            logging.getLogger(__name__).warning("%s is left out: %s", clip.name, error)
            continue
        scale = (MOTION_AREA / (frame.shape[-2] * frame.shape[-1])) ** 0.5
        height, width = (max(PCA_SIDE, round(side * scale)) for side in frame.shape[-2:])
        pictures.append(resize(frame, height, width)[0])
    if not pictures:
        raise ValueError(f"No photograph has both sides of at least {PCA_SIDE} pixels; give larger ones.")
    return torch.stack([p[:, :PCA_SIDE, :PCA_SIDE].to(bank.device) for p in pictures])


def _crops(bank: Textures, count: int, side: int, generator: torch.Generator) -> Tensor:
    """(count, 3, side, side) at the photographs' own resolution."""
    return torch.stack([bank.crop(side, generator) for _ in range(count)])
