"""`batch IN... -o DIR`: many videos retimed, over local GPUs or a Ray cluster."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..video.batch import Outcome, output_names, run_batch
from ..video.convert import Job, make_job, open_clip
from ..video.formats import SUFFIXES
from ..video.pools import Cluster, Here, Pool, Processes
from . import add_model_arguments, checked_device, load_interpolator, progress_bar
from .video import add_output_arguments, add_timeline_arguments, choices_of, model_of, say, timeline_of, video_of


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Retimes many videos, each like the command video. Parts of a few seconds are given to the workers: one "
        "process for each GPU of this machine, or the machines of a Ray cluster. A video that fails does not hold up "
        "the others; a batch that was stopped goes on where it was."
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", help="video files")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder, made if it does not exist")
    parser.add_argument("--suffix", choices=(*SUFFIXES, ""), default=".mp4", help="container (default: %(default)s)")
    parser.add_argument(
        "--devices", metavar="LIST", help="one process on each, such as cuda:0,cuda:1 (default: all GPUs)"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="local",
        help="run on this Ray cluster: auto for the one this machine belongs to, local (or no address) to start one "
        "here; every machine needs this package, and the videos under the same paths",
    )
    add_timeline_arguments(parser)
    add_output_arguments(parser)
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    timeline, choices = timeline_of(args), choices_of(args)
    folder = Path(args.output).expanduser()
    targets = output_names(args.inputs, folder, args.suffix)
    if args.ray and args.devices:
        raise ValueError("--devices is for this machine, a Ray cluster knows its own; leave one of the two out.")
    folder.mkdir(exist_ok=True)

    def maker(path: str, target: Path):
        def make() -> Job:
            clip, source = open_clip(video_of(path, args), args.cut_threshold, args.duplicates)
            return make_job(clip, source, timeline, target, choices, args.seed, args.keyframes, model_of(args))

        return make

    videos = [(str(target), maker(path, target)) for path, target in zip(args.inputs, targets, strict=True)]
    outcomes = run_all(videos, open_pool(args))
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise ValueError(f"{len(failed)} of {len(outcomes)} videos failed: {' '.join(failed)}")


def run_all(videos, pool: Pool) -> list[Outcome]:
    done: dict[str, tuple[int, int]] = {}
    with progress_bar("frames", unit="frame") as bar:

        def progress(name: str, frames: int, total: int) -> None:
            done[name] = frames, total
            bar(*map(sum, zip(*done.values(), strict=True)))

        outcomes = run_batch(videos, pool, progress)
    for outcome in outcomes:
        say(outcome.notes)
        print(f"{outcome.name}: {outcome.error or 'done'}", file=sys.stderr if outcome.error else sys.stdout)
    return outcomes


def open_pool(args: Namespace) -> Pool:
    if args.ray:
        return Cluster(None if args.ray == "local" else args.ray, args.weights)
    devices = args.devices.split(",") if args.devices else all_gpus()
    if args.device or len(devices) <= 1:
        args.device = args.device or (devices[0] if devices else None)
        return Here(load_interpolator(args))
    for device in devices:
        checked_device(device)
    return Processes(devices, args.weights)


def all_gpus() -> list[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
