"""`benchmark`: seconds per pair (phase 1) and per frame (phase 2), and peak memory, by size, on this machine."""

from __future__ import annotations

import os
import platform
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

from ..conventions import KEYFRAMES, SMALLEST_SIDE, uniform_times
from ..pixels.warp import resize
from ..scenes.sample import sample_scene
from . import (
    add_model_arguments,
    benchmark_against,
    benchmark_backbone,
    benchmark_video,
    checked_device,
    count_argument,
    load_interpolator,
    refuse_unused,
    seconds,
)

SIZES = "448x256,1024x576,1920x1080,3840x2160"
VIDEO_SIZES = {"memory": "1920x1080", "overhead": "1024x576"}
REPEATS = 3
FRAMES = 24
SECONDS = "10,60"
FACTORS = "2,4,8,24"
# Options that not every benchmark has a use for.
ONLY = {
    "video": ("--video memory", "--video overhead"),
    "seconds": ("--video memory",),
    "rendered": ("--video memory",),
    "repeats": ("--video overhead", "--against rife"),
    "factors": ("--against rife",),
    "anchors": ("--against rife",),
    "frames": ("pairs", "--video overhead", "--backbone"),
    "weights": ("pairs", "--against rife", "--video memory", "--video overhead"),
    "comfyui": ("--backbone",),
    "scale": ("--backbone",),
}
MIB = 2**20


