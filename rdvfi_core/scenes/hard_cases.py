"""Rendered clips that are hard to interpolate, one difficulty each: what still fails is seen on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..callbacks import Progress
from ..video.colour import to_integers
from .sample import Layer, arrange, circle, everywhere, mottled, rectangle, texels
from .scenes import Scenes

HEIGHT, WIDTH = 256, 448
FRAMES = 9  # of a clip: those between the ends are what the protocol gap7 asks for
BLUE, SAND, RED, GREEN = (0.30, 0.42, 0.55), (0.80, 0.68, 0.45), (0.75, 0.28, 0.22), (0.35, 0.55, 0.30)

Size = tuple[int, int]  # (height, width)


def _ground(contrast: float = 0.14) -> Layer:
    return Layer(_paint(BLUE, 1, contrast), everywhere(), (0.5, 0.5), 0.75, depth=-1.0)


def _paint(colour, seed: int, contrast: float = 0.2) -> Tensor:
    return mottled(colour, torch.Generator().manual_seed(seed), contrast)


def _fence(size: Size) -> Scenes:
    """Pickets that all look alike move by three quarters of the way to the next."""
    x, _ = texels()
    every = 0.08
    pickets = 0.3 * every - ((x + every / 2) % every - every / 2).abs()
    fence = Layer(_paint(SAND, 2, 0.0), pickets, (0.5, 0.55), 0.7, shift=(0.75 * 0.7 * every, 0.0))
    return arrange((_ground(), fence), *size)


def _turn(size: Size) -> Scenes:
    """A wheel turns by 80 degrees: straight paths shrink it on the way."""
    _, y = texels()
    spokes = torch.where(y.abs() < 0.2, 1.0, 0.6) * _paint(RED, 3)
    return arrange((_ground(), Layer(spokes, circle(0.95), (0.5, 0.5), 0.3, turn=80.0)), *size)


def _throw(size: Size) -> Scenes:
    """A ball rises and falls between the two images, which show it at one height."""
    ball = Layer(_paint(RED, 4), circle(0.9), (0.35, 0.75), 0.1, shift=(0.3, 0.0), throw=0.25)
    return arrange((_ground(), ball), *size)


def _far(size: Size) -> Scenes:
    """A small thing crosses half of the picture, many times its own size."""
    return arrange((_ground(), Layer(_paint(SAND, 5), circle(0.9), (0.2, 0.4), 0.08, shift=(0.75, 0.1))), *size)


def _thin(size: Size) -> Scenes:
    """Sticks 2 px wide move against the ground behind them."""
    sticks = [
        Layer(_paint(SAND, 6, 0.05), rectangle(0.008, 0.9), (x, 0.5), 0.35, shift=(0.12, 0.0)) for x in (0.2, 0.45, 0.7)
    ]
    return arrange((_ground(), *sticks), *size, camera=(-0.05, 0.0, 0.0, 0.0))


def _crossing(size: Size) -> Scenes:
    """Two things pass each other, so that half of the ground is hidden in one image or the other."""
    left = Layer(_paint(RED, 7), rectangle(0.6, 0.9), (0.35, 0.5), 0.25, shift=(0.35, 0.0), depth=1.0)
    right = Layer(_paint(GREEN, 8), rectangle(0.6, 0.9), (0.65, 0.5), 0.25, shift=(-0.35, 0.0), depth=0.5)
    return arrange((_ground(), left, right), *size)


def _hidden(size: Size) -> Scenes:
    """A ball comes out from behind a wall and is gone behind another: neither image shows it."""
    wall = [Layer(_paint(SAND, 9), rectangle(0.35, 0.95), (x, 0.5), 0.4, depth=1.0) for x in (0.25, 0.75)]
    ball = Layer(_paint(RED, 10), circle(0.9), (0.25, 0.5), 0.1, shift=(0.65, 0.0), depth=0.5)
    return arrange((_ground(), ball, *wall), *size)


def _plain(size: Size) -> Scenes:
    """Ground with little texture pans behind a thing that stands still."""
    thing = Layer(_paint(GREEN, 11), circle(0.9), (0.5, 0.5), 0.2, parallax=0.0)
    return arrange((_ground(contrast=0.02), thing), *size, camera=(0.1, 0.0, 0.0, 0.0))


HARD_CASES: dict[str, Callable[[Size], Scenes]] = {
    made.__name__[1:]: made for made in (_fence, _turn, _throw, _far, _thin, _crossing, _hidden, _plain)
}


def write_hard_cases(folder: Path, size: Size = (HEIGHT, WIDTH), progress: Progress | None = None) -> None:
    """FOLDER/<case>/00000.png to 00008.png, as `evaluate FOLDER --protocol gap7` reads them. The folder must be new or
    empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not an empty folder; give a new one.")
    for done, (name, make) in enumerate(HARD_CASES.items(), 1):
        scene = make(size)
        (folder / name).mkdir(parents=True)
        for number in range(FRAMES):
            frame = scene.render(number / (FRAMES - 1)).image[0]
            Image.fromarray(to_integers(frame)).save(folder / name / f"{number:05d}.png")
        if progress is not None:
            progress(done, len(HARD_CASES))
