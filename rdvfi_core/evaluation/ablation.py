"""Ablations: variants of the method, each changed in one place, on the same rendered scenes with the same weights.

Keyframes come from the scene itself (`truth`: what the estimator makes of perfect keyframes) or from the weights'
generator (`generated`: the whole method)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from ..conventions import KEYFRAMES, uniform_times
from ..motion.adjacent import AdjacentMotion, Motion
from ..pipeline import Interpolator
from .scene_report import Made, SceneMethod
from .scenes import SceneCase

SOURCES = ("truth", "generated")


@dataclass(frozen=True)
class Variant:
    keyframes: int = KEYFRAMES
    long_range: str = "best"  # of `fitting.LONG_RANGE`
    paths: str = "cubic"  # or "linear": straight from knot to knot
    gate: float | None = None  # of phi2: None learned, 1.0 its whole change is taken, 0.0 none of it: composition
    convex: bool = True  # upsampling; False: bilinear


FULL = Variant()
ABLATIONS: dict[str, dict[str, Variant]] = {  # part -> variants without it, or with another one
    "chaining": {name: replace(FULL, long_range=name) for name in ("chained", "direct")},
    "paths": {  # with few keyframes, too: within an eighth of the interval most paths are straight
        "linear paths": replace(FULL, paths="linear"),
        "N = 3": replace(FULL, keyframes=3),
        "N = 3, linear paths": replace(FULL, keyframes=3, paths="linear"),
    },
    "fusion": {"phi2 without its gate": replace(FULL, gate=1.0), "composition alone": replace(FULL, gate=0.0)},
    "upsampling": {"bilinear upsampling": replace(FULL, convex=False)},
    "keyframes": {f"N = {count}": replace(FULL, keyframes=count) for count in (3, 5, 11)},
    "weights": {},
}


def scene_method(interpolator: Interpolator, variant: Variant, source: str) -> SceneMethod:
    """The variant through the pipeline's own two phases."""
    if source not in SOURCES:
        raise ValueError(f"Keyframes come from {' or '.join(SOURCES)}, not from {source!r}.")
    if source == "generated" and "generator" not in interpolator.networks:
        raise ValueError("These weights hold no keyframe generator; take keyframes from the truth, or other weights.")
    changed = _changed(interpolator, variant)
    times = uniform_times(variant.keyframes)

    def made(case: SceneCase) -> Made:
        ends = case.image0, case.image1
        if source == "truth":
            keyframes = changed.encode_frames(case.frames(times), times)
        else:
            keyframes = changed.keyframes(*ends, variant.keyframes, keyframes="generated")
        trajectory = changed.fit_keyframes(*ends, keyframes, long_range=variant.long_range)
        flows = [trajectory.sample(tau, variant.paths) for tau in case.times]
        frames = torch.stack(list(changed.fuse(*ends, flows)))
        return Made(frames, torch.cat([flow.to0 for flow in flows]), torch.cat([flow.to1 for flow in flows]))

    return made


def _changed(interpolator: Interpolator, variant: Variant) -> Interpolator:
    """The same networks, called with the variant's switches."""
    networks = dict(interpolator.networks)
    networks["fusion"] = partial(networks["fusion"], gate=variant.gate, convex=variant.convex)
    if not variant.convex:
        networks["motion"] = _Bilinear(networks["motion"])
    return Interpolator(networks, interpolator.device, interpolator.dtype, interpolator.memory)


class _Bilinear:
    """phi1 without its convex upsampling."""

    def __init__(self, motion: AdjacentMotion):
        self.encode = motion.encode
        self._motion = motion

    def __call__(self, *arguments) -> Motion:
        return self._motion(*arguments, convex=False)
