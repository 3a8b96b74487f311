"""`demo`: renders a sample pair whose motion is known, interpolates it, and shows the result on one sheet."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from ..evaluation.sheet import cell, draw_sheet
from ..flow_viz import flow_to_rgb
from ..media import check_output, to_bytes
from ..training.scenes import WARP_MODES, Scenes
from ..warp import resize
from . import add_model_arguments, load_interpolator
from .interpolate import between, interpolate_to_file

HEIGHT, WIDTH = 360, 640
NEW_FRAMES = 23
FPS = Fraction(24)
SHOWN = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
TEXELS = 256


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = f"Renders a sample pair of {WIDTH}x{HEIGHT} and puts {NEW_FRAMES} frames between."
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        default="demo.mp4",
        help="file.mp4, .webm or .gif, or a new or empty folder for PNGs (default: %(default)s); beside it "
        "OUT_sheet.png shows both images, the motion between them, and the frames at 1/4, 1/2 and 3/4",
    )
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    final = check_output(args.output, FPS)
    interpolator = load_interpolator(args)
    scene = sample_scene(HEIGHT, WIDTH)
    image0, image1 = scene.render(0.0).image, scene.render(1.0).image
    trajectory = interpolate_to_file(interpolator, image0, image1, between(NEW_FRAMES), args.output, FPS)
    frames = interpolator.render(image0, image1, trajectory, [float(time) for time in SHOWN])
    flow = resize(flow_to_rgb(trajectory.to1[:, 0]), HEIGHT, WIDTH)  # the first knot is I0, so this is f_{0->1}
    rows = {
        "the rendered pair, and its motion from I0 to I1": {"I0": image0[0], "I1": image1[0], "motion": flow[0]},
        "frames between": {f"tau = {time}": frame for time, frame in zip(SHOWN, frames, strict=True)},
    }
    cells = {title: [cell(to_bytes(image), caption) for caption, image in row.items()] for title, row in rows.items()}
    sheet = final.with_name(f"{final.stem}_sheet.png")
    draw_sheet(cells).save(sheet)
    print(f"{sheet}: the pair, its motion, and frames between")


def sample_scene(height: int, width: int) -> Scenes:
    """A disc on a thrown path, a bar that swings about its end and a card that slides by in front, over a panning
    background. The same on every machine; lengths scale with the picture."""
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
