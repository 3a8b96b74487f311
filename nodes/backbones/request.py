"""What RDVFI Keyframes asks of a diffusion backbone, and the sampling that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.model_management as mm
import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import node_helpers
import torch
from torch import Tensor

Conditioning = list  # ComfyUI's CONDITIONING: [[(B, L, D), {name: value}], ...]


@dataclass(frozen=True, eq=False)
class Request:
    model: Any  # comfy ModelPatcher
    vae: Any  # comfy VAE
    starts: Tensor  # (B, 3, h, w) in [0, 1], at the size the keyframes are made at
    ends: Tensor
    count: int  # latent frames, both ends included
    seed: int = 0
    steps: int = 1
    cfg: float = 1.0
    shift: float = 0.0  # of flow models; 0 leaves the MODEL's own
    positive: Conditioning | None = None
    negative: Conditioning | None = None
    clip_start: Any = None  # CLIP_VISION_OUTPUT of the images
    clip_end: Any = None
    fps: int = 6  # SVD's conditions
    motion_bucket: int = 127
    augmentation: float = 0.0

    @property
    def latent_size(self) -> tuple[int, int]:  # (h, w)
        return self.starts.shape[-2] // 8, self.starts.shape[-1] // 8


def sample(
    request: Request,
    model: Any,  # request.model, patched where the family needs it
    positive: Conditioning,
    negative: Conditioning | None,
    noise: Tensor,
    scheduler: str,
) -> Tensor:  # latents as a VAE decodes them
    """Through ComfyUI's own guider, so that LoRA, hooks, wrappers, previews and interrupts work as in its samplers. One
    step goes from the highest noise to none, whatever the scheduler."""
    guider = comfy.samplers.CFGGuider(model)
    if negative is None:
        guider.inner_set_conds({"positive": positive})
    else:
        guider.set_conds(positive, negative)
    guider.set_cfg(request.cfg)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), scheduler, request.steps).cpu()
    samples = guider.sample(
        noise,
        torch.zeros_like(noise),
        comfy.samplers.sampler_object("euler"),
        sigmas,
        callback=latent_preview.prepare_callback(model, request.steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=request.seed,
    )
    return samples.to(mm.intermediate_device())


def noise_like(shape: tuple[int, ...], seed: int) -> Tensor:
    """What the core node RandomNoise draws for an empty latent of this shape."""
    return comfy.sample.prepare_noise(torch.zeros(shape, device=mm.intermediate_device()), seed)


def with_values(conditioning: Conditioning, values: dict[str, Any]) -> Conditioning:
    return node_helpers.conditioning_set_values(conditioning, values)


def check_width(conditioning: Conditioning | None, width: int, name: str, encoder: str) -> None:
    """Text embeddings of another model have other channels."""
    for embedding, _ in conditioning or ():
        if embedding.shape[-1] != width:
            raise ValueError(
                f"{name} has {embedding.shape[-1]} channels, this MODEL reads {width}; encode the text with {encoder}, "
                f"or leave {name} unconnected."
            )
