"""The public sizes of the backbones, as ComfyUI's own classes take them: for the benchmark's random weights, and scaled
down for tests."""

from __future__ import annotations

from typing import Any

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
