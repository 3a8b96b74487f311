"""`evaluate FOLDER --protocol gap7`: how close interpolated frames come to the true ones of a folder of clips;
`--protocol motion`: how close phi1 comes to exact flow; and `--protocol cuts`: whether cuts are found."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from ..evaluation.baselines import BASELINES
from ..evaluation.protocols import PROTOCOLS
from ..evaluation.report import contact_sheet, evaluate
from . import add_model_arguments, load_interpolator, progress_bar

KEYFRAMES = {"rdvfi": "auto", "straight": "straight"}  # methods of this package: how they get their keyframes
MOTION, CUTS = "motion", "cuts"
METHODS = (*KEYFRAMES, *BASELINES)


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Hides frames of clips, interpolates them and reports PSNR, SSIM and HaarPSI. Needs the extra `evaluate`: "
        'pip install -e ".[evaluate]"'
    )
    parser.add_argument(
        "folder", metavar="FOLDER", help="holds video files, or one folder of jpg or png frames per clip"
    )
    parser.add_argument(
        "--protocol",
        choices=(*PROTOCOLS, MOTION, CUTS),
        required=True,
        help="gap7: frames i and i+8 give the seven between; gap24: frames i and i+24 give i+4, +8, +12, +16, +20; "
        "motion: FOLDER holds photographs, and phi1 is measured on scenes rendered with those kept from training; "
        "cuts: clips are joined at random, with flashes, fades and fast pans inside them",
    )
    parser.add_argument(
        "--methods",
        type=methods_argument,
        default=["rdvfi", "straight", "blend", "dis"],
        metavar="LIST",
        help=f"of {', '.join(METHODS)}; the first one ranks the clips (default: rdvfi,straight,blend,dis)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the protocol cuts: which clips are joined (default: 0)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="REPORT",
        type=Path,
        help="write REPORT.json, and REPORT_sheet.png: worst and best clips",
    )
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    if args.output is not None:
        _check_report_path(args.output)
    if args.protocol == MOTION:
        _run_motion(args)
        return
    if args.protocol == CUTS:
        _run_cuts(args)
        return
    methods = _methods(args)
    with progress_bar("clips", unit="clip") as progress:
        report = evaluate(args.folder, PROTOCOLS[args.protocol], methods, progress)
    print(report.to_markdown(), end="")
    if args.output is not None:
        args.output.write_text(report.to_json(), encoding="utf-8")
        contact_sheet(report, args.output.with_name(f"{args.output.stem}_sheet.png"))


def _run_motion(args: Namespace) -> None:
    from ..evaluation.motion import BASELINES as FLOWS
    from ..evaluation.motion import endpoint_errors, held_out_pairs, network_flow, to_markdown

    interpolator = load_interpolator(args)
    networks = interpolator.networks
    phi1 = network_flow(networks["motion"], networks["autoencoder"], interpolator.device)
    errors = endpoint_errors(held_out_pairs(args.folder), {"phi1": phi1} | FLOWS)
    print(to_markdown(errors), end="")
    if args.output is not None:
        args.output.write_text(json.dumps(errors, indent=1), encoding="utf-8")


def _run_cuts(args: Namespace) -> None:
    from ..evaluation.cuts import cut_scores

    with progress_bar("joins") as progress:
        scores = cut_scores(Path(args.folder), args.seed, progress=progress)
    print(scores.to_markdown(), end="")
    if args.output is not None:
        args.output.write_text(scores.to_json(), encoding="utf-8")


def methods_argument(text: str) -> list[str]:
    """ "rdvfi, blend" -> names in this order, each once."""
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in METHODS:
            raise ArgumentTypeError(f"{name!r} is not a method; choose from {', '.join(METHODS)}.")
    return names


def _methods(args: Namespace) -> dict[str, Callable]:
    """By name, in the order asked for. The networks are loaded only if a method needs them."""
    own = [name for name in args.methods if name in KEYFRAMES]
    interpolator = load_interpolator(args) if own else None

    def of_keyframes(keyframes: str) -> Callable:
        return lambda image0, image1, times: interpolator(image0, image1, times, keyframes=keyframes)

    return {name: of_keyframes(KEYFRAMES[name]) if name in own else BASELINES[name] for name in args.methods}


def _check_report_path(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise ValueError(f"The report {path} must end in .json; its sheet is named after it.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"The folder {path.parent} does not exist; create it first.")
