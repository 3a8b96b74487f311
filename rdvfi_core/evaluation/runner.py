"""Runs methods over a folder of clips.

Only interpolated frames are scored, never the given ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..callbacks import Progress, ShouldStop, check_stop
from ..clips import Clip, ClipError, list_clips
from ..conventions import SMALLEST_SIDE
from ..errors import Interrupted
from ..sheet import Cell
from ..video.colour import to_integers
from .metrics import OPTIONAL, Metrics
from .pictures import ClipSheets, Shown, sheet_row
from .protocols import Protocol, windows
from .report import TRUTH, ClipResult, Features, Report, WindowResult

# I0, I1 (3, H, W) in [0, 1], times -> (T, 3, H, W). Where the protocol shows more frames, a method is given those as
# well: (N, 3, H, W) and their times.
Method = Callable[..., Tensor]
METHOD_FAILED = "method "  # how the reason begins when a clip is left out because of a method


def evaluate(
    folder: str | Path,
    protocol: Protocol,
    methods: dict[str, Method],
    metrics: Metrics | None = None,
    sheets: ClipSheets | None = None,
    limit: int | None = None,  # clips, the first by name
    progress: Progress | None = None,  # clips done, clips in all
    should_stop: ShouldStop | None = None,  # asked before every window and method
) -> Report:
    """Scores every method on every window of every clip below `folder`. A clip that is too short, too small or
    unreadable, or that a method fails on, is left out for all methods with its reason in the report. Stopped by
    `should_stop` or Ctrl-C, it reports the clips that are done, if there are any."""
    clips = list_clips(Path(folder))[:limit]
    metrics = (metrics or Metrics()).for_protocol(protocol)
    report = Report(Path(folder).resolve().name, protocol, list(methods), metrics, listed=len(clips))
    try:
        for done, clip in enumerate(clips, start=1):
            try:
                report.add(*_evaluate_clip(clip, report, methods, sheets, should_stop))
            except ClipError as error:
                report.skipped[clip.name] = str(error)
            if progress is not None:
                progress(done, len(clips))
    except (KeyboardInterrupt, Interrupted):
        if not report.clips:
            raise
        report.interrupted = True
    if not report.clips:
        failed = [name for name, reason in report.skipped.items() if reason.startswith(METHOD_FAILED)]
        name = (failed or list(report.skipped))[0]
        raise ValueError(
            f"None of the {len(clips)} clips in {folder} can be evaluated with {protocol.name}, "
            f"the first of them, {name}, because {report.skipped[name]}."
        )
    return report


def _evaluate_clip(
    clip: Clip,
    report: Report,
    methods: dict[str, Method],
    sheets: ClipSheets | None,
    should_stop: ShouldStop | None,
) -> tuple[ClipResult, list[Cell], Features]:
    protocol = report.protocol
    count = clip.count()
    starts = windows(count, protocol)
    if not starts:
        raise ClipError(f"it has {count} frames, {protocol.name} needs {protocol.size}")
    results: list[WindowResult] = []
    features: Features = {metric: {} for metric in report.metrics.features}
    worst, shown = -float("inf"), None
    for start, (frames, beside) in zip(starts, _read_windows(clip, starts, protocol), strict=True):
        if min(frames.shape[-2:]) < SMALLEST_SIDE:
            raise ClipError(f"it is {frames.shape[-1]}x{frames.shape[-2]}, no side may be under {SMALLEST_SIDE} px")
        result, made = _evaluate_window(start, frames, beside, report, methods, features, should_stop)
        results.append(result)
        score = result.scores[report.methods[0]][report.metrics.ranking][protocol.middle]
        badness = score if report.metrics.ranking in OPTIONAL else -score
        if badness > worst:
            given = frames[0], frames[1 + protocol.middle], frames[-1]
            worst, shown = badness, Shown(*(f.clone() for f in given), protocol, start, made, result.scores)
    height, width = frames.shape[-2:]
    if sheets is not None:
        sheets.write(clip.name, shown)
    return ClipResult(clip.name, count, height, width, results), sheet_row(shown), features


def _read_windows(clip: Clip, starts: list[int], protocol: Protocol) -> Iterator[tuple[Tensor, Tensor]]:
    """Per window (2 + len(offsets), 3, H, W) in [0, 1]: I0, the frames asked for, I1; and (N, 3, H, W), what is shown
    beside. One window is held at a time."""
    taken = (0, *protocol.offsets, protocol.gap, *protocol.shown)
    wanted = sorted({start + offset for start in starts for offset in taken})
    stream = clip.read(wanted)
    kept: dict[int, np.ndarray] = {}  # of the window, whose last frame may be the next one's first
    for start in starts:
        indices = [start + offset for offset in taken]
        missing = sorted(index for index in indices if index not in kept)  # as they come
        kept = {i: f for i, f in kept.items() if i in indices}
        kept |= zip(missing, islice(stream, len(missing)), strict=True)
        frames = torch.from_numpy(np.stack([kept[index] for index in indices])).permute(0, 3, 1, 2) / 255
        yield frames.tensor_split((2 + len(protocol.offsets),))


@torch.no_grad()
def _evaluate_window(
    start: int,
    frames: Tensor,  # (2 + T, 3, H, W), as `_read_windows` makes them
    beside: Tensor,  # (N, 3, H, W)
    report: Report,
    methods: dict[str, Method],
    features: Features,  # taken in, metric by metric
    should_stop: ShouldStop | None,
) -> tuple[WindowResult, dict[str, np.ndarray]]:
    """The scores and every method's middle frame (H, W, 3) uint8."""
    protocol, metrics = report.protocol, report.metrics
    times = [float(tau) for tau in protocol.times]
    truth = frames[1:-1]
    known = (beside, [float(tau) for tau in protocol.shown_times]) if protocol.shown else ()
    scores, seconds, middles = {}, {}, {}
    _collect(features, metrics, TRUTH, frames, truth)
    for name, method in methods.items():
        check_stop(should_stop, "The evaluation")
        began = time.perf_counter()
        try:
            made = method(frames[0], frames[-1], times, *known).float()
            seconds[name] = time.perf_counter() - began
            scores[name] = metrics.measure(made, truth)
        except Interrupted:
            raise
        except (ValueError, RuntimeError, OSError) as error:
            where = f"frames {start} to {start + protocol.gap}"
            raise ClipError(f"{METHOD_FAILED}{name} failed on {where}: {error}") from error
        _collect(features, metrics, name, torch.cat((frames[:1], made, frames[-1:])), made)
        middles[name] = to_integers(made[protocol.middle])
    return WindowResult(start, scores, seconds), middles


def _collect(features: Features, metrics: Metrics, name: str, video: Tensor, frames: Tensor) -> None:
    for metric, extract in metrics.features.items():
        features[metric].setdefault(name, []).append(extract(video if metric == "fvd" else frames))
