"""What came out of an evaluation: scores of windows, clips and methods, as JSON and as Markdown tables.

A clip's score is the mean over all frames of all its windows, a method's score the mean over clips, so that long clips
count as much as short ones. FID and FVD are distances between all of a method's frames and all true ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import fmean

import torch
from torch import Tensor

from ..sheet import Cell
from .features import frechet_distance
from .metrics import LABELS, OPTIONAL, Metrics
from .protocols import Protocol
from .tables import table, to_json

LEAST_LPIPS = 1e-5  # added to both sides of a ratio, so that clips that both repeat exactly count as 1
SHEET_CLIPS = 4  # of the worst and of the best each
TRUTH = "truth"  # beside the methods' names, where features are collected

Features = dict[str, dict[str, list[Tensor]]]  # "fid" and "fvd" -> method, or truth -> (n, D) of every window


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
    metrics: Metrics = field(default_factory=Metrics)
    clips: list[ClipResult] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # clip -> reason
    listed: int = 0  # clips that were to be evaluated
    interrupted: bool = False  # before all of them were
    absent: dict[str, str] = field(default_factory=dict)  # method that could not take part -> reason
    rows: dict[str, list[Cell]] = field(default_factory=dict)  # clip -> its row of the contact sheet
    features: Features = field(default_factory=dict)  # 8 KiB a frame for FID

    def mean(self, method: str, metric: str) -> float:
        return fmean(clip.mean(method, metric) for clip in self.clips)

    def seconds(self, method: str) -> float:
        """Per window, mean over clips."""
        return fmean(clip.seconds(method) for clip in self.clips)

    def against(self) -> dict[str, dict[str, float]]:
        """LPIPS of the first method against every other one's: in how many clips it is at or below, and the mean over
        clips of first / other. Empty where LPIPS is not measured."""
        if "lpips" not in self.metrics.names:
            return {}
        first, *others = self.methods
        found = {}
        for other in others:
            pairs = [(clip.mean(first, "lpips"), clip.mean(other, "lpips")) for clip in self.clips]
            found[other] = {
                "clips_at_or_below": sum(a <= b for a, b in pairs),
                "mean_ratio": fmean((a + LEAST_LPIPS) / (b + LEAST_LPIPS) for a, b in pairs),
            }
        return found

    def ranked(self) -> list[str]:
        """Names of the clips, the first method's worst first: by LPIPS where it is measured, otherwise by PSNR."""
        metric = self.metrics.ranking
        clips = sorted(self.clips, key=lambda clip: clip.mean(self.methods[0], metric), reverse=metric in OPTIONAL)
        return [clip.name for clip in clips]

    def add(self, result: ClipResult, row: list[Cell], features: Features) -> None:
        """Takes in a clip. Pictures are kept of the worst and the best only, so memory does not grow with clips."""
        self.clips.append(result)
        for metric, found in features.items():
            for name, samples in found.items():
                self.features.setdefault(metric, {}).setdefault(name, []).extend(samples)
        self.rows[result.name] = row
        for name in self.ranked()[SHEET_CLIPS:-SHEET_CLIPS]:
            self.rows.pop(name, None)

    def distances(self) -> dict[str, dict[str, float]]:
        """method -> "fid" and "fvd" where their networks were given and there are at least two samples."""
        found: dict[str, dict[str, float]] = {method: {} for method in self.methods}
        for metric, features in self.features.items():
            samples = {name: torch.cat(parts) for name, parts in features.items()}
            if len(samples[TRUTH]) < 2:
                continue
            for method in self.methods:
                found[method][metric] = frechet_distance(samples[method], samples[TRUTH])
        return found

    def left_out(self) -> dict[str, str]:
        """metric, or method -> why there is none."""
        alone = {m: "there is one sample only" for m, f in self.features.items() if sum(map(len, f[TRUTH])) < 2}
        return self.metrics.left_out | alone | self.absent

    def to_json(self) -> str:
        distances = self.distances()
        tree = {
            "folder": self.folder,
            "protocol": asdict(self.protocol),
            "metrics": self.metrics.names,
            "methods": self.methods,
            "mean": {method: means | distances[method] for method, means in self._means(self).items()},
            "lpips_of_first_against": self.against(),
            "left_out": self.left_out(),
            "clips": [{**asdict(clip), "mean": self._means(clip)} for clip in self.clips],
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped.items()],
            "interrupted": self.interrupted,
        }
        return to_json(tree)

    def _means(self, of: Report | ClipResult) -> dict[str, dict[str, float]]:
        return {
            method: {metric: of.mean(method, metric) for metric in self.metrics.names}
            | {"seconds_per_window": of.seconds(method)}
            for method in self.methods
        }

    def to_markdown(self) -> str:
        """The table of means, LPIPS of the first method against the others', PSNR and LPIPS of every clip and method,
        and what was left out."""
        count = sum(len(clip.windows) for clip in self.clips)
        distances, left_out = self.distances(), self.left_out()
        names = [*self.metrics.names, *(metric for metric in self.features if metric not in left_out)]
        means = []
        for method in self.methods:
            values = {name: self.mean(method, name) for name in self.metrics.names} | distances[method]
            cells = (f"{values[name]:.{LABELS[name][1]}f}" for name in names)
            means.append((method, *cells, f"{self.seconds(method):.2f}"))
        lines = [
            f"{self.protocol.name} on {self.folder}: {len(self.clips)} clips, {count} windows, "
            f"{count * len(self.protocol.offsets)} interpolated frames"
            + (f"; stopped before the end of {self.listed} clips" if self.interrupted else ""),
            "",
            *table(("method", *(LABELS[name][0] for name in names), "s per window"), means),
        ]
        for name, reason in left_out.items():
            lines.append(f"\n{LABELS[name][0] if name in LABELS else name} is left out: {reason}.")
        against = [
            (f"{self.methods[0]} / {other}", f"{f['clips_at_or_below']} of {len(self.clips)}", f"{f['mean_ratio']:.3f}")
            for other, f in self.against().items()
        ]
        if against:
            lines += ["", *table(("LPIPS of", "at or below in clips", "mean ratio"), against)]
        for metric in ("psnr", *(name for name in self.metrics.names if name == "lpips")):
            lines += ["", *self._clip_table(metric)]
        if self.skipped:
            lines += ["", f"{len(self.skipped)} clips were left out:", ""]
            lines += table(("left out", "reason"), self.skipped.items())
        return "\n".join(lines) + "\n"

    def _clip_table(self, metric: str) -> list[str]:
        heading, digits = LABELS[metric]
        rows = [
            (clip.name, f"{clip.width}x{clip.height}", *(f"{clip.mean(m, metric):.{digits}f}" for m in self.methods))
            for clip in self.clips
        ]
        return table((f"{heading} of", "size", *self.methods), rows)
