"""Rendered scenes that are put together by hand, layer by layer, and the one that is shown and tried things on. They
are the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .scenes import WARP_MODES, Scenes

TEXELS = 256
Pair = tuple[float, float]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """One thing of a scene. Lengths are in sides of the square that has the window's area."""

    colours: Tensor  # (3, TEXELS, TEXELS) RGB in [0, 1], over the square of `radius` around the centre
    outline: Tensor  # (TEXELS, TEXELS) signed distance to the edge in radii, positive inside
    centre: Pair  # at time 0, in widths and heights of the window
    radius: float
    shift: Pair = (0.0, 0.0)
    pivot: Pair = (0.0, 0.0)  # relative to the centre
    turn: float = 0.0  # degrees about the pivot
    grow: float = 0.0  # log of the scale's change
    throw: float = 0.0  # how far gravity bends the path upward at time 1/2
    depth: float = 0.0  # larger is nearer
    parallax: float = 1.0


def arrange(layers: Sequence[Layer], height: int, width: int, camera: tuple[float, ...] = (0, 0, 0, 0)) -> Scenes:
    """The first layer fills the window, whatever its outline. camera: pan x, pan y, turn (rad), log zoom."""
    span = (height * width) ** 0.5

    def of(name: str) -> Tensor:
        return torch.tensor([getattr(layer, name) for layer in layers], dtype=torch.float32)[None]

    radius, count = of("radius") * span, len(layers)
    alpha = torch.stack([layer.outline for layer in layers]) * radius[0, :, None, None]  # to px: an edge is 1 px wide
    colours = torch.stack([layer.colours for layer in layers])
    still = torch.zeros(1, count, WARP_MODES, 2)
    return Scenes(
        height,
        width,
        texture=torch.cat((colours, (alpha + 0.5).clamp(0, 1)[:, None]), 1)[None],
        start=of("centre") * torch.tensor((float(width), float(height))),
        shift=of("shift") * span,
        pivot=of("pivot") * span,
        turn=of("turn") * (math.pi / 180),
        grow=of("grow"),
        radius=radius,
        ease=torch.zeros(1, count),
        throw=of("throw") * span,
        depth=of("depth")[..., None].expand(-1, -1, 2),
        wave=still,
        phase=still,
        swing=torch.zeros(1, count, WARP_MODES, 2, 2),
        camera=torch.tensor([(camera[0] * span, camera[1] * span, *camera[2:])]),
        parallax=of("parallax"),
    )


def sample_scene(height: int, width: int) -> Scenes:
    """A disc on a thrown path, a bar that swings about its end and a card that slides by in front, over a panning
    background. Lengths scale with the picture."""
    generator = torch.Generator().manual_seed(7)
    colours = ((0.36, 0.45, 0.50), (0.85, 0.60, 0.25), (0.80, 0.30, 0.25), (0.92, 0.90, 0.80))
    ground, bar, disc, card = (mottled(colour, generator) for colour in colours)
    layers = (
        Layer(ground, everywhere(), (0.5, 0.5), 0.75, depth=-1.0, parallax=0.5),
        Layer(bar, rectangle(0.95, 0.13), (0.28, 0.24), 0.26, pivot=(-0.26, 0.0), turn=12.0, depth=0.2, parallax=0.7),
        Layer(disc, circle(0.93), (0.38, 0.66), 0.16, (0.09, -0.02), turn=15.0, throw=0.02, depth=0.5, parallax=0.9),
        Layer(card, rectangle(0.8, 0.8 / 1.3, 1.3), (0.84, 0.66), 0.20, (-0.10, 0.02), grow=0.15, depth=0.9),
    )
    return arrange(layers, height, width, camera=(0.04, 0.0, 0.0, 0.02))


# Outlines, as `Layer.outline`


def everywhere() -> Tensor:
    return torch.ones(TEXELS, TEXELS)


def circle(radius: float) -> Tensor:
    x, y = texels()
    return radius - torch.hypot(x, y)


def rectangle(half_width: float, half_height: float, across: float = 1.0) -> Tensor:
    """across: how much distances above and below count."""
    x, y = texels()
    return torch.minimum(half_width - x.abs(), (half_height - y.abs()) * across)


def texels() -> tuple[Tensor, Tensor]:  # x and y, (TEXELS, TEXELS) each, in [-1, 1]
    axis = torch.linspace(-1, 1, TEXELS)
    return axis.expand(TEXELS, TEXELS), axis[:, None].expand(TEXELS, TEXELS)


# Colours, as `Layer.colours`


def mottled(colour: Colour, generator: torch.Generator, contrast: float = 0.14) -> Tensor:
    """The colour, lighter and darker by noise over several octaves."""
    shade = torch.zeros(1, 1, TEXELS, TEXELS)
    for octave in range(2, 7):
        coarse = torch.randn(1, 1, 2**octave, 2**octave, generator=generator)
        share = contrast * 0.75 ** (octave - 2)
        shade += share * F.interpolate(coarse, (TEXELS, TEXELS), mode="bicubic", align_corners=True)
    return (torch.tensor(colour)[:, None, None] * (1 + shade[0])).clamp(0, 1)
