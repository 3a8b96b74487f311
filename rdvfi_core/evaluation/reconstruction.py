"""The built-in latents: how much of a photograph comes back from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import LATENT_STRIDE
from ..keyframes.autoencoder import Autoencoder
from ..scenes.textures import Textures
from .metrics import measure
from .tables import table


@dataclass(frozen=True)
class Reconstruction:
    psnr: dict[str, list[float]]  # decoder -> dB per photograph

    def to_json(self) -> str:
        return json.dumps(self.psnr, indent=1) + "\n"

    def to_markdown(self) -> str:
        rows = [(name, f"{fmean(v):.2f}", f"{min(v):.2f}", f"{max(v):.2f}") for name, v in self.psnr.items()]
        count = len(next(iter(self.psnr.values())))
        lines = [f"{count} photographs kept from training", ""]
        return "\n".join([*lines, *table(("decoder", "PSNR dB, mean", "least", "most"), rows)]) + "\n"


@torch.no_grad()
def reconstruct(
    autoencoder: Autoencoder, photographs: str, device: torch.device, limit: int | None = None
) -> Reconstruction:
    """Every fifth photograph, at most 640 px wide and high, cut to whole 8x8 patches: through the whole decoder, and
    through its linear path alone."""
    psnr: dict[str, list[float]] = {"with residual": [], "linear path alone": []}
    for photograph in Textures(photographs, held_out=True).photographs[:limit]:
        height, width = (side // LATENT_STRIDE * LATENT_STRIDE for side in photograph.shape[-2:])
        image = photograph[None, :, :height, :width].float() / 255
        latents = autoencoder.encode(image.to(device))
        linear = F.pixel_shuffle(autoencoder.synthesis(latents), LATENT_STRIDE)
        for name, made in zip(psnr, (autoencoder.decode(latents), linear), strict=True):
            psnr[name] += _psnr(made.cpu(), image)
    return Reconstruction(psnr)


def _psnr(made: Tensor, truth: Tensor) -> list[float]:
    return measure(made, truth)["psnr"]
