"""Markdown tables, and trees of numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..files import whole_file


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, its first column flush left and the others flush right."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] + ["---:"] * (len(head) - 1), *rows)]


def to_json(tree: object) -> str:
    """Floats to five decimals, which is finer than any of the metrics can tell apart."""
    return json.dumps(_rounded(tree), indent=1) + "\n"


def write(path: Path, json_text: str, markdown: str) -> None:
    """REPORT.json, and REPORT.md beside it; each takes its name when it is complete."""
    for target, text in ((path, json_text), (path.with_suffix(".md"), markdown)):
        with whole_file(target) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _rounded(tree: object) -> object:
    if isinstance(tree, float):
        return round(tree, 5)
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    return [_rounded(value) for value in tree] if isinstance(tree, (list, tuple)) else tree
