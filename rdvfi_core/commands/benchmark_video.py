"""`benchmark --video memory` and `--video overhead`: what it costs to stream video files, on this machine."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from time import perf_counter, process_time

import av
import numpy as np
import torch
from torch import Tensor

from ..image_pair import ImagePair
from ..pixels.warp import resize
from ..retime import render
from ..scenes.sample import sample_scene
from ..timeline import Timeline
from ..video.clip import FileClip
from ..video.convert import Choices, convert, make_job
from ..video.formats import choose_format
from ..video.reader import VideoFile
from ..video.writer import FrameWriter
from . import checked_device, load_interpolator

FPS = Fraction(24)
MULTIPLIER = 4  # of the overhead's clip
BASE_SECONDS = 5  # of the clip that longer ones repeat
STEPS = 24  # frames of the rendered scene, forth and back


class Blend:
    """Cross-fades in the place of the method: all that is left to measure is the streaming around it."""

    def look_at(self, pair: ImagePair, first=None) -> tuple[None, None]:
        return None, None

    def between(self, *views, **options) -> None:
        return None

    def stream_pair(self, pair: ImagePair, motion, times, *, should_stop=None):
        for tau in times:
            yield torch.lerp(pair.image0[0], pair.image1[0], float(tau))


def memory(
    args: Namespace, sizes: Sequence[tuple[int, int]], fresh: Callable, peak: Callable[[torch.device], float | None]
) -> Iterator[str]:
    """A table of peaks by size and length, each in a process of its own."""
    what = "the method" if args.rendered else "cross-fades in the place of the method"
    yield f"Every output frame is rendered ({what}), decoded from and encoded to H.264 of draft quality."
    yield ""
    yield "| size | seconds | frames | peak MiB | before the first frame | frames a second |"
    yield "|---|---:|---:|---:|---:|---:|"
    for width, height in sizes:
        for seconds in args.seconds:
            with tempfile.TemporaryDirectory() as folder:
                source = Path(folder) / "in.mp4"
                fresh(write_clip, source, width, height, seconds)
                frames, highest, before, taken = fresh(streamed, args, source, Path(folder) / "out.mp4", peak)
            yield (f"| {width}x{height} | {seconds} | {frames} | {highest:.0f} | {before:.0f} | {frames / taken:.1f} |")


def streamed(args: Namespace, source: Path, target: Path, peak) -> tuple[int, float, float, float]:
    """(frames, peak MiB, peak MiB before the first frame, seconds)."""
    interpolator = load_interpolator(args) if args.rendered else Blend()
    before = peak(torch.device("cpu"))
    began = perf_counter()
    video = VideoFile(source)
    survey, _ = video.survey()
    timeline = Timeline.multiplied(1, resample_all=True)
    job = make_job(FileClip(video, survey), survey.source(), timeline, target, Choices("h264", "draft", False))
    convert(interpolator, job)
    return len(job.plan), peak(torch.device("cpu")), before, perf_counter() - began


def overhead(args: Namespace, sizes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """A table of the time per output frame: the method alone, from memory to memory, and from file to file. Beside
    that of the clock stands the time of all CPU cores together, which other work on the machine disturbs less."""
    checked_device(args.device)
    interpolator = load_interpolator(args)
    yield "| size | frames | time | method alone, ms | file to file, ms | overhead | look at every frame before, ms |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for width, height in sizes:
        frames = list(scene_frames(width, height, args.frames // MULTIPLIER + 1))
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "in.mp4"
            write_frames(source, frames)
            video = VideoFile(source)
            began = _now()
            survey, _ = video.survey()
            looked = _now() - began
            timeline = Timeline.multiplied(MULTIPLIER)
            plan = timeline.plan(survey.source())
            with video.frames(survey) as decoded:
                held = [decoded[i] for i in range(len(frames))]
            alone, whole = [], []
            for number in range(args.repeats + 1):  # the first one warms up
                began = _now()
                for _ in render(interpolator, plan, held):
                    pass
                middle = _now()
                clip = FileClip(video, survey)
                target = Path(folder) / f"out{number}.mp4"
                convert(interpolator, make_job(clip, survey.source(), timeline, target, Choices(hardware=False)))
                if number:
                    alone.append(middle - began)
                    whole.append(_now() - middle)
        alone, whole = np.median(alone, 0), np.median(whole, 0)
        for kind, *taken in zip(("clock", "CPU"), alone, whole, looked, strict=True):
            one, both, look = (seconds / len(plan) * 1000 for seconds in taken)
            yield (
                f"| {width}x{height} | {len(plan)} | {kind} | {one:.0f} | {both:.0f} | {both / one - 1:+.1%} | "
                f"{look:.1f} |"
            )


def _now() -> np.ndarray:
    """Seconds of the clock, and of all CPU cores together."""
    return np.array((perf_counter(), process_time()))


def scene_frames(width: int, height: int, frames: int) -> Iterator[Tensor]:  # (3, height, width) each
    """The sample scene, enlarged, moving forth and back."""
    scene = sample_scene(256, 448)
    shown = [resize(scene.render(i / STEPS).image, height, width)[0] for i in range(min(STEPS, frames))]
    order = [*range(len(shown)), *range(len(shown) - 2, 0, -1)] or [0]
    for i in range(frames):
        yield shown[order[i % len(order)]]


def write_frames(path: Path, frames: Sequence[Tensor]) -> None:
    size = tuple(frames[0].shape[-2:])
    with FrameWriter(path, choose_format(".mp4", size, "h264"), size, FPS) as writer:
        for frame in frames:
            writer.write(frame)


def write_clip(path: Path, width: int, height: int, seconds: int) -> None:
    """Encoded once for BASE_SECONDS, then its packets again and again: an hour is made in no time. The length is
    rounded up to whole turns."""
    base, length = path.with_name("base.mp4"), BASE_SECONDS * FPS
    write_frames(base, list(scene_frames(width, height, int(length))))
    with av.open(str(path), "w") as container:
        with av.open(str(base)) as first:
            stream = container.add_stream_from_template(first.streams.video[0])
        for turn in range(ceil(seconds / BASE_SECONDS)):
            with av.open(str(base)) as part:
                for packet in part.demux(video=0):
                    if packet.size:
                        shift = round(turn * BASE_SECONDS / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        container.mux(packet)
