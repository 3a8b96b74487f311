"""Backbones of the public sizes with random weights, made of ComfyUI's own classes: what they cost does not depend on
their values. Scaled down, tests and a benchmark on a CPU use them too."""

from __future__ import annotations

from typing import Any

import comfy.ldm.models.autoencoder
import comfy.ldm.modules.diffusionmodules.openaimodel
import comfy.ldm.wan.model
import comfy.ldm.wan.vae
import comfy.model_base
import comfy.model_patcher
import comfy.ops
import comfy.sd
import comfy.supported_models
import torch
from torch import Tensor, nn

# Wan2.1-Fun-1.3B-InP: Wan 2.1 1.3B with image latents and a mask beside the noise, and the CLIP branch.
WAN_1_3B: dict[str, Any] = {
    "model_type": "i2v",
    "in_dim": 36,
    "out_dim": 16,
    "dim": 1536,
    "ffn_dim": 8960,
    "num_heads": 12,
    "num_layers": 30,
    "freq_dim": 256,
    "text_dim": 4096,
}
WAN_VAE: dict[str, Any] = {
    "dim": 96,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],  # the name ComfyUI calls it by
}

# Stable Video Diffusion's UNet, 1.5 B parameters.
SVD_UNET: dict[str, Any] = {
    "image_size": 32,
    "in_channels": 8,
    "out_channels": 4,
    "model_channels": 320,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "context_dim": 1024,
    "adm_in_channels": 768,
    "num_classes": "sequential",
    "use_checkpoint": False,
    "legacy": False,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": True,
    "use_temporal_attention": True,
    "use_temporal_resblock": True,
    "use_spatial_context": True,
    "extra_ff_mix_layer": True,
    "merge_strategy": "learned_with_images",
    "merge_factor": 0.0,
    "video_kernel_size": [3, 1, 1],
    "disable_temporal_crossattention": False,
    "num_heads": -1,
    "num_head_channels": 64,
}
SVD_VAE: dict[str, Any] = {
    "double_z": True,
    "z_channels": 4,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_resolutions": [],
    "dropout": 0.0,
}
LDM = "comfy.ldm.modules"

# Scaled down, for a CPU. ComfyUI's detection wants Wan's width to be a multiple of 128.
SMALL_WAN = {"dim": 128, "ffn_dim": 256, "num_heads": 1, "num_layers": 2}
SMALL_WAN_VAE = {"dim": 8}
SMALL_SVD = {
    "model_channels": 64,
    "channel_mult": [1, 2],
    "num_res_blocks": [1, 1],
    "transformer_depth": [1, 1],
    "transformer_depth_output": [1, 1, 1, 1],
}


def wan(device: torch.device, dtype: torch.dtype, **changes):
    """A MODEL, kept on the device."""
    config = comfy.supported_models.WAN21_I2V({"image_model": "wan2.1"} | WAN_1_3B | changes)
    config.set_inference_dtype(dtype, None)
    return _patcher(comfy.model_base.WAN21(config, image_to_video=True, device=device), device)


def svd(device: torch.device, dtype: torch.dtype, **changes):
    config = comfy.supported_models.SVD_img2vid(SVD_UNET | changes)
    config.set_inference_dtype(dtype, None)
    return _patcher(comfy.model_base.SVD_img2vid(config, device=device), device)


def wan_vae(**changes):
    return comfy.sd.VAE(sd=random_state(comfy.ldm.wan.vae.WanVAE(**WAN_VAE | changes)))


def svd_vae():
    """With SVD's own decoder, which looks at all frames of a clip. ComfyUI knows it in one size only."""
    return comfy.sd.VAE(sd=random_state(_svd_vae()))


def _svd_vae() -> nn.Module:
    video = {"video_kernel_size": [3, 1, 1], "alpha": 0.0}
    return comfy.ldm.models.autoencoder.AutoencodingEngine(
        regularizer_config={"target": "comfy.ldm.models.autoencoder.DiagonalGaussianRegularizer"},
        encoder_config={"target": f"{LDM}.diffusionmodules.model.Encoder", "params": SVD_VAE},
        decoder_config={"target": f"{LDM}.temporal_ae.VideoDecoder", "params": SVD_VAE | video},
    )


def networks(family: str) -> dict[str, nn.Module]:
    """Those of a full-size system; on the meta device where that is the default, for counting."""
    operations = comfy.ops.disable_weight_init
    if family == "wan1.3b":
        model = comfy.ldm.wan.model.WanModel(**WAN_1_3B, operations=operations)
        return {"model": model, "vae": comfy.ldm.wan.vae.WanVAE(**WAN_VAE)}
    unet = comfy.ldm.modules.diffusionmodules.openaimodel.UNetModel(
        **SVD_UNET, device=torch.empty(0).device, operations=operations
    )
    return {"model": unet, "vae": _svd_vae()}


def random_state(model: nn.Module) -> dict[str, Tensor]:
    """Random weights that keep the size of what goes through them, the same on every call; the model's own tensors."""
    state = model.state_dict()
    generators: dict[torch.device, torch.Generator] = {}
    with torch.no_grad():
        for key, tensor in state.items():
            generator = generators.setdefault(tensor.device, torch.Generator(tensor.device).manual_seed(0))
            tensor.normal_(generator=generator)
            if key.endswith(("gamma", "norm_q.weight", "norm_k.weight", "norm_k_img.weight", "norm3.weight")):
                tensor.mul_(0.1).add_(1)
            else:
                tensor.mul_(0.1 if tensor.ndim < 2 else tensor[0].numel() ** -0.5)
    return state


def _patcher(model, device: torch.device):
    random_state(model.diffusion_model)
    return comfy.model_patcher.CoreModelPatcher(model.eval(), load_device=device, offload_device=device)
