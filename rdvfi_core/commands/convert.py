"""`convert`: weights of Wan and SVD under names that ComfyUI loads, alone or joined with our networks in one file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..conventions import KEYFRAMES, spanning_times
from ..weights.sets import inspect, join
from . import count_argument, progress_bar


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Says what a file holds, or writes it anew under the names by which ComfyUI loads it: Wan and SVD in diffusers "
        "format, LoRA for them, prefixes that ComfyUI does not know, shards. With a file of RDVFI networks among the "
        "inputs, one file of the whole system."
    )
    parser.add_argument("inputs", nargs="+", metavar="IN", help="safetensors files: a model in one file or its shards")
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write; without it, the inputs are described")
    parser.add_argument(
        "--keyframes",
        type=count_argument,
        default=KEYFRAMES,
        metavar="N",
        help="of a whole system: keyframes that it makes, both ends included (default: %(default)s)",
    )
    parser.add_argument("--null-text", metavar="FILE", help="text embedding (1, L, D) that the model was trained with")
    parser.add_argument("--licence", metavar="TEXT", help="default: that of the RDVFI networks")


def run(args: Namespace) -> None:
    if args.output is None:
        for path in args.inputs:
            print(inspect(path).describe())
        return
    if args.keyframes < 2:
        raise ValueError(f"--keyframes is {args.keyframes}; a whole system makes at least 2, the two ends included.")
    times = spanning_times(args.keyframes)
    with progress_bar("writing", "MiB") as progress:
        found = join(args.inputs, args.output, times, args.null_text, args.licence, progress)
    print(found.describe())
