"""`evaluate FOLDER --protocol P`: how close interpolated frames come to the true ones, of clips (gap7, gap24, davis7,
fcvg, through true keyframes keyframes8 and keyframes24, among a clip's other frames neighbours2, 4 and 8) or of
rendered scenes (scenes); how close phi1 comes to exact flow (motion); how well the latents rebuild photographs
(reconstruction); whether cuts are found (cuts)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..anchors import ENVIRONMENT
from ..anchors.lpips import files
from ..anchors.rife import FILE as RIFE
from ..errors import Interrupted
from ..evaluation.distances import BACKBONE
from ..evaluation.metrics import OPTIONS, Metrics
from ..evaluation.pictures import ClipSheets, contact_sheet
from ..evaluation.protocols import PROTOCOLS
from ..evaluation.runner import evaluate
from ..evaluation.tables import to_json, write
from ..precision import default_device
from . import (
    add_model_arguments,
    anchors_folder,
    checked_device,
    count_argument,
    load_interpolator,
    progress_bar,
    refuse_unused,
)
from .evaluate_methods import CORE, DEFAULT_METHODS, METHODS, Methods, methods_argument


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Hides frames of clips, interpolates them and reports PSNR, SSIM, HaarPSI and sharpness; FLIP; where their "
        "networks' weights are given, LPIPS, FID and FVD. "
        'Needs the extra `evaluate`: pip install -e ".[evaluate]"'
    )
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="holds video files, or folders of jpg or png frames, at any depth")
    add(
        "--protocol",
        choices=(*PROTOCOLS, *OTHERS),
        required=True,
        help="of clips: gap7, frames i and i+8 give the seven between, and gap24, frames i and i+24 give i+4, +8, "
        "+12, +16, +20, both in a few windows a clip; davis7, every 8th frame gives the seven between, and fcvg, "
        "the ends of 25 frames give the 23 between, both of whole clips; keyframes8, rdvfi is shown every second frame "
        "between as a keyframe, and keyframes24, every fourth; neighbours2, 4 and 8, every 2nd, 4th or 8th frame of a "
        "clip is given, and rdvfi sees the two around a pair as well; cuts, clips are joined at random, with "
        "flashes, fades and fast pans inside them. With a FOLDER of photographs, of which those kept from training "
        "are used: scenes, frames of rendered scenes whose sprites move along paths of known kind and length; "
        "motion, phi1 against the exact flow of rendered scenes; reconstruction, photographs through the latents",
    )
    add(
        "--methods",
        type=methods_argument,
        metavar="LIST",
        help=f"of {', '.join(METHODS)}; the first one ranks the clips (default: {','.join(DEFAULT_METHODS)}, and those "
        "of --anchors and --comfyui)",
    )
    add("--limit", type=count_argument, metavar="N", help="the first N clips, scenes or photographs only, or N joins")
    add("--seed", type=int, metavar="S", help="of the protocol cuts: which clips are joined (default: 0)")
    add("-o", "--output", metavar="REPORT", type=Path,
        help="write REPORT.json, REPORT.md, and for clips REPORT_sheet.png: the worst and best")  # fmt: skip
    add("--sheets", metavar="DIR", type=Path, help="write a picture per clip: what moves most at 100 %%, "
        "inputs, truth, methods, errors, motion")
    add("--anchors", metavar="FOLDER", type=Path,
        help=f"holds {' and '.join(files(BACKBONE))}, which add LPIPS, and {RIFE}, which adds the method rife "
        f"(default: {ENVIRONMENT} in the environment)")  # fmt: skip
    add("--flip", action="store_const", const=True, help="adds FLIP: half a second a frame of 640x360")
    for name in ("fid", "fvd"):
        option, _, what = OPTIONS[name].partition(" ")
        add(option, metavar=what.split(" ")[0].strip(","), type=Path, help=f"adds {name.upper()}: {what}")
    add("--comfyui", metavar="PATH", type=Path, help="a ComfyUI, whose RIFE and FILM become methods; "
        "RIFE only where --anchors has none")
    for name in CORE:
        add(f"--{name}", metavar="FILE", type=Path,
            help=f"{name.upper()}'s weights for it (default: found in models/frame_interpolation)")  # fmt: skip
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    if args.output is not None:
        check_report_path(args.output)
    refuse_unused(args, ONLY, args.protocol, f"The protocol {args.protocol}")
    (OTHERS.get(args.protocol) or _run_clips)(args)


def _run_clips(args: Namespace) -> None:
    protocol, anchors = PROTOCOLS[args.protocol], anchors_folder(args.anchors)
    methods = Methods.asked(args, anchors, protocol)
    device = checked_device(args.device) or default_device()
    metrics = Metrics.load(anchors, bool(args.flip), args.fid, args.fvd, device)
    sheets = ClipSheets(args.sheets, methods.flows) if args.sheets else None
    with methods.running() as found, progress_bar("clips", unit="clip") as progress:
        report = evaluate(args.folder, protocol, found, metrics, sheets, args.limit, progress)
    report.absent = methods.absent
    finish(args.output, report.to_json(), report.to_markdown())
    if args.output is not None:
        contact_sheet(report, args.output.with_name(f"{args.output.stem}_sheet.png"))
    if report.interrupted:
        raise Interrupted


def _run_scenes(args: Namespace) -> None:
    from ..evaluation.scene_report import on_ends, score_scenes
    from ..evaluation.scenes import MAGNITUDES, PATHS, scene_cases

    count = args.limit or len(MAGNITUDES) * len(PATHS)
    methods = Methods.asked(args, anchors_folder(args.anchors))
    with methods.running() as running, progress_bar("scenes", unit="scene") as progress:
        found = {name: on_ends(method) for name, method in running.items()}
        report = score_scenes(scene_cases(args.folder, count), found, lambda done: progress(done, count))
    finish(args.output, report.to_json(), report.to_markdown())
    if report.interrupted:
        raise Interrupted


def _run_motion(args: Namespace) -> None:
    from ..evaluation.motion import BASELINES as FLOW_BASELINES
    from ..evaluation.motion import SCENES, endpoint_errors, held_out_pairs, network_flow, to_markdown

    interpolator = load_interpolator(args)
    networks = interpolator.networks
    phi1 = network_flow(*(networks[name] for name in ("motion", "between", "autoencoder")), interpolator.device)
    errors = endpoint_errors(held_out_pairs(args.folder, args.limit or SCENES), {"phi1": phi1} | FLOW_BASELINES)
    finish(args.output, to_json(errors), to_markdown(errors))


def _run_reconstruction(args: Namespace) -> None:
    from ..evaluation.reconstruction import reconstruct

    interpolator = load_interpolator(args)
    found = reconstruct(interpolator.networks["autoencoder"], args.folder, interpolator.device, args.limit)
    finish(args.output, found.to_json(), found.to_markdown())


def _run_cuts(args: Namespace) -> None:
    from ..evaluation.cuts import cut_scores

    with progress_bar("joins") as progress:
        scores = cut_scores(Path(args.folder), args.seed or 0, args.limit, progress)
    finish(args.output, scores.to_json(), scores.to_markdown())


OTHERS = {"scenes": _run_scenes, "motion": _run_motion, "reconstruction": _run_reconstruction, "cuts": _run_cuts}
# Options that not every protocol has a use for.
ONLY = (
    dict.fromkeys(("flip", "fid", "fvd", "sheets"), tuple(PROTOCOLS))
    | dict.fromkeys(("methods", "anchors", "comfyui", *CORE), (*PROTOCOLS, "scenes"))
    | dict.fromkeys(("device", "weights"), (*PROTOCOLS, "scenes", "motion", "reconstruction"))
    | {"seed": ("cuts",)}
)


def finish(output: Path | None, json_text: str, markdown: str) -> None:
    print(markdown, end="")
    if output is not None:
        write(output, json_text, markdown)


def check_report_path(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise ValueError(f"The report {path} must end in .json; what else is written is named after it.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"The folder {path.parent} does not exist; create it first.")
