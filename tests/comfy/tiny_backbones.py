"""Small random diffusion models in the key format that ComfyUI recognises. Runs in ComfyUI's own Python:
`python tiny_backbones.py FOLDER`, with ComfyUI's folder as the working directory, writes one file for each of FILES."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from torch import Tensor

RANDOM_MODELS = Path(__file__).parents[2] / "nodes" / "backbones" / "random_models.py"
CPU = torch.device("cpu")


def random_models():
    """The pack's module; it stands alone, so it can be read without the pack. ComfyUI's flags must be set before."""
    spec = importlib.util.spec_from_file_location("random_models", RANDOM_MODELS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wan(kind: str = "i2v", channels: int = 36) -> dict[str, Tensor]:
    """kind: "i2v" has the CLIP branch of Wan2.1-Fun-InP, "t2v" has none."""
    made = random_models()
    changes = made.SMALL_WAN | {"model_type": kind, "in_dim": channels}
    return made.wan(CPU, torch.float32, **changes).model.diffusion_model.state_dict()


def wan_vae() -> dict[str, Tensor]:
    made = random_models()
    return made.wan_vae(**made.SMALL_WAN_VAE).first_stage_model.state_dict()


def tiny_autoencoder(channels: int = 16) -> dict[str, Tensor]:
    """Like lighttaew2_1: float32, so ComfyUI takes its latents as they are."""
    import comfy.taesd.taehv

    return random_models().random_state(comfy.taesd.taehv.TAEHV(channels))


def svd_vae() -> dict[str, Tensor]:
    """SVD's latents are those of Stable Diffusion 1.5, for which ComfyUI knows a tiny autoencoder."""
    import comfy.taesd.taesd

    return random_models().random_state(comfy.taesd.taesd.TAESD(latent_channels=4))


def svd():
    """A MODEL of SVD's class. Its smallest checkpoint that ComfyUI recognises has 850 MB, so none is written."""
    made = random_models()
    return made.svd(CPU, torch.float32, **made.SMALL_SVD)


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
