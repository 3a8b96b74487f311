"""Clips of a texture that pans, and their error in dB."""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def texture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, height, width) in [0, 1], smooth enough to be followed by optical flow."""
    noise = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic", align_corners=True)[0].clamp(0, 1)


def panning(frames: int, height: int = 64, width: int = 96, speed: int = 1, seed: int = 0) -> np.ndarray:
    """(frames, height, width, 3) uint8: a texture that moves left by `speed` px a frame."""
    wide = (texture(height, width + speed * frames, seed) * 255).round().byte().permute(1, 2, 0).numpy()
    return np.stack([wide[:, speed * index : speed * index + width] for index in range(frames)])


def write_images(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir()
    for index, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"frame{index}.png")


def psnr(frames: torch.Tensor, truth: torch.Tensor) -> float:
    return -10 * math.log10((frames - truth).square().mean().item())
