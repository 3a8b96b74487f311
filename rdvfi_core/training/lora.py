"""Low-rank additions to a network's linear layers (Hu et al. 2021), in the key format that ComfyUI reads."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from .checkpoint import file_on_disk

PARTS = ("attn", "ff")  # of a transformer block that get additions
PREFIX = "diffusion_model."


class LoRA(nn.Module):
    """up(down(x)) beside every linear layer in attention and perceptrons; zero at first. The network itself keeps its
    weights and calls the additions through hooks."""

    def __init__(self, network: nn.Module, rank: int):
        super().__init__()
        self.names = [
            name
            for name, layer in network.named_modules()
            if isinstance(layer, nn.Linear) and any(part in name for part in PARTS)
        ]
        if not self.names:
            raise ValueError("The backbone has no linear layers in attention or perceptrons; train it without --lora.")
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, name in enumerate(self.names):
            layer = network.get_submodule(name)
            self.down.append(nn.Linear(layer.in_features, rank, bias=False))
            self.up.append(nn.Linear(rank, layer.out_features, bias=False))
            nn.init.zeros_(self.up[i].weight)
            layer.register_forward_hook(self._hook(i))

    def _hook(self, i: int):
        def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output + self.up[i](self.down[i](inputs[0].to(self.down[i].weight.dtype))).to(output.dtype)

        return add

    def tensors(self) -> dict[str, Tensor]:
        """By ComfyUI's names; alpha equals the rank, so that a strength of 1 is what was trained."""
        found = {}
        for name, down, up in zip(self.names, self.down, self.up, strict=True):
            found[f"{PREFIX}{name}.lora_down.weight"] = down.weight
            found[f"{PREFIX}{name}.lora_up.weight"] = up.weight
            found[f"{PREFIX}{name}.alpha"] = torch.tensor(float(len(down.weight)))
        return found


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str], dtype: torch.dtype) -> None:
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    with file_on_disk(path) as file:
        file.write(save(stored, about))
