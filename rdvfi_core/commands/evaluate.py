"""`evaluate FOLDER --protocol P`: how close interpolated frames come to the true ones, of clips (gap7, gap24, davis7,
fcvg, through true keyframes keyframes8 and keyframes24, among a clip's other frames neighbours2, 4 and 8) or of
rendered scenes (scenes); how close phi1 comes to exact flow (motion); how well the latents rebuild photographs
(reconstruction); whether cuts are found (cuts)."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from ..errors import Interrupted
from ..evaluation.baselines import BASELINES, FLOWS
from ..evaluation.core_interpolation import CoreInterpolation, core_weights
from ..evaluation.metrics import OPTIONS, Metrics
from ..evaluation.pictures import ClipSheets, FlowAt, contact_sheet
from ..evaluation.protocols import PROTOCOLS, Protocol
from ..evaluation.runner import Method, evaluate
from ..evaluation.tables import to_json, write
from ..precision import default_device
from . import add_model_arguments, checked_device, count_argument, load_interpolator, progress_bar, refuse_unused

KEYFRAMES = {"rdvfi": "auto", "straight": "straight"}  # methods of this package: how they get their keyframes
CORE = ("rife", "film")  # methods of ComfyUI's core
METHODS = (*KEYFRAMES, *BASELINES, *CORE)
DEFAULT_METHODS = ("rdvfi", "straight", "blend", "dis")


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Hides frames of clips, interpolates them and reports PSNR, SSIM, HaarPSI and sharpness; LPIPS, FID and FVD "
        'where their networks\' weights are given. Needs the extra `evaluate`: pip install -e ".[evaluate]"'
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
        "of --comfyui)",
    )
    add("--limit", type=count_argument, metavar="N", help="the first N clips, scenes or photographs only, or N joins")
    add("--seed", type=int, metavar="S", help="of the protocol cuts: which clips are joined (default: 0)")
    add("-o", "--output", metavar="REPORT", type=Path,
        help="write REPORT.json, REPORT.md, and for clips REPORT_sheet.png: the worst and best")  # fmt: skip
    add("--sheets", metavar="DIR", type=Path, help="write a picture per clip: inputs, truth, methods, errors, motion")
    for name in ("lpips", "fid", "fvd"):
        option, _, what = OPTIONS[name].partition(" ")
        add(option, metavar=what.split(" ")[0].strip(","), type=Path, help=f"adds {name.upper()}: {what}")
    add("--comfyui", metavar="PATH", type=Path, help="a ComfyUI, whose RIFE and FILM become methods")
    for name in CORE:
        add(f"--{name}", metavar="FILE", type=Path,
            help=f"{name.upper()}'s weights (default: found in ComfyUI's models/frame_interpolation)")  # fmt: skip
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    if args.output is not None:
        check_report_path(args.output)
    refuse_unused(args, ONLY, args.protocol, f"The protocol {args.protocol}")
    (OTHERS.get(args.protocol) or _run_clips)(args)


def _run_clips(args: Namespace) -> None:
    protocol = PROTOCOLS[args.protocol]
    with _methods(args, protocol) as (methods, flows):
        metrics = Metrics.load(args.lpips, args.fid, args.fvd, checked_device(args.device) or default_device())
        sheets = ClipSheets(args.sheets, flows) if args.sheets else None
        with progress_bar("clips", unit="clip") as progress:
            report = evaluate(args.folder, protocol, methods, metrics, sheets, args.limit, progress)
    finish(args.output, report.to_json(), report.to_markdown())
    if args.output is not None:
        contact_sheet(report, args.output.with_name(f"{args.output.stem}_sheet.png"))
    if report.interrupted:
        raise Interrupted


def _run_scenes(args: Namespace) -> None:
    from ..evaluation.scene_report import on_ends, score_scenes
    from ..evaluation.scenes import MAGNITUDES, PATHS, scene_cases

    count = args.limit or len(MAGNITUDES) * len(PATHS)
    with _methods(args) as (methods, _), progress_bar("scenes", unit="scene") as progress:
        found = {name: on_ends(method) for name, method in methods.items()}
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
    dict.fromkeys(("lpips", "fid", "fvd", "sheets"), tuple(PROTOCOLS))
    | dict.fromkeys(("methods", "comfyui", *CORE), (*PROTOCOLS, "scenes"))
    | dict.fromkeys(("device", "weights"), (*PROTOCOLS, "scenes", "motion", "reconstruction"))
    | {"seed": ("cuts",)}
)


def methods_argument(text: str) -> list[str]:
    """ "rdvfi, blend" -> names in this order, each once."""
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in METHODS:
            raise ArgumentTypeError(f"{name!r} is not a method; choose from {', '.join(METHODS)}.")
    return names


@contextmanager
def _methods(
    args: Namespace, protocol: Protocol | None = None
) -> Iterator[tuple[dict[str, Method], dict[str, FlowAt]]]:
    """By name, in the order asked for, and the motion that those find who have nothing but the ends. The networks are
    loaded only if a method needs them; ComfyUI's process ends with the block."""
    weights = _core_weights(args)
    names = args.methods or [*DEFAULT_METHODS, *weights]
    core = {name: CoreInterpolation(args.comfyui, weights[name]) for name in names if name in CORE}
    own = [name for name in names if name in KEYFRAMES]
    interpolator = load_interpolator(args) if own else None

    def method(keyframes: str) -> Method:
        return lambda image0, image1, times: interpolator(image0, image1, times, keyframes=keyframes)

    def flow(keyframes: str) -> FlowAt:
        return lambda image0, image1, tau: interpolator.fit(image0, image1, keyframes=keyframes).sample(tau).to0

    def through_keyframes(
        image0: Tensor, image1: Tensor, times: list[float], frames: Tensor, at: list[float]
    ) -> Tensor:
        return interpolator.render(image0, image1, interpolator.fit_frames(image0, image1, frames, at), times)

    def among_neighbours(image0: Tensor, image1: Tensor, times: list[float], frames: Tensor, at: list[float]) -> Tensor:
        return interpolator(image0, image1, times, before=frames[0], after=frames[1])

    found = BASELINES | core | {name: method(KEYFRAMES[name]) for name in own}
    flows = FLOWS | {name: flow(KEYFRAMES[name]) for name in own}
    if protocol is not None and protocol.shown:
        own = through_keyframes if protocol.keyframes else among_neighbours
        found = {name: _from_ends(method) for name, method in found.items()} | {"rdvfi": own}
        flows.pop("rdvfi", None)
    try:
        for process in core.values():
            process.start()
        yield {name: found[name] for name in names}, flows
    finally:
        for process in core.values():
            process.close()


def _from_ends(method: Method) -> Method:
    """The method without a look at other frames."""
    return lambda image0, image1, times, *beside: method(image0, image1, times)


def _core_weights(args: Namespace) -> dict[str, Path]:
    given = {name: getattr(args, name) for name in CORE}
    asked = [name for name in CORE if name in (args.methods or ()) or given[name] is not None]
    if args.comfyui is None:
        if asked:
            raise ValueError(f"The method {asked[0]} runs in ComfyUI; give its folder with --comfyui PATH.")
        return {}
    weights = core_weights(args.comfyui, given)
    missing = [name for name in asked if name not in weights]
    if missing or not weights:
        name = (missing or CORE)[0]
        raise ValueError(
            f"There are no weights of {name.upper()} in {args.comfyui}'s models/frame_interpolation; put its file "
            f"there, with {name} in its name, or give --{name} FILE."
        )
    return weights


def finish(output: Path | None, json_text: str, markdown: str) -> None:
    print(markdown, end="")
    if output is not None:
        write(output, json_text, markdown)


def check_report_path(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise ValueError(f"The report {path} must end in .json; what else is written is named after it.")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"The folder {path.parent} does not exist; create it first.")
