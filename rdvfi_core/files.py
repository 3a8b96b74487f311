"""Files that are whole or not there, and names that fit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

LONGEST = 255  # bytes of a name, where the system does not say
KEPT = 100  # bytes of a name that temporary names begin with


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A path beside `path`, of this process alone, to write a file to. The file takes its name when the block is left,
    and vanishes if the block fails, so that the name always stands for something complete."""
    path = Path(path)
    partial = beside(path, f".{os.getpid()}.partial", hidden=False)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def beside(path: Path, ending: str, hidden: bool = True) -> Path:
    """A path in the same folder that no other `path` has: its name with an ending, shortened where both might not fit
    together."""
    name = path.name
    if len(os.fsencode(name)) > KEPT:
        start = os.fsencode(name)[: KEPT - 16].decode(errors="ignore")
        name = f"{start}~{sha256(os.fsencode(name)).hexdigest()[:12]}"
    return path.with_name(f"{'.' if hidden else ''}{name}{ending}")


def check_name(path: Path) -> None:
    """ValueError where the file system has no room for the name."""
    try:
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows counts characters
        longest, length, unit = LONGEST, len(path.name), "characters"
    else:
        length, unit = len(os.fsencode(path.name)), "bytes"
    if length > longest:
        raise ValueError(f"The name {path.name} is {length} {unit} long; {longest} fit into this folder: shorten it.")


def check_sources(target: str | Path, *sources: str | Path) -> None:
    """ValueError where the target is one of the files that it is made from, also by another name."""
    for source in sources:
        if _same(Path(target).expanduser(), Path(source)):
            raise ValueError(f"{target} would replace its own source; give the output another name.")


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there
        return False
