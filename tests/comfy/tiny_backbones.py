"""Small random diffusion models in the key format that ComfyUI recognises. Runs in ComfyUI's own Python:
`python tiny_backbones.py FOLDER`, with ComfyUI's folder as the working directory, writes one file for each of FILES."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

REPOSITORY = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("sizes", REPOSITORY / "nodes" / "backbones" / "architectures.py")
architectures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(architectures)

SMALL = {"dim": 128, "ffn_dim": 256, "num_heads": 1, "num_layers": 2}


def wan(kind: str = "i2v", channels: int = 36, **more) -> dict[str, Tensor]:
    """kind: "i2v" has the CLIP branch of Wan2.1-Fun-InP, "t2v" has none."""
    import comfy.ldm.wan.model
    import comfy.ops

    size = architectures.WAN_1_3B | SMALL | {"model_type": kind, "in_dim": channels} | more
    model = comfy.ldm.wan.model.WanModel(**size, dtype=torch.float32, operations=comfy.ops.disable_weight_init)
    return state_of(model)


def wan_vae() -> dict[str, Tensor]:
    import comfy.ldm.wan.vae

    return state_of(comfy.ldm.wan.vae.WanVAE(**architectures.WAN_VAE | {"dim": 8}))


def tiny_autoencoder(channels: int = 16) -> dict[str, Tensor]:
    """Like lighttaew2_1: float32, so ComfyUI takes its latents as they are."""
    import comfy.taesd.taehv

    return state_of(comfy.taesd.taehv.TAEHV(channels))


def svd_vae() -> dict[str, Tensor]:
    """SVD's latents are those of Stable Diffusion 1.5, for which ComfyUI knows a tiny autoencoder."""
    import comfy.taesd.taesd

    return state_of(comfy.taesd.taesd.TAESD(latent_channels=4))


def svd_patcher(channels: int = 64):
    """A MODEL of SVD's class. Its smallest checkpoint that ComfyUI recognises has 850 MB, so none is written."""
    import comfy.model_base
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    depth = {"transformer_depth": [1, 1], "transformer_depth_output": [1, 1, 1, 1], "num_res_blocks": [1, 1]}
    config = comfy.supported_models.SVD_img2vid(
        architectures.SVD_UNET | depth | {"model_channels": channels, "channel_mult": [1, 2]}
    )
    config.set_inference_dtype(torch.float32, None)
    model = comfy.model_base.SVD_img2vid(config)
    model.diffusion_model.load_state_dict(state_of(model.diffusion_model))
    cpu = torch.device("cpu")
    return comfy.model_patcher.CoreModelPatcher(model.eval(), load_device=cpu, offload_device=cpu)


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Random weights that keep the size of what goes through them, the same on every call."""
    generator, state = torch.Generator().manual_seed(0), {}
    for key, tensor in model.state_dict().items():
        values = torch.randn(tensor.shape, generator=generator)
        if key.endswith(("gamma", "norm_q.weight", "norm_k.weight", "norm_k_img.weight", "norm3.weight")):
            values = 1 + 0.1 * values
        elif tensor.ndim < 2:
            values = 0.1 * values
        else:
            values = values / tensor[0].numel() ** 0.5
        state[key] = values
    return state


FILES = {
    "diffusion_models/wan_fun_inp.safetensors": wan,
    "diffusion_models/wan_t2v.safetensors": lambda: wan("t2v", 16),
    "diffusion_models/wan_control.safetensors": lambda: wan("i2v", 48),
    "vae/wan_vae.safetensors": wan_vae,
    "vae/svd_vae.safetensors": svd_vae,
}


def main() -> None:
    from comfy.cli_args import args

    args.cpu = True
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    for name, make in FILES.items():
        path = Path(sys.argv[1]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in make().items()}, path)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
