"""What tests/comfy/test_backbone_training.py asks of the training of backbones. Runs inside ComfyUI's own process,
where the pack is the package `pack`. Answers with what JSON can hold."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import comfy.sd
import comfy.utils
import tiny_backbones as tiny
import torch
from pack.rdvfi_core.__main__ import main
from pack.rdvfi_core.training.backbone_training import latent_loss
from pack.rdvfi_core.training.backbones import Backbone
from safetensors.torch import save_file
from torch import Tensor, nn


def answers(folder: str, comfyui: str) -> dict:
    here = Path(folder)
    save_file(tiny.wan(), here / "wan.safetensors")
    save_file(tiny.wan_vae(), here / "vae.safetensors")
    return {"wan": _wan(here, comfyui), "refused": _refused(here, comfyui), "svd": _svd()}


def _train(folder: Path, comfyui: str, name: str, *more) -> tuple[int, str]:
    files = ("--backbone", folder / "wan.safetensors", "--vae", folder / "vae.safetensors")
    arguments = [
        "train", "backbone", "--run", folder / name, "--comfyui", comfyui, *files, "--steps", 2, "--batch", 1,
        "--crop", "64x64", "--device", "cpu", "--workers", 0, *more,
    ]  # fmt: skip
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        status = main([str(argument) for argument in arguments])
    return status, said.getvalue()


def _wan(folder: Path, comfyui: str) -> dict:
    cache = ("--cache", folder / "cache", "--cached", 1)
    kinds = {"full": (), "lora": ("--lora", 4)}
    statuses = [_train(folder, comfyui, name, *more, *cache)[0] for name, more in kinds.items()]
    rows = [json.loads((folder / name / "curves.json").read_text())[-1] for name in ("full", "lora")]
    before, after = (_weights(folder / name) for name in ("wan.safetensors", "full/backbone.safetensors"))
    model = comfy.sd.load_diffusion_model(str(folder / "wan.safetensors"))
    lora = comfy.utils.load_torch_file(str(folder / "lora/lora.safetensors"))
    patched, _ = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)
    layers = model.model.diffusion_model.named_modules()
    return {
        "statuses": statuses,
        "rows": rows,
        "cache": sorted(path.name for path in (folder / "cache").iterdir()),
        "same keys": sorted(before) == sorted(after),
        "moved": sum(not torch.equal(before[key].bfloat16(), after[key].bfloat16()) for key in before) / len(before),
        "patches": len(patched.patches),
        "linear": sum(isinstance(layer, nn.Linear) and name.startswith("blocks.") for name, layer in layers),
        "up": max(value.abs().max().item() for name, value in lora.items() if "lora_up" in name),
    }


def _weights(path: Path) -> dict[str, Tensor]:
    model = comfy.sd.load_diffusion_model(str(path), {"dtype": torch.float32}).model
    return model.diffusion_model.state_dict()


def _refused(folder: Path, comfyui: str) -> dict:
    wrong = {
        "missing": ("--vae", folder / "none.safetensors"),
        "no model": ("--backbone", folder / "vae.safetensors"),
        "no vae": ("--vae", folder / "wan.safetensors"),
    }
    return {name: _train(folder, comfyui, "refused", *more) for name, more in wrong.items()}


def _svd() -> dict:
    model = tiny.svd().model
    model.diffusion_model.requires_grad_(True)

    class Pooling:
        """Stands in for SVD's VAE: (F, h, w, 3) -> (F, 4, h/8, w/8)."""

        def encode(self, frames: Tensor) -> Tensor:
            return nn.functional.avg_pool2d(frames.movedim(-1, 1), 8)[:, [0, 1, 2, 0]]

    backbone = Backbone(model, Pooling(), flow=False, frames=5)
    clip = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    z, known = backbone.scaled(backbone.encode(clip))[None], backbone.known(clip)[None]
    losses = []
    for progress in (0.0, 0.9, 1.0):
        torch.manual_seed(0)
        loss = latent_loss(backbone, z, known, progress)["loss"]
        loss.backward()
        losses.append(loss.item())
    slopes = [p.grad for p in model.diffusion_model.parameters() if p.grad is not None]
    return {
        "losses": losses,
        "latents": list(z.shape),
        "between": known[0, :, 1:-1].abs().max().item(),
        "finite": all(slope.isfinite().all().item() for slope in slopes),
        "learning": len(slopes),
        "sigma": backbone.sigma(torch.tensor([0.0, 1.0])).tolist(),
    }
