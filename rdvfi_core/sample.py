"""A rendered scene whose motion is known, to show and to try things on. The same on every machine."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .training.scenes import WARP_MODES, Scenes

TEXELS = 256


def sample_scene(height: int, width: int) -> Scenes:
    """A disc on a thrown path, a bar that swings about its end and a card that slides by in front, over a panning
    background. Lengths scale with the picture."""
    generator = torch.Generator().manual_seed(7)
    span = (height * width) ** 0.5
    layers = 4  # background, bar, disc, card
    axis = torch.linspace(-1, 1, TEXELS)
    x, y = axis.expand(TEXELS, TEXELS), axis[:, None].expand(TEXELS, TEXELS)
    outlines = (  # signed, positive inside, in units of the layer's radius
        torch.ones(TEXELS, TEXELS),
        torch.minimum(0.13 - y.abs(), 0.95 - x.abs()),
        0.93 - torch.hypot(x, y),
        0.8 - torch.maximum(x.abs(), y.abs() * 1.3),
    )
    colours = ((0.36, 0.45, 0.50), (0.85, 0.60, 0.25), (0.80, 0.30, 0.25), (0.92, 0.90, 0.80))
    radius = torch.tensor((0.75, 0.26, 0.16, 0.20)) * span
    alpha = torch.stack(outlines) * radius[:, None, None]  # to px: the edge is one pixel wide
    texture = torch.cat(
        (
            torch.stack([_mottled(torch.tensor(colour), generator) for colour in colours]),
            (alpha + 0.5).clamp(0, 1)[:, None],
        ),
        1,
    )

    def vectors(*pairs: tuple[float, float]) -> Tensor:
        return torch.tensor(pairs)[None]

    def numbers(*values: float) -> Tensor:
        return torch.tensor(values)[None]

    still = torch.zeros(1, layers, WARP_MODES, 2)
    return Scenes(
        height,
        width,
        texture=texture[None],
        start=vectors((0.5, 0.5), (0.28, 0.24), (0.38, 0.66), (0.84, 0.66))
        * torch.tensor((float(width), float(height))),
        shift=vectors((0.0, 0.0), (0.0, 0.0), (0.09, -0.02), (-0.10, 0.02)) * span,
        pivot=vectors((0.0, 0.0), (-0.26, 0.0), (0.0, 0.0), (0.0, 0.0)) * span,
        turn=numbers(0.0, math.radians(12), math.radians(15), 0.0),
        grow=numbers(0.0, 0.0, 0.0, 0.15),
        radius=radius[None],
        ease=numbers(0.0, 0.0, 0.0, 0.0),
        throw=numbers(0.0, 0.0, 0.02, 0.0) * span,
        depth=vectors((-1.0, -1.0), (0.2, 0.2), (0.5, 0.5), (0.9, 0.9)),
        wave=still,
        phase=still,
        swing=torch.zeros(1, layers, WARP_MODES, 2, 2),
        camera=torch.tensor([[0.04 * span, 0.0, 0.0, 0.02]]),
        parallax=numbers(0.5, 0.7, 0.9, 1.0),
    )


def _mottled(colour: Tensor, generator: torch.Generator) -> Tensor:  # (3, TEXELS, TEXELS)
    """The colour, lighter and darker by noise over several octaves."""
    shade = torch.zeros(1, 1, TEXELS, TEXELS)
    for octave in range(2, 7):
        coarse = torch.randn(1, 1, 2**octave, 2**octave, generator=generator)
        shade += (
            0.14 * 0.75 ** (octave - 2) * F.interpolate(coarse, (TEXELS, TEXELS), mode="bicubic", align_corners=True)
        )
    return (colour[:, None, None] * (1 + shade[0])).clamp(0, 1)
