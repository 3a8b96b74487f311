"""`video IN -o OUT`: a video file retimed into another one, frame by frame."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from fractions import Fraction
from pathlib import Path

from ..files import check_sources
from ..pipes import tell
from ..scan import CUT_THRESHOLD, DUPLICATES
from ..timeline import AT_CUTS, Plan, Source, SpeedCurve, Timeline, doubts, exact, exact_fps
from ..video.audio import CHOICES as AUDIO_CHOICES
from ..video.clip import Clip
from ..video.convert import Choices, convert, finished_parts, make_job, open_clip
from ..video.formats import CODECS, QUALITIES, check_output
from ..video.inputs import Named, one_of
from ..video.reader import VideoFile
from ..video.sequence import FrameFiles
from ..weights.files import shipped
from . import add_keyframe_arguments, add_model_arguments, load_interpolator, progress_bar

ABOUT_THE_INPUT = ("keep_fields", "source_fps")  # has a use beside a plan


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Retimes a video file: smoother, slower, at another rate, along a speed curve or by an edited plan. Memory "
        "does not grow with its length. The same command goes on where an earlier run of it was stopped."
    )
    parser.add_argument(
        "input",
        metavar="IN",
        help="video file, folder of numbered frames, or frame_%%04d.png; frames need --source-fps",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file.mp4, .mov, .mkv, .webm or .gif, replaced if it exists; or a new or empty folder for PNGs",
    )
    add_timeline_arguments(parser)
    parser.add_argument("--plan", metavar="FILE", help="render this plan, a JSON file from --plan-only, perhaps edited")
    parser.add_argument(
        "--plan-only",
        metavar="FILE",
        nargs="?",
        const="-",
        help="compute nothing: print the plan as text, or write it to FILE, as JSON if that ends in .json",
    )
    add_output_arguments(parser)
    add_model_arguments(parser)


def add_timeline_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("times").add_mutually_exclusive_group()
    group.add_argument("--multiplier", metavar="N", type=number, help="N times the frames (default: 2)")
    group.add_argument("--slow", metavar="F", type=number, help="F times longer, with as many frames a second")
    group.add_argument("--speed", metavar="S", type=number, help="S seconds of the source in one: 0.5 is half speed")
    group.add_argument("--curve", metavar="FILE", help='speed over time, JSON such as {"points": [[0, 1], [1, 0.25]]}')
    more = parser.add_argument_group("more about times")
    more.add_argument("--fps", metavar="R", type=rate, help="frames a second of the output: 60, 23.976, 24000/1001")
    more.add_argument(
        "--source-fps", metavar="R", type=rate, help="frames a second of the input, where it is numbered frames"
    )
    more.add_argument(
        "--loop",
        action="store_true",
        help="the last frame is followed by the first; one that is the first again is left out",
    )
    more.add_argument("--cuts", choices=AT_CUTS, default="hold", help="what lies between two shots (default: hold)")
    more.add_argument(
        "--cut-threshold",
        metavar="T",
        type=threshold,
        default=CUT_THRESHOLD,
        help="part of the picture that has to be new, from 0 to 1, or none (default: %(default)s)",
    )
    more.add_argument(
        "--duplicates", choices=DUPLICATES, default="auto", help="frames that repeat the one before (default: auto)"
    )
    more.add_argument(
        "--keep-fields",
        action="store_true",
        help="interlaced frames stay as they are; else each of them becomes one whole picture",
    )
    more.add_argument("--resample-all", action="store_true", help="render every frame, so that quality does not pulse")
    more.add_argument(
        "--shutter", metavar="DEG", type=number, default=Fraction(0), help="motion blur: 180, 360 (degrees)"
    )


def add_output_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--audio",
        choices=AUDIO_CHOICES,
        default="auto",
        help="auto: copied at speed 1, else stretched with its pitch kept, left out beyond 1/4 and 4; stretch: always "
        "encoded anew; drop: left out",
    )
    group.add_argument("--codec", default="auto", metavar="C", help=f"auto or one of {', '.join(CODECS)}")
    group.add_argument("--quality", choices=QUALITIES, default="high", help="(default: %(default)s)")
    group.add_argument("--software", action="store_true", help="no hardware encoder, even where there is one")
    add_keyframe_arguments(group)


def run(args: Namespace) -> None:
    if args.plan_only is None and args.output is None:
        raise ValueError("There is no output; give -o OUT, or --plan-only to see what would be done.")
    wish = timeline_of(args) if args.plan is None else plan_of(args)
    if args.output is not None:
        check_output(args.output, Fraction(1))
    named = one_of(args.input)
    refuse_rate([named], args)
    first = named if isinstance(named, Path) else named[0]
    given = [path for path in (first, args.plan, args.curve) if path]
    for target in (args.output, args.plan_only):
        if target not in (None, "-"):
            check_sources(target, *given)
    clip, source = survey(video_of(named, args), args)
    if args.plan_only is not None:
        return show_plan(wish if isinstance(wish, Plan) else wish.plan(source), source, clip, args.plan_only)
    job = make_job(clip, source, wish, args.output, choices_of(args), args.seed, args.keyframes, model_of(args))
    say(job.notes)
    tell(job.describe())
    interpolator = load_interpolator(args)
    try:
        with progress_bar("frames", unit="frame") as progress:
            say(convert(interpolator, job, lambda done, total, frame: progress(done, total)))
    except (KeyboardInterrupt, OSError):
        if finished_parts(job):
            say([f"{finished_parts(job)} of {len(job.spans)} parts are kept: the same command goes on from there."])
        raise


def survey(video: VideoFile | FrameFiles, args: Namespace) -> tuple[Clip, Source]:
    # A plan knows the cuts and repeated frames already.
    sought = (args.cut_threshold, args.duplicates) if args.plan is None else (None, "keep")
    with progress_bar("reading", unit="frame") as progress:
        return open_clip(video, *sought, progress)


def video_of(named: Named, args: Namespace) -> VideoFile | FrameFiles:
    if isinstance(named, Path):
        return VideoFile(named, deinterlace=not args.keep_fields)
    if args.source_fps is None:
        raise ValueError(f"{named[0]} is a frame, which knows no rate; give --source-fps, such as 24.")
    return FrameFiles(named, args.source_fps)


def refuse_rate(inputs: list[Named], args: Namespace) -> None:
    if args.source_fps is not None and all(isinstance(named, Path) for named in inputs):
        raise ValueError("--source-fps is for numbered frames, and a video knows its own rate; leave it out.")


def timeline_of(args: Namespace) -> Timeline:
    """Output lasts as long as the source, the last frame included, so that sound does not outlast it."""
    options = {
        "loop": args.loop,
        "hold_end": True,
        "at_cuts": args.cuts,
        "resample_all": args.resample_all,
        "shutter": args.shutter,
    }
    if args.curve:
        return Timeline.curved(SpeedCurve.load(args.curve), args.fps, **options)
    if args.slow is not None:
        return Timeline.slowed(args.slow, args.fps, **options)
    if args.speed is not None:
        return Timeline(speed=args.speed, fps=args.fps, **options)
    if args.multiplier is None and args.fps is not None:
        return Timeline.resampled(args.fps, **options)
    if args.fps is not None:
        raise ValueError("--multiplier and --fps both set the rate; give one of them.")
    return Timeline.multiplied(2 if args.multiplier is None else args.multiplier, **options)


def plan_of(args: Namespace) -> Plan:
    times = ArgumentParser()
    add_timeline_arguments(times)
    for name, default in vars(times.parse_args([])).items():
        if name not in ABOUT_THE_INPUT and getattr(args, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"--plan says what is rendered, and {option} has no use beside it; leave one of them out.")
    return Plan.from_json(Path(args.plan).read_text(encoding="utf-8"))


def choices_of(args: Namespace) -> Choices:
    return Choices(args.codec, args.quality, not args.software, args.audio)


def model_of(args: Namespace) -> str:
    """Another text for another weights file."""
    path = Path(args.weights) if args.weights else shipped()
    return f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" if path.is_file() else str(path)


def show_plan(plan: Plan, source: Source, clip: Clip, target: str) -> None:
    say([*doubts(plan, source), *clip.survey.notes])
    if target == "-":
        print(source.describe())
        print(plan.describe())
        return
    text = plan.to_json() if target.endswith(".json") else plan.describe() + "\n"
    Path(target).write_text(text, encoding="utf-8")
    print(f"{target}: the plan of {len(plan)} frames")


def say(notes: list[str] | tuple[str, ...]) -> None:
    for note in notes:
        tell(f"note: {note}", error=True)


def number(text: str) -> Fraction:
    try:
        return exact(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def rate(text: str) -> Fraction:
    try:
        return exact_fps(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def threshold(text: str) -> float | None:
    if text == "none":
        return None
    value = float(number(text))
    if not 0 < value <= 1:
        raise ArgumentTypeError(f"{text!r} is no threshold; give a number from 0 to 1, or none.")
    return value
