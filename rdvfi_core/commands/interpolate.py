"""`interpolate A B -o OUT`: two photographs in, a video or a folder of PNGs out."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor

from ..files import check_sources
from ..inputs import check_pair, check_times
from ..media import read_image
from ..video.formats import check_output
from ..video.writer import open_writer
from . import add_keyframe_arguments, add_model_arguments, count_argument, fps_argument, load_interpolator, progress_bar

NEW_FRAMES = 7


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Renders frames between two images of the same size. Transparency in an image is composited on white; grey, "
        "palette and 16-bit images become 8-bit RGB in the output."
    )
    parser.add_argument("image0", metavar="A", help="first image, tau = 0")
    parser.add_argument("image1", metavar="B", help="last image, tau = 1")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="file.mp4 (H.264), file.webm (VP9) or file.gif, replaced if it exists; or a new or empty folder for PNGs. "
        "An .mp4 with an odd side uses 4:4:4 chroma, which some players do not show; .webm has no such limit",
    )
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--frames",
        metavar="N",
        type=count_argument,
        default=NEW_FRAMES,
        help="new frames, evenly between A and B; the output is A, the N frames, B (default: %(default)s)",
    )
    times.add_argument(
        "--times",
        metavar="LIST",
        type=times_argument,
        help="exactly these times between 0 (A) and 1 (B), such as 0,0.25,1/3,1",
    )
    parser.add_argument(
        "--fps",
        metavar="F",
        type=fps_argument,
        default=Fraction(24),
        help="frames per second of a video: 30, 29.97, 24000/1001 (default: %(default)s)",
    )
    add_keyframe_arguments(parser)
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    check_output(args.output, args.fps)
    check_sources(args.output, args.image0, args.image1)
    image0, image1 = check_pair(read_image(args.image0), read_image(args.image1))
    times = args.times or between(args.frames)
    interpolator = load_interpolator(args)
    interpolate_to_file(interpolator, image0, image1, times, args.output, args.fps, args.seed, args.keyframes)


def interpolate_to_file(
    interpolator,
    image0: Tensor,  # (1, 3, H, W) in [0, 1]
    image1: Tensor,
    times: Sequence[Fraction],
    output: str,
    fps: Fraction,
    seed: int = 0,
    keyframes: str = "auto",
):  # Trajectory
    """Both phases; every frame is written as soon as it is rendered. Returns the pair's Trajectory."""
    height, width = image0.shape[-2:]
    floats = check_times(times)
    with open_writer(output, (height, width), fps) as writer:
        with progress_bar("motion") as progress:
            trajectory = interpolator.fit(image0, image1, seed=seed, keyframes=keyframes, progress=progress)
        with progress_bar("frames", unit="frame") as progress:
            for frame in interpolator.stream(image0, image1, trajectory, floats, progress=progress):
                writer.write(frame)
    print(f"{output}: {len(floats)} frames, {width}x{height}, {float(fps):g} fps")
    return trajectory


def between(count: int) -> list[Fraction]:
    """Times of A, `count` frames evenly between, and B."""
    return [Fraction(i, count + 1) for i in range(count + 2)]


def times_argument(text: str) -> list[Fraction]:
    """ "0, 0.25, 1/3" -> exact fractions."""
    try:
        times = [Fraction(part.strip()) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        raise ArgumentTypeError(f"{text!r} is not a list of numbers; write them like 0,0.25,1/3,1.") from None
    try:
        check_times(times)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return times
