"""`batch IN... -o DIR`: many videos retimed, over local GPUs or a Ray cluster."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from ..pipes import tell
from ..video.batch import Outcome, output_names, run_batch
from ..video.convert import Job, make_job, open_clip
from ..video.finished import Finished, order
from ..video.formats import SUFFIXES
from ..video.inputs import Named, gathered
from ..video.pools import Cluster, Here, Pool, Processes
from . import add_model_arguments, checked_device, load_interpolator, progress_bar
from .video import (
    add_output_arguments,
    add_timeline_arguments,
    choices_of,
    model_of,
    refuse_rate,
    say,
    timeline_of,
    video_of,
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Retimes many videos, each like the command video. Parts of a few seconds are given to the workers: one "
        "process for each GPU of this machine, or the machines of a Ray cluster. A video that fails does not hold up "
        "the others. A batch that was stopped goes on where it was: what it finished is left as it is, unless the "
        "source or an option has changed."
    )
    parser.add_argument(
        "inputs",
        metavar="IN",
        nargs="+",
        help="video files, numbered frames, folders of either, or wildcards such as *.mp4",
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder, made if it does not exist")
    parser.add_argument("--suffix", choices=(*SUFFIXES, ""), default=".mp4", help="container (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="finished videos are made anew")
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
    folder, inputs = Path(args.output).expanduser(), gathered(args.inputs)
    refuse_rate(inputs, args)
    targets = output_names(inputs, folder, args.suffix)
    if args.ray and args.devices:
        raise ValueError("--devices is for this machine, a Ray cluster knows its own; leave one of the two out.")
    folder.mkdir(exist_ok=True)

    def maker(named: Named, target: Path):
        def make() -> Job:
            clip, source = open_clip(video_of(named, args), args.cut_threshold, args.duplicates)
            job = make_job(clip, source, timeline, target, choices, args.seed, args.keyframes, model_of(args))
            finished.begin(str(target))
            return job

        return make

    wishes = (
        timeline, choices, args.cut_threshold, args.duplicates, args.keep_fields, args.source_fps, args.seed,
        args.keyframes, model_of(args),
    )  # fmt: skip
    videos = {str(target): maker(named, target) for named, target in zip(inputs, targets, strict=True)}
    orders = {str(t): order(named, *wishes) for named, t in zip(inputs, targets, strict=True) if is_there(named)}
    finished = Finished(folder, orders)
    done = [] if args.again else [name for name in orders if finished.holds(name)]
    for name in done:
        tell(f"{name}: done before")
    left = [(name, make) for name, make in videos.items() if name not in done]
    outcomes = run_all(left, open_pool(args), finished.end) if left else []
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise ValueError(f"{len(failed)} of {len(videos)} videos failed: {' '.join(failed)}")


def is_there(named: Named) -> bool:
    """Else it fails when its turn comes."""
    return not isinstance(named, Path) or named.is_file()


def run_all(videos, pool: Pool, finished: Callable[[str], None]) -> list[Outcome]:
    done: dict[str, tuple[int, int]] = {}
    with progress_bar("frames", unit="frame") as bar:

        def progress(name: str, frames: int, total: int) -> None:
            done[name] = frames, total
            bar(*map(sum, zip(*done.values(), strict=True)))

        outcomes = run_batch(videos, pool, progress, finished=finished)
    for outcome in outcomes:
        say(outcome.notes)
        tell(f"{outcome.name}: {outcome.error or 'done'}", error=outcome.error is not None)
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
