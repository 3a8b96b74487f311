"""LPIPS (Zhang et al. 2018) through piq, on network weights that lie on this machine: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

BACKBONE, HEADS = "vgg16-397923af.pth", "lpips_weights.pt"  # torchvision's VGG16 and piq's linear heads, as published
LAYERS = ("3", "8", "15", "22", "29")  # of VGG16's features: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3


def load_lpips(folder: Path | str, device: torch.device | str = "cpu") -> nn.Module:
    """A module (B, 3, H, W), (B, 3, H, W) in [0, 1] -> mean distance, differentiable; sides of at least 32 px.

    folder: holds the two files above, under the names they are published with."""
    states = [_read(Path(folder), name) for name in (BACKBONE, HEADS)]
    try:
        from piq import ContentLoss
        from torchvision.models import vgg16
    except ImportError as error:
        raise ImportError(f'LPIPS needs piq and torchvision: pip install -e ".[evaluate]" ({error})') from error
    backbone, heads = states
    with torch.device("meta"):
        features = vgg16(weights=None).features
    own = {key.removeprefix("features."): value for key, value in backbone.items() if key.startswith("features.")}
    try:
        features.load_state_dict(own, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{Path(folder) / BACKBONE} holds no VGG16; copy torchvision's file again.") from error
    loss = ContentLoss(features.float().eval(), LAYERS, heads, normalize_features=True)
    loss.weights = [head.to(device, torch.float32) for head in loss.weights]
    loss.mean, loss.std = loss.mean.to(device), loss.std.to(device)
    return loss.to(device).requires_grad_(False)


def _read(folder: Path, name: str) -> dict[str, Tensor] | list[Tensor]:
    path = folder / name
    if not path.is_file():
        raise ValueError(f"LPIPS needs {BACKBONE} and {HEADS} in one folder, but there is no {path}; put it there.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load's own checks raise whatever its many formats lead to
        raise ValueError(f"{path} is damaged or no PyTorch file; copy it again.") from error
