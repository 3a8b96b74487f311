"""`ablate PART...`: what a part of the method contributes, on rendered scenes with curved motion."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from ..errors import Interrupted
from ..evaluation.ablation import ABLATIONS, FULL, SOURCES, scene_method
from ..evaluation.scene_report import SceneMethod, score_scenes
from ..evaluation.scenes import MAGNITUDES, PATHS, scene_cases
from ..pipeline import Interpolator
from . import checked_device, count_argument, progress_bar
from .evaluate import check_report_path, finish


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Renders scenes whose sprites move 8 to 60 px along straight, eased, arc and thrown paths, and interpolates "
        "them with the whole method and with variants of it that differ in one part. A row per variant: PSNR by "
        "magnitude and by path."
    )
    add = parser.add_argument
    add("parts", nargs="+", choices=tuple(ABLATIONS), metavar="PART",
        help=f"of {', '.join(ABLATIONS)}; weights: the whole method with every file of --weights")  # fmt: skip
    add("--textures", metavar="FOLDER", help="photographs, of which those kept from training are used (default: noise)")
    add("--keyframes", choices=SOURCES, default=SOURCES[0],
        help="truth: frames of the scene, which shows the estimator alone (default); generated: by the weights' "
        "generator, which shows the whole method")  # fmt: skip
    add("--weights", nargs="+", metavar="PATH", type=Path, help="weights files to compare (default: the shipped one)")
    add("--scenes", type=count_argument, metavar="N", help="(default: one of every magnitude and path)")
    add("--magnitudes", type=magnitudes_argument, default=MAGNITUDES, metavar="LIST",
        help="px from a sprite's place in I0 to its place in I1 (default: 8,20,40,60)")  # fmt: skip
    add("-o", "--output", metavar="REPORT", type=Path, help="write REPORT.json and REPORT.md")
    add("--device", metavar="D", help="cpu, cuda, cuda:1, mps, ... (default: a GPU if there is one)")


def run(args: Namespace) -> None:
    if args.output is not None:
        check_report_path(args.output)
    methods = _methods(args)
    count = args.scenes or len(args.magnitudes) * len(PATHS)
    with progress_bar("scenes", unit="scene") as progress:
        cases = scene_cases(args.textures, count, magnitudes=args.magnitudes)
        report = score_scenes(cases, methods, lambda done: progress(done, count))
    finish(args.output, report.to_json(), report.to_markdown())
    if report.interrupted:
        raise Interrupted


def magnitudes_argument(text: str) -> tuple[int, ...]:
    """ "20, 60" -> (20, 60)."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ArgumentTypeError(f"{text!r} is no list of lengths in px; write it like 20,40,60.")
    return tuple(map(int, parts))


def _methods(args: Namespace) -> dict[str, SceneMethod]:
    """The whole method, then the variants of every part, with every weights file."""
    variants = {f"whole method, N = {FULL.keyframes}": FULL}
    for part in args.parts:
        variants |= ABLATIONS[part]
    files = args.weights or [None]
    device = checked_device(args.device)
    methods = {}
    for path in files:
        interpolator = Interpolator.from_pretrained(path, device)
        for name, variant in variants.items():
            label = name if len(files) == 1 else f"{name}, {path}"
            methods[label] = scene_method(interpolator, variant, args.keyframes)
    return methods
