"""Runs methods over a folder of clips and reports what came out: JSON, a Markdown table, a contact sheet.

Only interpolated frames are scored, never the given ones. A clip's score is the mean over all frames of all its
windows, a method's score the mean over clips, so that long clips count as much as short ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from ..clips import Clip, ClipError, list_clips
from ..conventions import SMALLEST_SIDE
from ..errors import Interrupted
from ..video.colour import to_integers
from .metrics import METRICS, measure
from .protocols import Protocol, windows
from .sheet import Cell, cell, draw_sheet

Method = Callable[[Tensor, Tensor, list[float]], Tensor]  # I0, I1 (3, H, W) in [0, 1], times -> (T, 3, H, W)
SHEET_CLIPS = 3  # of the worst and of the best each


@dataclass(frozen=True)
class WindowResult:
    start: int  # frame of the clip that was I0
    scores: dict[str, dict[str, list[float]]]  # method -> metric -> value per offset
    seconds: dict[str, float]  # method -> for the whole window


@dataclass(frozen=True)
class ClipResult:
    name: str
    frames: int
    height: int
    width: int
    windows: list[WindowResult]

    def mean(self, method: str, metric: str) -> float:
        return fmean(value for window in self.windows for value in window.scores[method][metric])

    def seconds(self, method: str) -> float:
        """Per window."""
        return fmean(window.seconds[method] for window in self.windows)


@dataclass
class Report:
    folder: str  # its name only
    protocol: Protocol
    methods: list[str]
    clips: list[ClipResult] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # clip -> reason
    rows: dict[str, list[Cell]] = field(default_factory=dict)  # clip -> its row of the contact sheet

    def mean(self, method: str, metric: str) -> float:
        return fmean(clip.mean(method, metric) for clip in self.clips)

    def seconds(self, method: str) -> float:
        """Per window, mean over clips."""
        return fmean(clip.seconds(method) for clip in self.clips)

    def ranked(self) -> list[str]:
        """Names of the clips, the lowest PSNR of the first method first."""
        return [clip.name for clip in sorted(self.clips, key=lambda clip: clip.mean(self.methods[0], "psnr"))]

    def add(self, result: ClipResult, row: list[Cell]) -> None:
        """Takes in a clip. Pictures are kept of the worst and the best only, so memory does not grow with clips."""
        self.clips.append(result)
        self.rows[result.name] = row
        for name in self.ranked()[SHEET_CLIPS:-SHEET_CLIPS]:
            self.rows.pop(name, None)

    def to_json(self) -> str:
        tree = {
            "folder": self.folder,
            "protocol": asdict(self.protocol),
            "metrics": METRICS,
            "methods": self.methods,
            "mean": self._means(self),
            "clips": [{**asdict(clip), "mean": self._means(clip)} for clip in self.clips],
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped.items()],
        }
        return json.dumps(_rounded(tree), indent=1) + "\n"

    def _means(self, of: Report | ClipResult) -> dict[str, dict[str, float]]:
        return {
            method: {metric: of.mean(method, metric) for metric in METRICS} | {"seconds_per_window": of.seconds(method)}
            for method in self.methods
        }

    def to_markdown(self) -> str:
        """The table of means, PSNR of every clip and method, and what was skipped."""
        count = sum(len(clip.windows) for clip in self.clips)
        means = [
            (
                method,
                f"{self.mean(method, 'psnr'):.2f}",
                f"{self.mean(method, 'ssim'):.4f}",
                f"{self.mean(method, 'haarpsi'):.4f}",
                f"{self.seconds(method):.2f}",
            )
            for method in self.methods
        ]
        clips = [
            (clip.name, f"{clip.width}x{clip.height}", *(f"{clip.mean(method, 'psnr'):.2f}" for method in self.methods))
            for clip in self.clips
        ]
        lines = [
            f"{self.protocol.name} on {self.folder}: {len(self.clips)} clips, {count} windows, "
            f"{count * len(self.protocol.offsets)} interpolated frames",
            "",
            *_table(("method", "PSNR dB", "SSIM", "HaarPSI", "s per window"), means),
            "",
            *_table(("PSNR dB of", "size", *self.methods), clips),
        ]
        if self.skipped:
            lines += ["", *_table(("skipped", "reason"), self.skipped.items())]
        return "\n".join(lines) + "\n"


def evaluate(
    folder: str | Path,
    protocol: Protocol,
    methods: dict[str, Method],
    progress: Callable[[int, int], None] | None = None,  # clips done, clips in all
    should_stop: Callable[[], bool] | None = None,  # asked before every window and method
) -> Report:
    """Scores every method on every window of every clip in `folder`. A clip that is too short, too small or unreadable
    is skipped with its reason in the report; an error of a method is raised."""
    clips = list_clips(Path(folder))
    report = Report(Path(folder).resolve().name, protocol, list(methods))
    for done, clip in enumerate(clips, start=1):
        try:
            report.add(*_evaluate_clip(clip, protocol, methods, should_stop))
        except ClipError as error:
            report.skipped[clip.name] = str(error)
        if progress is not None:
            progress(done, len(clips))
    if not report.clips:
        name, reason = next(iter(report.skipped.items()))
        raise ValueError(
            f"None of the {len(clips)} clips in {folder} can be evaluated with {protocol.name}, "
            f"the first of them, {name}, because {reason}."
        )
    return report


def contact_sheet(report: Report, path: str | Path) -> None:
    """PNG of the worst and the best clips by PSNR of the first method, a row each: I0, the true middle frame, every
    method's middle frame with its PSNR, I1; from the window where the first method's middle frame is worst."""
    first = report.methods[0]
    means = {clip.name: clip.mean(first, "psnr") for clip in report.clips}
    rows = {
        f"{report.protocol.name} {name}: {first} {means[name]:.2f} dB over the clip": report.rows[name]
        for name in report.ranked()
        if name in report.rows
    }
    draw_sheet(rows).save(path, format="PNG")


def _evaluate_clip(
    clip: Clip, protocol: Protocol, methods: dict[str, Method], should_stop: Callable[[], bool] | None
) -> tuple[ClipResult, list[Cell]]:
    count = clip.count()
    starts = windows(count, protocol)
    if not starts:
        raise ClipError(f"it has {count} frames, {protocol.name} needs {protocol.size}")
    results: list[WindowResult] = []
    worst, row = float("inf"), []
    for start, frames in zip(starts, _read_windows(clip, starts, protocol), strict=True):
        if min(frames.shape[-2:]) < SMALLEST_SIDE:
            raise ClipError(f"it is {frames.shape[-1]}x{frames.shape[-2]}, no side may be under {SMALLEST_SIDE} px")
        result, made = _evaluate_window(start, frames, protocol, methods, should_stop)
        results.append(result)
        score = result.scores[next(iter(methods))]["psnr"][protocol.middle]
        if score < worst:
            worst, row = score, _sheet_row(frames, protocol, made, result)
    height, width = frames.shape[-2:]
    return ClipResult(clip.name, count, height, width, results), row


def _read_windows(clip: Clip, starts: list[int], protocol: Protocol) -> Iterator[Tensor]:
    """Per window (2 + len(offsets), 3, H, W) in [0, 1]: I0, the frames asked for, I1. One window is held at a time."""
    taken = (0, *protocol.offsets, protocol.gap)
    stream = clip.read(start + offset for start in starts for offset in taken)
    for _ in starts:
        frames = np.stack(list(islice(stream, len(taken))))
        yield torch.from_numpy(frames).permute(0, 3, 1, 2) / 255


@torch.no_grad()
def _evaluate_window(
    start: int,
    frames: Tensor,  # (2 + T, 3, H, W), as `_read_windows` makes them
    protocol: Protocol,
    methods: dict[str, Method],
    should_stop: Callable[[], bool] | None,
) -> tuple[WindowResult, dict[str, np.ndarray]]:
    """The scores and every method's middle frame (H, W, 3) uint8."""
    times = [float(tau) for tau in protocol.times]
    scores, seconds, middles = {}, {}, {}
    for name, method in methods.items():
        if should_stop is not None and should_stop():
            raise Interrupted("The evaluation was stopped.")
        began = time.perf_counter()
        made = method(frames[0], frames[-1], times)
        seconds[name] = time.perf_counter() - began
        try:
            scores[name] = measure(made, frames[1:-1])
        except ValueError as error:
            raise ValueError(f"Method {name}: {error}") from error
        middles[name] = to_integers(made[protocol.middle])
    return WindowResult(start, scores, seconds), middles


def _sheet_row(frames: Tensor, protocol: Protocol, made: dict[str, np.ndarray], result: WindowResult) -> list[Cell]:
    captions = {name: f"{name} {result.scores[name]['psnr'][protocol.middle]:.2f} dB" for name in made}
    return [
        cell(to_integers(frames[0]), "I0"),
        cell(to_integers(frames[1 + protocol.middle]), "truth"),
        *(cell(made[name], captions[name]) for name in made),
        cell(to_integers(frames[-1]), "I1"),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, its first column flush left and the others flush right."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] + ["---:"] * (len(head) - 1), *rows)]


def _rounded(tree: object) -> object:
    """Floats to five decimals, which is finer than any of the metrics can tell apart."""
    if isinstance(tree, float):
        return round(tree, 5)
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    return [_rounded(value) for value in tree] if isinstance(tree, (list, tuple)) else tree
