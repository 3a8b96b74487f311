"""The command line: `python -m rdvfi_core COMMAND ...`. A command's module is imported only when it is asked for."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from .errors import Interrupted
from .pipes import let_go

COMMANDS = {  # name: (module with add_arguments(parser) and run(args), line for --help)
    "interpolate": (".commands.interpolate", "render frames between two images"),
    "video": (".commands.video", "retime a video file: smoother, slower, another rate, a speed curve"),
    "batch": (".commands.batch", "retime many video files on several GPUs or machines"),
    "demo": (".commands.demo", "render a sample pair and interpolate it"),
    "evaluate": (".commands.evaluate", "measure how close interpolated frames come to true ones"),
    "hard-cases": (".commands.hard_cases", "write rendered clips that are hard to interpolate"),
    "ablate": (".commands.ablate", "measure what each part of the method contributes"),
    "benchmark": (".commands.benchmark", "measure time and memory on this machine"),
    "convert": (".commands.convert", "write diffusion models under names that ComfyUI loads"),
    "train": (".training.commands", "train the networks"),
}
BAD_INPUT, INTERRUPTED = 2, 130


class OneLineParser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, 2 for input that cannot be used (said in one line on stderr), 130 after Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        args = build_parser(argv[0] if argv else None).parse_args(argv)
        args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        let_go(sys.stdout)
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    except (KeyboardInterrupt, Interrupted):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def build_parser(command: str | None) -> ArgumentParser:
    """All commands are listed; only `command` knows its arguments."""
    parser = OneLineParser(prog="python -m rdvfi_core", description="Frames between two frames.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module_name, line) in COMMANDS.items():
        subparser = commands.add_parser(name, help=line)
        if name == command:
            module = import_module(module_name, __package__)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
