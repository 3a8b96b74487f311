"""Lines for whoever reads them: a reader that has gone, such as `head`, is no error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def tell(text: str, error: bool = False) -> None:
    """A line on stdout or stderr."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        let_go(stream)


def let_go(stream) -> None:
    """What else is written there goes nowhere, at the interpreter's end as well."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
