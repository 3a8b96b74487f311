"""The sub-commands of `python -m rdvfi_core`, one per module: `add_arguments(parser)` and `run(args)`. Here: what
several of them share."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from tqdm import tqdm

from ..anchors import ENVIRONMENT
from ..callbacks import Progress
from ..inputs import check_fps
from ..keyframes.keyframes import SOURCES


def add_model_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--device", metavar="D", help="cpu, cuda, cuda:1, mps, ... (default: a GPU if there is one)")
    parser.add_argument(
        "--weights", metavar="PATH", help="weights file (default: the weights shipped with the package)"
    )


def add_keyframe_arguments(parser) -> None:  # an ArgumentParser or a group of one
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="seed of the keyframes' noise (default: 0)")
    parser.add_argument(
        "--keyframes",
        choices=SOURCES,
        default="auto",
        help="straight: none, the motion is what the two frames and those around them say; generated: keyframes "
        "imagined by the generator; auto: generated where the weights hold a generator (default)",
    )


def anchors_folder(given: Path | None) -> Path | None:
    """The folder of --anchors, or of the environment variable; None without either."""
    name, folder = "--anchors", given
    if folder is None and os.environ.get(ENVIRONMENT):
        name, folder = ENVIRONMENT, Path(os.environ[ENVIRONMENT])
    if folder is not None and not folder.is_dir():
        raise ValueError(f"{name} {folder} is not a folder; give the one that holds RIFE's and LPIPS' files.")
    return folder


def load_interpolator(args: Namespace):
    from ..pipeline import Interpolator

    return Interpolator.from_pretrained(args.weights, device=checked_device(args.device))


def checked_device(name: str | None):  # torch.device or None
    """The device of that name if a tensor can be put there."""
    import torch

    if name is None:
        return None
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # which of them depends on the device
        raise ValueError(f"--device {name} cannot be used on this machine; use cpu, or leave it out.") from error
    return device


def fps_argument(text: str) -> Fraction:
    try:
        return check_fps(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def count_argument(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 up.")
    return int(text)


def refuse_unused(args: Namespace, only: dict[str, tuple[str, ...]], kind: str, what: str) -> None:
    """only: for each option by name, the kinds of work it is for. What is given, is not None, and is not for this kind
    is refused: "`what` has no use for it"."""
    for name, kinds in only.items():
        if getattr(args, name) is not None and kind not in kinds:
            raise ValueError(f"{what} has no use for --{name.replace('_', '-')}; leave it out.")


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def progress_bar(what: str, unit: str = "step") -> Iterator[Progress]:
    """A bar on stderr, drawn only in a terminal, as the callback progress(done, total) that the core calls."""
    with tqdm(desc=what, unit=unit, file=sys.stderr, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
