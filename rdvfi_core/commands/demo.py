"""`demo`: renders a sample pair whose motion is known, interpolates it, and shows the result on one sheet."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from fractions import Fraction

from ..pixels.flow_viz import flow_to_rgb
from ..pixels.warp import resize
from ..scenes.sample import sample_scene
from ..sheet import cell, draw_sheet
from ..video.colour import to_integers
from ..video.formats import check_output
from . import add_model_arguments, load_interpolator
from .interpolate import between, interpolate_to_file

HEIGHT, WIDTH = 360, 640
NEW_FRAMES = 23
FPS = Fraction(24)
SHOWN = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = f"Renders a sample pair of {WIDTH}x{HEIGHT} and puts {NEW_FRAMES} frames between."
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        default="demo.mp4",
        help="file.mp4, .webm or .gif, or a new or empty folder for PNGs (default: %(default)s); beside it "
        "OUT_sheet.png shows both images, the motion between them, and the frames at 1/4, 1/2 and 3/4",
    )
    add_model_arguments(parser)


def run(args: Namespace) -> None:
    final = check_output(args.output, FPS)
    interpolator = load_interpolator(args)
    scene = sample_scene(HEIGHT, WIDTH)
    image0, image1 = scene.render(0.0).image, scene.render(1.0).image
    trajectory = interpolate_to_file(interpolator, image0, image1, between(NEW_FRAMES), args.output, FPS)
    frames = interpolator.render(image0, image1, trajectory, [float(time) for time in SHOWN])
    flow = resize(flow_to_rgb(trajectory.to1[:, 0]), HEIGHT, WIDTH)  # the first knot is I0, so this is f_{0->1}
    rows = {
        "the rendered pair, and its motion from I0 to I1": {"I0": image0[0], "I1": image1[0], "motion": flow[0]},
        "frames between": {f"tau = {time}": frame for time, frame in zip(SHOWN, frames, strict=True)},
    }
    cells = {
        title: [cell(to_integers(image), caption) for caption, image in row.items()] for title, row in rows.items()
    }
    sheet = final.with_name(f"{final.stem}_sheet.png")
    draw_sheet(cells).save(sheet)
    print(f"{sheet}: the pair, its motion, and frames between")
