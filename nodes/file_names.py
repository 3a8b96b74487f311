"""What the user writes between percent signs in a file name's prefix.

ComfyUI fills in %year% and its like on the server, for every node. %date:yyyy-MM-dd% and %Node.widget% are filled in by
its page, and only for the savers that it knows by name; for our nodes it is done here, for calls of the API as well."""

from __future__ import annotations

import re
from datetime import datetime

MARKED = re.compile(r"%([^%]+)%")
DATE = "date:"
PARTS = {"d": "%d", "M": "%m", "h": "%H", "m": "%M", "s": "%S"}  # one letter: without a leading zero
TOKENS = re.compile(r"yyyy|yy|dd?|MM?|hh?|mm?|ss?")
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')  # in file names, on some system
SEPARATORS = re.compile(r"[/\\]")


def filled(prefix: str, hidden, now: datetime | None = None) -> str:
    """The prefix with dates and values of other nodes in it, the rest as it is. hidden: the node's, with the graph and
    the workflow that it comes from. A date may make folders, a value does not."""
    when = datetime.now() if now is None else now

    def value(found: re.Match) -> str:
        inside = found[1]
        if inside.startswith(DATE):
            return FORBIDDEN.sub("_", dated(inside.removeprefix(DATE), when))
        name, dot, widget = inside.rpartition(".")
        given = _widget(name, widget, hidden) if dot else None
        return found[0] if given is None else SEPARATORS.sub("_", FORBIDDEN.sub("_", given))

    return MARKED.sub(value, prefix)


def dated(pattern: str, when: datetime) -> str:
    """yyyy-MM-dd hh:mm:ss and parts of it, hours from 0 to 23."""

    def part(found: re.Match) -> str:
        token = found[0]
        if token[0] == "y":
            return f"{when.year:04}"[-len(token) :]
        text = when.strftime(PARTS[token[0]])
        return text if len(token) == 2 else str(int(text))

    return TOKENS.sub(part, pattern)


def _widget(name: str, widget: str, hidden) -> str | None:
    """What stands in a widget of the first node of this name: the one that its user gave it, or that of its kind."""
    graph = hidden.prompt or {}
    for number, names in _names(graph, ((hidden.extra_pnginfo or {}).get("workflow") or {}).get("nodes") or ()):
        given = graph[number].get("inputs", {}).get(widget) if name in names else None
        if isinstance(given, (str, int, float)):
            return str(given)
    return None


def _names(graph: dict, shown: list[dict]) -> list[tuple[str, set]]:
    """Of each node in the graph, which the page sends in another order than it shows them in."""
    names = {}
    for number, node in graph.items():
        names[number] = {node.get("class_type"), node.get("_meta", {}).get("title")}
    for node in shown:
        known = names.get(str(node.get("id")))
        if known is not None:
            known |= {node.get("title"), node.get("properties", {}).get("Node name for S&R")}
    return list(names.items())
