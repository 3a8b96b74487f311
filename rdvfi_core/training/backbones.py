"""Diffusion models that ComfyUI loads, as a trainer sees them: Wan2.1-Fun-InP and SVD between two images.

Networks, latent scaling, noise schedule and conditions are ComfyUI's own classes, from an installed ComfyUI, so that
what is trained is what its samplers will run. This is the only module of rdvfi_core that imports comfy, and only when a
backbone is opened. It needs the Python that ComfyUI runs in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..comfyui import checked_comfyui
from ..keyframes.known_ends import CLIP_WIDTH, svd_rows, wan_clip, wan_mask
from ..precision import has_fast_bfloat16

SVD_CONDITIONS = {"fps": 6, "motion_bucket_id": 127, "augmentation_level": 0.0}  # core's defaults


@dataclass(frozen=True, eq=False)
class Backbone:
    """A clip of `frames` frames, first and last given, is T latents: all frames for SVD, every fourth for Wan."""

    model: Any  # comfy.model_base.BaseModel
    vae: Any  # comfy.sd.VAE
    flow: bool  # Wan, a rectified flow; else SVD, EDM
    frames: int

    @property
    def network(self) -> nn.Module:
        return self.model.diffusion_model

    @torch.no_grad()
    def encode(self, clip: Tensor) -> Tensor:  # (F, 3, h, w) in [0, 1] -> (C, T, h/8, w/8) as the VAE gives them
        found = self.vae.encode(clip.movedim(1, -1).cpu())
        return found[0] if self.flow else found.transpose(0, 1)

    def known(self, clip: Tensor) -> Tensor:  # (F, 3, h, w) -> (C, T, h/8, w/8)
        """Latents of what is given: for Wan the clip with grey between its ends, for SVD its ends and zeros."""
        if self.flow:
            return self.encode(wan_clip(clip[0], clip[-1], len(clip)))
        ends = self.encode(clip[[0, -1]]).transpose(0, 1)
        return svd_rows(*ends.split(1), self.frames).transpose(0, 1)

    def scaled(self, latents: Tensor) -> Tensor:
        """From the VAE's scale to the model's."""
        return self.model.process_latent_in(latents)

    def sigma(self, t: Tensor) -> Tensor:
        """Noise time t in [0, 1], 1 being pure noise, as the model's own noise level."""
        sampling = self.model.model_sampling
        if self.flow:
            return t.clamp_min(1e-3)
        low, high = (float(s) for s in (sampling.sigma_min, sampling.sigma_max))
        return low * (high / low) ** t

    def denoised(self, z: Tensor, known: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Noises z (P, C, T, h, w), in the model's scale, to the times t (P,) and has it denoised."""
        if self.flow:
            return self._denoised(z, known, noise, self.sigma(t))
        planes = zip(z, known, noise, self.sigma(t), strict=True)  # SVD's batch is the frames of one clip
        clips = [self._denoised(*(v.transpose(0, 1) for v in (a, b, c)), s.expand(a.shape[1])) for a, b, c, s in planes]
        return torch.stack(clips).transpose(1, 2)

    def _denoised(self, z: Tensor, known: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        z_t = self.model.model_sampling.noise_scaling(sigma, noise.clone(), z)
        given = self._wan_conditions(known) if self.flow else self._svd_conditions(known)
        conditions = self.model.extra_conds(noise=z_t, device=z_t.device, concat_latent_image=known.clone(), **given)
        values = {name: c.process_cond(batch_size=len(z_t), area=None).cond for name, c in conditions.items()}
        return self.model.apply_model(z_t, sigma, **values)

    def _wan_conditions(self, known: Tensor) -> dict[str, Any]:
        """Null text and null image features are single zero tokens: as many as there may be give the same."""
        import comfy.clip_vision

        features = comfy.clip_vision.Output()
        features.penultimate_hidden_states = known.new_zeros(1, 1, CLIP_WIDTH)
        image = {"clip_vision_output": features} if self.network.img_emb is not None else {}
        mask = wan_mask(*known.shape[2:]).to(known)
        return {"cross_attn": known.new_zeros(1, 1, self.network.text_dim), "concat_mask": mask, **image}

    def _svd_conditions(self, known: Tensor) -> dict[str, Any]:
        return {"cross_attn": known.new_zeros(1, 1, 1024), **SVD_CONDITIONS}


def open_backbone(comfyui: Path, file: Path, vae: Path, device: torch.device, frozen: bool) -> Backbone:
    """frozen: the weights are not trained themselves and may be stored in half precision on a GPU."""
    comfyui = checked_comfyui(comfyui)
    for path in (file, vae):
        if not path.is_file():
            raise ValueError(f"There is no file {path}; name a checkpoint that ComfyUI loads.")
    sys.path.insert(0, str(comfyui))
    try:
        from comfy.cli_args import args

        args.cpu = device.type == "cpu"
        import comfy.model_base
        import comfy.model_management
        import comfy.sd
        import comfy.utils
    except ImportError as error:
        raise ImportError(f"ComfyUI's packages are missing ({error}); use ComfyUI's own Python.") from error
    comfy.model_management.in_training = True  # its fast kernels have no gradients
    dtype = torch.bfloat16 if frozen and device.type == "cuda" and has_fast_bfloat16(device) else torch.float32
    try:
        model = comfy.sd.load_diffusion_model(str(file), {"dtype": dtype}, disable_dynamic=True).model
    except Exception as error:  # its loaders raise whatever a file leads to
        raise ValueError(f"{file.name} is no diffusion model that this ComfyUI knows; choose another file.") from error
    flow = type(model) is comfy.model_base.WAN21
    if not flow and type(model) is not comfy.model_base.SVD_img2vid:
        raise ValueError(f"{file.name} is a {type(model).__name__}; only Wan2.1-Fun-InP and SVD are trained here.")
    if flow and model.diffusion_model.in_dim != 36:
        raise ValueError(f"{file.name} is a Wan of {model.diffusion_model.in_dim} channels, not the 36 of Fun-InP.")
    try:
        decoder = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(vae)))
        fits = decoder.first_stage_model is not None and decoder.latent_channels == (16 if flow else 4)
    except Exception:
        fits = False
    if not fits:
        raise ValueError(f"{vae.name} is no VAE of these latents; name the one that belongs to {file.name}.")
    model.to(device).requires_grad_(False)
    return Backbone(model, decoder, flow, frames=25 if flow else 9)
