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
    """orders: for each output by its path, another text for another order of it.

    An output takes its name when it is whole, so that it is enough to know what was to take its place: a run that is
    killed in the moment after leaves no doubt."""

    def __init__(self, folder: Path, orders: dict[str, str]):
        self._file, self._orders = folder / NOTES, orders
        try:
            notes = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            notes = {}
        self._notes: dict[str, dict] = notes if isinstance(notes, dict) else {}

    def holds(self, target: str) -> bool:
        """Whether this output was finished, by the same order, and nobody touched it since."""
        note, there = self._notes.get(Path(target).name), _state(target)
        if not isinstance(note, dict) or note.get("order") != self._orders[target] or there is None:
            return False
        return note["done"] == there if "done" in note else note.get("before") != there

    def begin(self, target: str) -> None:
        self._write(target, before=_state(target))

    def end(self, target: str) -> None:
        self._write(target, done=_state(target))

    def _write(self, target: str, **state) -> None:
        self._notes[Path(target).name] = {"order": self._orders[target], **state}
        with whole_file(self._file) as partial:
            partial.write_text(json.dumps(self._notes, indent=1), encoding="utf-8")


def _state(target: str) -> list[int] | None:
    """Another one for another file or folder of this name; None where there is none."""
    path = Path(target)
    if not path.exists():
        return None
    stat = path.stat()
    return [len(list(path.iterdir())) if path.is_dir() else stat.st_size, stat.st_mtime_ns]


def order(named: Named, *choices) -> str:
    """Another text for another source, or for choices that read otherwise. OSError where there is no source."""
    paths = (named,) if isinstance(named, Path) else named
    return sha256(repr((identity_of(paths), choices)).encode()).hexdigest()
