"""`hard-cases`: writes rendered clips that are hard to interpolate, for `evaluate` and for the eye."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..scenes.hard_cases import FRAMES, HARD_CASES, HEIGHT, WIDTH, write_hard_cases
from . import progress_bar


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        f"Writes {len(HARD_CASES)} rendered clips of {FRAMES} frames of {WIDTH}x{HEIGHT}, each a folder of PNGs: "
        f"{', '.join(HARD_CASES)}."
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="new or empty")


def run(args: Namespace) -> None:
    with progress_bar("clips", unit="clip") as progress:
        write_hard_cases(args.folder, progress=progress)
    print(f"{args.folder}: python -m rdvfi_core evaluate {args.folder} --protocol gap7")
