"""Small random networks for the whole pipeline, and pictures to try them on."""

import math

import torch
import torch.nn.functional as F

from rdvfi_core.weights.networks import NETWORKS

CONFIGS = {
    "autoencoder": {"channels": 6, "width": 8},
    "motion": {"latent_channels": 6, "fine": 8, "width": 16, "hidden": 12},
    "between": {"match": 16, "fine": 8, "widths": (12, 12, 12)},
    "fusion": {"fine": 8, "hidden": 12},
    "synthesis": {"width": 8, "detail": 8},
    "generator": {"channels": 6, "width": 16, "depth": 2, "heads": 2},
}


def random_networks(generator: bool = False) -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    chosen = {name: config for name, config in CONFIGS.items() if generator or name != "generator"}
    made = {name: NETWORKS[name](**config) for name, config in chosen.items()}
    for network in (made["synthesis"], made["between"]):
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
                torch.nn.init.normal_(layer.weight, std=0.05)  # it starts at zero
    return {name: network.eval().to(memory_format=torch.channels_last) for name, network in made.items()}


def textured(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, height, width) in [0, 1]: detail down to about 4 px."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for cell, strength in ((32, 0.5), (12, 0.35), (5, 0.25)):
        coarse = torch.randn(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        layers.append(strength * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0])
    return (0.5 + 0.3 * sum(layers)).clamp(0, 1)


def moving(count: int, speed: tuple[int, int], height: int = 192, width: int = 256) -> list[torch.Tensor]:
    """`count` frames (3, height, width) of a texture that moves by `speed` (x, y) px a frame."""
    (x, y), last = speed, count - 1
    canvas = textured(height + abs(y) * last, width + abs(x) * last, seed=3)
    left, top = max(x, 0) * last, max(y, 0) * last
    return [canvas[:, top - y * i : top - y * i + height, left - x * i : left - x * i + width] for i in range(count)]


def psnr(frames: torch.Tensor, truth: torch.Tensor) -> float:
    return -10 * math.log10((frames - truth).square().mean().item() + 1e-12)
