"""What a batch has written, noted in its folder: the same order finds it there and leaves it as it is."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from ..files import whole_file
from .inputs import Named
from .sequence import identity_of

NOTES = ".rdvfi-batch.json"


class Finished:
    """order: for each output by its path, another text for another order of it."""

    def __init__(self, folder: Path, orders: dict[str, str]):
        self._file, self._orders = folder / NOTES, orders
        try:
            notes = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            notes = {}
        self._notes: dict[str, list] = notes if isinstance(notes, dict) else {}

    def holds(self, target: str) -> bool:
        """Whether this output was finished, by the same order, and nobody touched it since."""
        return Path(target).exists() and self._notes.get(Path(target).name) == self._note(target)

    def add(self, target: str) -> None:
        self._notes[Path(target).name] = self._note(target)
        with whole_file(self._file) as partial:
            partial.write_text(json.dumps(self._notes, indent=1), encoding="utf-8")

    def _note(self, target: str) -> list:
        path = Path(target)
        stat = path.stat()
        size = len(list(path.iterdir())) if path.is_dir() else stat.st_size
        return [self._orders[target], size, stat.st_mtime_ns]


def order(named: Named, *choices) -> str:
    """Another text for another source, or for choices that read otherwise. OSError where there is no source."""
    paths = (named,) if isinstance(named, Path) else named
    return sha256(repr((identity_of(paths), choices)).encode()).hexdigest()