@dataclass(frozen=True)
class Measurement:
    """Of one size. Medians of `REPEATS` runs after one to warm up."""

    width: int
    height: int
    pair_seconds: float  # phase 1 from the two images
    chain_seconds: float  # phase 1 through keyframes: phi1 between neighbours, phi2 along the chains
    frame_seconds: dict[int, float]  # number of frames -> seconds per frame of phase 2
    peak_mib: dict[int, float | None]  # number of frames -> peak so far, fewer frames first; None where unknown


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Times both phases, frames streamed as `interpolate` does it, for a quarter of the frames and for all of them. "
        "Peak memory is the device's on CUDA and the whole process's otherwise; every size has a process of its own."
    )
    parser.add_argument("--frames", type=count_argument, metavar="N", help=f"frames per pair (default: {FRAMES})")
    parser.add_argument("--sizes", type=sizes_argument, metavar="LIST", help=f"default: {SIZES}")
    parser.add_argument(
        "--video",
        choices=("memory", "overhead"),
        help="files instead: the peak memory of long and short ones (default size 1920x1080), or what decoding and "
        "encoding take beside the method (1024x576)",
    )
    parser.add_argument(
        "--seconds", type=seconds_argument, metavar="LIST", help=f"of --video memory (default: {SECONDS})"
    )
    parser.add_argument(
        "--rendered",
        action="store_const",
        const=True,
        help="--video memory with the method; without, cross-fades stand for it",
    )
    parser.add_argument(
        "--against",
        choices=("rife",),
        help="retiming a clip beside RIFE instead, both in turn in one process: seconds per new frame, kernels that a "
        "GPU would start, and values that it would be waited for",
    )
    parser.add_argument("--factors", type=factors_argument, metavar="LIST", help=f"of --against (default: {FACTORS})")
    parser.add_argument(
        "--anchors", metavar="FOLDER", type=Path,
        help="of --against: where rife.pth lies; without, random weights of its shape, which cost the same",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", type=count_argument, help=f"of --against and --video overhead (default: {REPEATS})"
    )
    benchmark_backbone.add_arguments(parser)
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    kind = (
        "--backbone" if args.backbone else f"--video {args.video}" if args.video
        else f"--against {args.against}" if args.against else "pairs"
    )  # fmt: skip
    refuse_unused(args, ONLY, kind, f"The benchmark of {kind}")
    args.frames, args.repeats = args.frames or FRAMES, args.repeats or REPEATS
    args.seconds = args.seconds or seconds_argument(SECONDS)
    if args.backbone is not None:
        benchmark_backbone.run(args, args.sizes)
        return
    checked_device(args.device)
    if args.video:
        print(f"{machine(args.device)}\n")
        sizes = args.sizes or sizes_argument(VIDEO_SIZES[args.video])
        memory, overhead = benchmark_video.memory, benchmark_video.overhead
        lines = memory(args, sizes, in_fresh_process, peak_mib) if args.video == "memory" else overhead(args, sizes)
        for line in lines:
            print(line, flush=True)
        return
    if args.against:
        print(f"{machine(args.device)}\n")
        factors = args.factors or factors_argument(FACTORS)
        for line in benchmark_against.against_rife(args, args.sizes or sizes_argument(SIZES), factors):
            print(line, flush=True)
        return
    counts = sorted({max(1, args.frames // 4), args.frames})
    measurements = []
    for width, height in args.sizes or sizes_argument(SIZES):
        print(f"{width}x{height} ...", file=sys.stderr)
        measurements.append(in_fresh_process(measure, args, width, height, counts))
    print(to_markdown(measurements, counts, machine(args.device)), end="")


def in_fresh_process(function: Callable, *args):
    """The function's result; its peak memory is then not that of whatever ran before."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def measure(args: Namespace, width: int, height: int, counts: list[int]) -> Measurement:
    interpolator = load_interpolator(args)
    scene = sample_scene(256, 448)  # enlarged: its drawing would take more memory than the work that is measured
    image0, image1 = (resize(scene.render(tau).image, height, width) for tau in (0.0, 1.0))
    trajectory = interpolator.fit(image0, image1)
    device = trajectory.to0.device

    def fit() -> None:
        interpolator.fit(image0, image1)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    times = uniform_times()
    keyframes = torch.cat([scene.render(tau).image for tau in times])

    def chain() -> None:
        interpolator.fit_frames(image0, image1, keyframes, times)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def stream(count: int) -> None:
        for _ in interpolator.stream(image0, image1, trajectory, uniform_times(count)):
            pass  # a frame that has arrived on the CPU is a frame that is done

    pair_seconds = median(seconds(fit) for _ in range(REPEATS))
    chain()
    chain_seconds = median(seconds(chain) for _ in range(REPEATS))
    stream(1)
    frame_seconds, peaks = {}, {}
    for count in counts:
        frame_seconds[count] = median(seconds(lambda count=count: stream(count)) for _ in range(REPEATS)) / count
        peaks[count] = peak_mib(device)
    return Measurement(width, height, pair_seconds, chain_seconds, frame_seconds, peaks)


def peak_mib(device: torch.device) -> float | None:
    """Of this process so far: allocated on the device for CUDA, else resident in RAM; None where that is not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def machine(device: str | None) -> str:
    gpu = device != "cpu" and torch.cuda.is_available()
    place = torch.cuda.get_device_name(device) if gpu else f"{processor()}, {torch.get_num_threads()} threads"
    return f"{place}; torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or f"{os.cpu_count()} {platform.machine()} cores"


def to_markdown(measurements: list[Measurement], counts: list[int], machine: str) -> str:
    head = ["size", "phase 1, s per pair", f"phase 1 through {KEYFRAMES} keyframes, s per pair"]
    head += [f"phase 2, ms per frame of {count}" for count in counts]
    head += [f"peak MiB, {count} frames" for count in counts]
    lines = [machine, "", f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for m in measurements:
        row = [f"{m.width}x{m.height}", f"{m.pair_seconds:.2f}", f"{m.chain_seconds:.2f}"]
        row += [f"{m.frame_seconds[count] * 1000:.0f}" for count in counts]
        row += ["unknown" if m.peak_mib[count] is None else f"{m.peak_mib[count]:.0f}" for count in counts]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def sizes_argument(text: str) -> list[tuple[int, int]]:
    """ "448x256,64x64" -> (width, height) each."""
    sizes = []
    for part in text.split(","):
        width, _, height = part.strip().lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= SMALLEST_SIDE):
            raise ArgumentTypeError(f"{part!r} is not a size; write WIDTHxHEIGHT, each at least {SMALLEST_SIDE}.")
        sizes.append((int(width), int(height)))
    return sizes


def seconds_argument(text: str) -> list[int]:
    return _whole_numbers(text, 1, "seconds")


def factors_argument(text: str) -> list[int]:
    return _whole_numbers(text, 2, "factors")


def _whole_numbers(text: str, least: int, what: str) -> list[int]:
    """ "10,600" """
    if not all(part.strip().isdecimal() and int(part) >= least for part in text.split(",")):
        raise ArgumentTypeError(f"{text!r} is no list of {what}; write whole numbers from {least} up such as 10,60.")
    return [int(part) for part in text.split(",")]
