"""Rendered scenes whose sprites move along paths of a known kind and length: the harness of the ablations.

A cell is a kind of path and a magnitude. Frames between the two ends are exact, so that any method can be scored at any
tau, and the scene's own frames can serve as keyframes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..conventions import MOTION_AREA
from ..scenes.scenes import Scenes, draw_scenes, visible
from ..scenes.textures import Textures

PATHS = ("straight", "eased", "arc", "thrown")
MAGNITUDES = (8, 20, 40, 60)  # px of a 448x256 window from a sprite's place in I0 to its place in I1
# The middle, and times off the knots of 3, 5, 7 and 11 keyframes, at many phases, so that no count is favoured.
TIMES = (0.09, 0.23, 0.41, 0.5, 0.66, 0.85)
SEED = 2**41  # apart from the seeds of training and of `motion`
EASE = 0.8  # |acceleration| of an eased path: after half the time it has covered 0.3 or 0.7 of the way
ARC_RADIUS = 50.0  # px to the pivot about which an arc turns, and the sprite with it: its bulge grows with the square
BULGE = 0.3  # height of a throw above its chord, in chords
PAN = 0.3  # of the background, straight, in magnitudes


@dataclass(frozen=True)
class SceneCase:
    """A scene of one cell: what is given, what is asked for, and the scene for whoever needs its other frames."""

    path: str
    magnitude: int
    scene: Scenes
    image0: Tensor  # (3, h, w) in [0, 1]
    image1: Tensor
    times: tuple[float, ...]
    truth: Tensor  # (T, 3, h, w)
    to0: Tensor  # (T, 2, h, w) exact f_{tau->0}, px
    to1: Tensor
    seen0: Tensor  # (T, 1, h, w) 1 where the pixel is seen in I0
    seen1: Tensor

    @property
    def shown(self) -> Tensor:  # (T, 1, h, w) 1 where the pixel is seen in at least one of the ends
        return torch.maximum(self.seen0, self.seen1)

    def frames(self, times: tuple[float, ...]) -> Tensor:  # (N, 3, h, w)
        return torch.cat([self.scene.render(tau).image for tau in times])


def scene_cases(
    textures: str | None,  # a folder of photographs, of which those kept from training are used; None for procedural
    count: int = len(MAGNITUDES) * len(PATHS),
    height: int = 256,
    width: int = 448,
    magnitudes: tuple[int, ...] = MAGNITUDES,
    times: tuple[float, ...] = TIMES,
) -> Iterator[SceneCase]:
    """The first `count` of the fixed set, which goes round all cells, magnitude by magnitude and path by path, and then
    round again with new scenes. Within a round the same textures and shapes stand in every cell, so that cells differ
    by their motion alone."""
    if not all(0 < magnitude <= 2 * ARC_RADIUS for magnitude in magnitudes):
        raise ValueError(f"Magnitudes are {magnitudes}; each must lie above 0 and be at most {2 * ARC_RADIUS:g} px.")
    unit = (height * width / MOTION_AREA) ** 0.5
    bank = Textures(textures, held_out=True)
    cells = [(magnitude, path) for magnitude in magnitudes for path in PATHS]
    for index in range(count):
        magnitude, path = cells[index % len(cells)]
        generator = torch.Generator().manual_seed(SEED + index // len(cells))
        drawn = draw_scenes(bank, 1, height, width, generator)
        yield _case(path, magnitude, _along(drawn, path, magnitude * unit, ARC_RADIUS * unit, generator), times)


def _case(path: str, magnitude: int, scene: Scenes, times: tuple[float, ...]) -> SceneCase:
    first, last, between = scene.render(0.0), scene.render(1.0), [scene.render(tau) for tau in times]
    to0, to1 = (torch.cat([scene.flow(frame, end) for frame in between]) for end in (0.0, 1.0))
    seen0, seen1 = (
        torch.cat([visible(frame, end, flow[None]) for frame, flow in zip(between, flows, strict=True)])
        for end, flows in ((first, to0), (last, to1))
    )
    truth = torch.cat([frame.image for frame in between])
    return SceneCase(path, magnitude, scene, first.image[0], last.image[0], times, truth, to0, to1, seen0, seen1)


def _along(scene: Scenes, path: str, length: float, radius: float, generator: torch.Generator) -> Scenes:
    """The scene with every sprite on a path of that kind whose ends lie `length` px apart, its chord centred in the
    window, over a background that pans; sprites keep their shape, order and non-rigid motion."""
    layers = scene.start.shape[1]
    window = torch.tensor((float(scene.width), float(scene.height)))
    sign = torch.randint(2, (layers,), generator=generator) * 2.0 - 1
    angle = torch.rand(layers, generator=generator) * 2 * torch.pi
    if path == "thrown":  # gravity bends what flies sideways
        angle = angle / 6 - torch.pi / 6 + torch.pi * (sign < 0)
    direction = torch.stack((angle.cos(), angle.sin()), -1)
    middle = (0.15 + 0.7 * torch.rand(layers, 2, generator=generator)) * window
    still = torch.zeros(layers)
    fields = {name: still.clone() for name in ("turn", "ease", "throw", "grow")}
    fields |= {"pivot": 0 * direction, "shift": length * direction}
    chord = length * direction
    if path == "eased":
        fields["ease"] = EASE * sign
    elif path == "thrown":
        fields["throw"] += BULGE * length
    elif path == "arc":
        turn, pivot = 2 * math.asin(length / (2 * radius)) * sign, radius * direction
        fields |= {"turn": turn, "pivot": pivot, "shift": 0 * direction}
        (x, y), cos, sin = pivot.unbind(-1), turn.cos(), turn.sin()
        chord = torch.stack((x - (cos * x - sin * y), y - (sin * x + cos * y)), -1)
    fields["start"] = middle - chord / 2
    for name, value in fields.items():
        value[0] = scene.start[0, 0] if name == "start" else 0  # the background stays and is panned by the camera
    parallax = torch.zeros(layers)
    parallax[0] = 1.0
    heading = torch.rand((), generator=generator) * 2 * torch.pi
    camera = torch.stack((heading.cos(), heading.sin(), still[0], still[0])) * PAN * length
    fields |= {"parallax": parallax, "camera": camera}
    return replace(scene, **{name: value[None].clone() for name, value in fields.items()})
