"""Scores methods on rendered scenes: PSNR by magnitude and by kind of path, and endpoint error of their motion."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import fmean

import torch
from torch import Tensor

from ..errors import Interrupted
from ..pixels.warp import resize_flow
from .runner import Method
from .scenes import SceneCase
from .tables import table, to_json

LEAST_SQUARED_ERROR = 1e-8  # as piq: identical frames read 80 dB
MIDDLE = 0.5


@dataclass(frozen=True)
class Made:
    """What a method makes of a case at its times."""

    frames: Tensor  # (T, 3, h, w)
    to0: Tensor | None = None  # (T, 2, h', w') f_{tau->0} px of its own grid, where the method has motion
    to1: Tensor | None = None


SceneMethod = Callable[[SceneCase], Made]


@dataclass(frozen=True)
class Score:
    method: str
    path: str
    magnitude: int
    times: tuple[float, ...]
    psnr: list[float]  # dB, one per time, of whole frames
    shown: list[float]  # of the pixels that at least one of the ends shows
    endpoint: list[float] | None  # px: mean error of f_{tau->0} and f_{tau->1} where the end shows the pixel
    seconds: float  # for all times, phase 1 included


@dataclass
class SceneReport:
    methods: list[str]
    scores: list[Score] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # scene -> reason
    scenes: int = 0  # that every method was scored on
    interrupted: bool = False

    def mean(self, method: str, which: str = "psnr", at: float | None = None, **cell: str | int) -> float | None:
        """Mean over scenes, and over times unless one is given; `path=` and `magnitude=` narrow it to a cell. None
        where there is nothing to average."""
        scores = [s for s in self.scores if s.method == method and all(getattr(s, k) == v for k, v in cell.items())]
        pairs = [(tau, value) for s in scores for tau, value in zip(s.times, getattr(s, which) or (), strict=False)]
        values = [value for tau, value in pairs if at in (None, tau)]
        return fmean(values) if values else None

    def to_json(self) -> str:
        tree = {
            "methods": self.methods,
            "scenes": self.scenes,
            "interrupted": self.interrupted,
            "mean": {method: self.mean(method) for method in self.methods},
            "scores": [asdict(score) for score in self.scores],
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped.items()],
        }
        return to_json(tree)

    def to_markdown(self) -> str:
        magnitudes, paths = ({getattr(s, name): None for s in self.scores} for name in ("magnitude", "path"))
        times = self.scores[0].times
        columns = {f"{m} px": {"magnitude": m} for m in magnitudes} | {p: {"path": p} for p in paths}
        columns["all"] = {}
        if MIDDLE in times:
            columns["all, tau 1/2"] = {"at": MIDDLE}
        columns["all, shown px"] = {"which": "shown"}
        if any(score.endpoint for score in self.scores):
            columns |= {f"EPE px, {m} px": {"which": "endpoint", "magnitude": m} for m in magnitudes}
        means = {method: [self.mean(method, **of) for of in columns.values()] for method in self.methods}
        rows = [(method, *("" if v is None else f"{v:.2f}" for v in values)) for method, values in means.items()]
        heading = f"{self.scenes} rendered scenes, tau {', '.join(f'{tau:g}' for tau in times)}"
        lines = [heading + (", stopped before the end" if self.interrupted else ""), ""]
        lines += table(("PSNR dB", *columns), rows)
        if self.skipped:
            lines += ["", *table(("skipped", "reason"), self.skipped.items())]
        return "\n".join(lines) + "\n"


def on_ends(method: Method) -> SceneMethod:
    """A method that knows nothing but the two ends."""
    return lambda case: Made(method(case.image0, case.image1, list(case.times)))


@torch.no_grad()
def score_scenes(
    cases: Iterator[SceneCase],
    methods: dict[str, SceneMethod],
    progress: Callable[[int], None] | None = None,  # scenes done
) -> SceneReport:
    """Scores of every method on every scene. A scene that a method fails on is left out for all, with the reason; after
    Ctrl-C the scenes done so far are reported."""
    report = SceneReport(list(methods))
    try:
        for done, case in enumerate(cases, start=1):
            name = f"{done}: {case.path}, {case.magnitude} px"
            try:
                scores = [_score(method, methods[method], case) for method in methods]
            except (ValueError, RuntimeError, OSError) as error:
                report.skipped[name] = str(error)
            else:
                report.scores += scores
                report.scenes += 1
            if progress is not None:
                progress(done)
    except (KeyboardInterrupt, Interrupted):
        if not report.scenes:
            raise
        report.interrupted = True
    if not report.scenes:
        raise ValueError(f"No scene could be scored, the first because: {next(iter(report.skipped.values()))}")
    return report


def _score(name: str, method: SceneMethod, case: SceneCase) -> Score:
    began = time.perf_counter()
    made = method(case)
    seconds = time.perf_counter() - began
    frames = made.frames.float().cpu()
    if frames.shape != case.truth.shape:
        raise ValueError(f"method {name} made {tuple(frames.shape)} of {tuple(case.truth.shape)}")
    if not frames.isfinite().all():
        raise ValueError(f"method {name} made NaN or infinite values")
    error = (frames.clamp(0, 1) - case.truth).square().mean(1, keepdim=True)
    whole = error.mean((1, 2, 3))
    shown = (error * case.shown).sum((1, 2, 3)) / case.shown.sum((1, 2, 3)).clamp_min(1)
    scores = _decibel(whole), _decibel(shown), _endpoint(made, case)
    return Score(name, case.path, case.magnitude, case.times, *scores, seconds)


def _endpoint(made: Made, case: SceneCase) -> list[float] | None:
    if made.to0 is None or made.to1 is None:
        return None
    errors = seen = 0
    for flow, truth, visible in ((made.to0, case.to0, case.seen0), (made.to1, case.to1, case.seen1)):
        flow = resize_flow(flow.float().cpu(), *truth.shape[-2:])
        errors = errors + ((flow - truth).square().sum(1, keepdim=True).sqrt() * visible).sum((1, 2, 3))
        seen = seen + visible.sum((1, 2, 3))
    return (errors / seen.clamp_min(1)).tolist()


def _decibel(squared: Tensor) -> list[float]:
    return (-10 * (squared + LEAST_SQUARED_ERROR).log10()).tolist()
