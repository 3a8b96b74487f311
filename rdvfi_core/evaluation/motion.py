"""phi1 against exact flow: endpoint error on rendered scenes that training never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Between
from ..motion.fitting import ADJACENT_ITERATIONS
from ..motion.moments import flows_between
from ..motion.refinement import align
from ..motion.views import View
from ..precision import mixed
from ..scenes.scenes import draw_scenes, visible
from ..scenes.textures import Textures
from .baselines import dis_flow

SEED = 2**40  # training counts its own seeds up from seed * 1,000,003 and never gets here
SCENES = 24
LARGEST = (20.0, 50.0, 90.0, 140.0)  # longest straight paths, px of the motion grid, in turn
SPANS = {"neighbours": (3 / 8, 4 / 8), "half": (1 / 4, 3 / 4), "ends": (0.0, 1.0)}

FlowMethod = Callable[[Tensor, Tensor, str], Tensor]  # images (1, 3, h, w), span -> f_{0->1} (1, 2, h, w) px


@dataclass(frozen=True)
class RenderedPair:
    first: Tensor  # (1, 3, h, w)
    second: Tensor
    flow: Tensor  # (1, 2, h, w) exact, first -> second
    seen: Tensor  # (1, 1, h, w) whether first's pixels are seen in second
    span: str


def held_out_pairs(
    textures: str | None, scenes: int = SCENES, height: int = 256, width: int = 448
) -> Iterator[RenderedPair]:
    """The fixed set. Photographs are those that `Textures` keeps from training; noise strength 0.01."""
    bank = Textures(textures, held_out=True)
    for index in range(scenes):
        generator = torch.Generator().manual_seed(SEED + index)
        scene = draw_scenes(bank, 1, height, width, generator, LARGEST[index % len(LARGEST)])
        for span, (start, end) in SPANS.items():
            first, second = scene.render(start), scene.render(end)
            flow = scene.flow(first, end)
            images = [
                (f.image + 0.01 * torch.randn(f.image.shape, generator=generator)).clamp(0, 1) for f in (first, second)
            ]
            yield RenderedPair(*images, flow, visible(first, second, flow), span)


def endpoint_errors(
    pairs: Iterator[RenderedPair], methods: dict[str, FlowMethod]
) -> dict[str, dict[str, dict[str, float]]]:
    """method -> span -> {"visible", "all"}: mean endpoint error in px, pooled over pixels within a pair and averaged
    over pairs; after Ctrl-C over those that are done."""
    collected: dict = {name: {} for name in methods}
    try:
        for pair in pairs:
            errors = {
                name: (method(pair.first, pair.second, pair.span) - pair.flow).square().sum(1, keepdim=True).sqrt()
                for name, method in methods.items()
            }
            for name, error in errors.items():
                row = collected[name].setdefault(pair.span, {"visible": [], "all": []})
                row["visible"].append(((error * pair.seen).sum() / pair.seen.sum().clamp_min(1)).item())
                row["all"].append(error.mean().item())
    except KeyboardInterrupt:
        if not all(collected.values()):
            raise
    return {
        name: {span: {kind: sum(v) / len(v) for kind, v in row.items()} for span, row in spans.items()}
        for name, spans in collected.items()
    }


def network_flow(
    motion: AdjacentMotion, between: Between, autoencoder: Autoencoder, device: torch.device
) -> FlowMethod:
    """As the pipeline does it: phi1 between neighbouring knots, motion in between for distant frames, at the first."""

    @torch.no_grad()
    def flow(first: Tensor, second: Tensor, span: str) -> Tensor:
        images = torch.cat((first, second)).to(device)
        with mixed(device):
            latents = autoencoder.encode(images).contiguous(memory_format=torch.channels_last)
            features = motion.encode(latents)
            if span != "neighbours":
                views = (View.of(images[[i]], features[[i]]) for i in (0, 1))
                return flows_between(between, *views, [0.0])[0].to1.cpu()
            return align(motion(features[[0]], features[[1]], ADJACENT_ITERATIONS).flow, *images.split(1)).cpu()

    return flow


BASELINES: dict[str, FlowMethod] = {
    "dis": lambda first, second, span: dis_flow(first[0], second[0]),
    "zero": lambda first, second, span: torch.zeros_like(first[:, :2]),
}


def to_markdown(errors: dict[str, dict[str, dict[str, float]]]) -> str:
    """A row per method; visible pixels and all pixels of every span, and their means over the whole set."""
    spans = [*next(iter(errors.values())), "whole set"]
    head = "| method | " + " | ".join(f"{s}, visible px | {s}, all px" for s in spans) + " |"
    rows = []
    for name, row in errors.items():
        means = {kind: sum(found[kind] for found in row.values()) / len(row) for kind in ("visible", "all")}
        cells = [f"{found[kind]:.3f}" for found in (*row.values(), means) for kind in ("visible", "all")]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join((head, "|---|" + "---:|---:|" * len(spans), *rows)) + "\n"
