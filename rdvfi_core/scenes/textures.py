"""Textures and shapes for rendered scenes: crops of photographs, procedural noise, and soft masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PHOTOGRAPH_SIDE = 480


class Textures:
    """A bank of photographs to cut textures from, held as uint8 on `device`; without a folder every texture is noise.

    `held_out` chooses the part of the folder: every fifth file by name is kept for testing, the others are for
    training."""

    def __init__(self, folder: Path | str | None = None, held_out: bool = False, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.photographs = []
        if folder is not None:
            files = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
            if not files:
                raise ValueError(f"The texture folder {folder} holds no jpg, png or webp pictures; name one that does.")
            chosen = [p for i, p in enumerate(files) if (i % 5 == 4) == held_out]
            if not chosen:
                raise ValueError(f"The texture folder {folder} holds {len(files)} pictures; testing needs at least 5.")
            self.photographs = [_load(p).to(self.device) for p in chosen]

    def draw(self, count: int, size: int, generator: torch.Generator) -> Tensor:  # (count, 3, size, size) in [0, 1]
        return torch.stack([self._one(size, generator) for _ in range(count)])

    def crop(self, side: int, generator: torch.Generator) -> Tensor:  # (3, side, side) in [0, 1]
        """A window of a photograph at its own resolution; smaller photographs are enlarged to it."""
        photograph = self.photographs[_integer(len(self.photographs), generator)]
        height, width = photograph.shape[-2:]
        if min(height, width) < side:
            scale = side / min(height, width)
            size = max(side, round(height * scale)), max(side, round(width * scale))
            photograph = F.interpolate(photograph[None].float(), size, mode="bilinear")[0]
            height, width = size
        top, left = _integer(height - side + 1, generator), _integer(width - side + 1, generator)
        return photograph[:, top : top + side, left : left + side].float() / 255

    def _one(self, size: int, generator: torch.Generator) -> Tensor:
        kind = torch.rand((), generator=generator).item()
        if self.photographs and kind < 0.85:
            texture = self._crop(size, generator)
        elif kind < 0.96:
            texture = _noise_texture(size, generator).to(self.device)
        else:
            texture = _stripes(size, generator).to(self.device)
        gain = torch.empty(3, 1, 1).uniform_(0.75, 1.25, generator=generator).to(self.device)
        lift = torch.empty(3, 1, 1).uniform_(-0.1, 0.1, generator=generator).to(self.device)
        return (texture * gain + lift).clamp(0, 1)

    def _crop(self, size: int, generator: torch.Generator) -> Tensor:
        photograph = self.photographs[_integer(len(self.photographs), generator)]
        height, width = photograph.shape[-2:]
        longest = min(height, width)
        side = int(longest * torch.empty(()).uniform_(0.35, 1.0, generator=generator).item())
        top, left = _integer(height - side + 1, generator), _integer(width - side + 1, generator)
        crop = photograph[:, top : top + side, left : left + side].float()[None] / 255
        crop = F.interpolate(crop, (size, size), mode="bilinear", align_corners=False)[0]
        if _integer(2, generator):
            crop = crop.flip(-1)
        return crop.rot90(_integer(4, generator), (-2, -1))


def shapes(
    count: int, size: int, generator: torch.Generator
) -> Tensor:  # (count, 1, size, size) signed, positive inside
    """Level sets of sprite outlines on [-1, 1]^2, in units of the sprite's radius; about a fifth are thin
    structures."""
    axis = torch.linspace(-1, 1, size)
    y, x = axis[:, None].expand(size, size), axis.expand(size, size)
    fields = []
    for _ in range(count):
        kind = torch.rand((), generator=generator).item()
        angle = torch.empty(()).uniform_(0, 2 * torch.pi, generator=generator)
        u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
        squash = torch.empty(()).uniform_(0.4, 1.0, generator=generator)
        if kind < 0.4:  # blob
            wobble = _smooth_noise(5, size, generator)[0]
            field = 0.7 - (u**2 + (v / squash) ** 2).sqrt() + 0.35 * wobble
        elif kind < 0.55:  # ellipse
            field = 0.9 - (u**2 + (v / squash) ** 2).sqrt()
        elif kind < 0.8:  # convex polygon
            sides = 3 + _integer(4, generator)
            turns = torch.arange(sides) * (2 * torch.pi / sides) + angle
            reach = torch.empty(sides).uniform_(0.45, 0.8, generator=generator)
            field = (reach - x[..., None] * turns.cos() - y[..., None] * turns.sin()).amin(-1)
        elif kind < 0.88:  # bars or a fence
            period = torch.empty(()).uniform_(0.25, 0.7, generator=generator)
            thick = torch.empty(()).uniform_(0.04, 0.14, generator=generator)
            bars = thick - ((u / period) % 1 - 0.5).abs() * period
            if _integer(2, generator):
                bars = torch.maximum(bars, thick - ((v / period) % 1 - 0.5).abs() * period)
            field = torch.minimum(bars, 0.9 - torch.maximum(u.abs(), v.abs()))
        else:  # ring or a long stick
            if _integer(2, generator):
                field = 0.08 - ((u**2 + (v / squash) ** 2).sqrt() - 0.8).abs()
            else:
                field = torch.minimum(0.07 - v.abs(), 0.95 - u.abs())
        fields.append(torch.minimum(field, 0.98 - torch.maximum(x.abs(), y.abs())))
    return torch.stack(fields)[:, None]


def _load(path: Path) -> Tensor:
    from PIL import Image

    with Image.open(path) as file:
        picture = file.convert("RGB")
        picture.thumbnail((PHOTOGRAPH_SIDE * 4 // 3, PHOTOGRAPH_SIDE * 4 // 3))
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _integer(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))


def _smooth_noise(cells: int, size: int, generator: torch.Generator, channels: int = 1) -> Tensor:
    coarse = torch.randn(1, channels, cells, cells, generator=generator)
    return F.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)[0]


def _noise_texture(size: int, generator: torch.Generator) -> Tensor:
    """Coloured noise over octaves whose roughness varies from soft clouds to fine grain."""
    roughness = torch.empty(()).uniform_(0.45, 0.95, generator=generator).item()
    texture, strength = torch.zeros(3, size, size), 1.0
    for octave in range(2, 8):
        texture += strength * _smooth_noise(min(2**octave, size), size, generator, channels=3)
        strength *= roughness
    colour = torch.rand(3, 1, 1, generator=generator)
    return (colour + texture * 0.22 / (1 - roughness**6) ** 0.5).clamp(0, 1)


def plain(size: int, generator: torch.Generator) -> Tensor:  # (3, size, size) in [0, 1]
    """Ground without texture: a slow gradient, as of a sky or a wall."""
    colour = torch.rand(3, 1, 1, generator=generator)
    strength = torch.empty(()).uniform_(0.0, 0.12, generator=generator)
    return (colour + strength * _smooth_noise(3, size, generator, channels=3)).clamp(0, 1)


def _stripes(size: int, generator: torch.Generator) -> Tensor:
    """Periodic pattern between two colours, slightly irregular."""
    axis = torch.linspace(-1, 1, size)
    angle = torch.empty(()).uniform_(0, torch.pi, generator=generator)
    phase = (axis * angle.cos() + axis[:, None] * angle.sin()) * torch.empty(()).uniform_(8, 40, generator=generator)
    wave = torch.sigmoid(4 * torch.sin(phase + _smooth_noise(4, size, generator)[0]))
    colours = torch.rand(2, 3, 1, 1, generator=generator)
    return colours[0] * wave + colours[1] * (1 - wave)
