"""Files of a run folder. Each is brought to disk before it takes its name: whatever happens meanwhile, the name stands
for something whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch

from ..files import whole_file


@contextmanager
def file_on_disk(path: Path) -> Iterator[BinaryIO]:
    """A `whole_file` that is on the disk itself when it takes its name."""
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    with file_on_disk(path) as file:
        file.write(text.encode())


def write_state(path: Path, state: dict) -> None:
    with file_on_disk(path) as file:
        torch.save(state, file)


def read_state(path: Path) -> dict:
    """On the CPU. An unreadable file is a ValueError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load's own checks raise whatever its many formats lead to
        raise ValueError(f"{path} is damaged or no checkpoint; delete it, or bring back a copy.") from error


def revision() -> str | None:
    """The git revision of the code, with "+" behind it if files were changed since."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(
            ("git", *arguments), cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):  # no git, or installed from an archive
        return None


def plot_curves(curves: list[dict], path: Path) -> None:
    try:
        import matplotlib
    except ImportError:  # the extra `train` brings it; curves.json holds the same figures
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in curves[-1] if n not in ("step", "seconds")]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = [r for r in curves if name in r]
        axis.plot([r["step"] for r in rows], [r[name] for r in rows])
        axis.set_title(name)
        axis.set_xlabel("step")
    figure.tight_layout()
    try:
        with file_on_disk(path) as file:
            figure.savefig(file, dpi=80, format="png")
    finally:
        pyplot.close(figure)


def saved_or_told(save: Callable[[], None], folder: Path, step: int, kept: int | None) -> None:
    """Says in one sentence what a full disk means for the run."""
    try:
        save()
    except (OSError, RuntimeError) as error:  # torch.save wraps what the disk says
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        before = f"the one of step {kept} is kept" if kept is not None else "there is none before it"
        raise OSError(
            f"The checkpoint of step {step} could not be written to {folder} ({reason}); {before}: make room on the "
            "disk and start again."
        ) from error
