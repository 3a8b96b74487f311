"""Guides as the text that a workflow carries, checked. All that is known of the format stands here.

{"version": 1, "size": [width, height], "guides": [{"points": [[t, x, y], ...], "radius": r, "in_front": false}]}

size is that of the images on which they were drawn, in pixels. A guide's points lead from the start image (t = 0) to
the end image (t = 1); x = (px + 0.5) / width and y = (py + 0.5) / height. radius is a fraction of the width."""

from __future__ import annotations

import json
import math

VERSION = 1
EXAMPLE = '{"version": 1, "size": [640, 360], "guides": []}'
SAME_PLACE = 0.5  # px: guides that begin so close to each other are one point's
SAME_ASPECT = 0.01


def parse_guides(text: str) -> dict:
    """ValueError with one sentence where it is not in the format. Empty text: no guides."""
    if not text.strip():
        return {"version": VERSION, "size": None, "guides": []}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"guides is no JSON ({error}); write it as in {EXAMPLE}.") from error
    if not isinstance(found, dict) or not isinstance(found.get("guides"), list):
        raise ValueError(f"guides holds no list of guides; write it as in {EXAMPLE}.")
    if found.get("version") != VERSION:
        raise ValueError(f"The guides are of version {found.get('version')}, this pack reads {VERSION}; update it.")
    size = found.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_number(side) and side > 0 for side in size)):
        raise ValueError(f"The guides' size is {size}; give [width, height] of the images in pixels.")
    for number, guide in enumerate(found["guides"], 1):
        _check(guide, number)
    _check_agreement(found["guides"], size)
    return found


def check_aspect(guides: dict, width: int, height: int) -> None:
    """ValueError where guides were drawn on images of another shape."""
    if guides["size"] is None:
        return
    drawn_width, drawn_height = guides["size"]
    if abs(drawn_width * height / (drawn_height * width) - 1) > SAME_ASPECT:
        raise ValueError(
            f"The guides were drawn on images of {drawn_width:g}x{drawn_height:g}, these are {width}x{height}; give "
            "images of the same aspect, or draw anew."
        )


def _check(guide: dict, number: int) -> None:
    points = guide.get("points") if isinstance(guide, dict) else None
    well_formed = isinstance(points, list) and len(points) >= 2
    if not well_formed or not all(isinstance(p, list) and len(p) == 3 and all(map(_is_number, p)) for p in points):
        raise ValueError(f"Guide {number} has no points; give at least [[0, x, y], [1, x, y]].")
    times = [point[0] for point in points]
    for t, x, y in points:
        if not 0 <= t <= 1:
            raise ValueError(f"Guide {number} has a point at the time {t:g}; times go from 0 (start) to 1 (end).")
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(
                f"Guide {number} has a point at ({x:g}, {y:g}), outside the image; x and y go from 0 to 1."
            )
    if times[0] != 0 or times[-1] != 1:
        raise ValueError(f"Guide {number} runs from {times[0]:g} to {times[-1]:g}; it must run from 0 to 1.")
    if any(a >= b for a, b in zip(times, times[1:], strict=False)):
        raise ValueError(f"The times of guide {number} do not rise; give its points in the order of time.")
    radius = guide.get("radius")
    if not (_is_number(radius) and 0 < radius <= 1):
        raise ValueError(f"The radius of guide {number} is {radius}; give a fraction of the width, from 0 to 1.")
    if not isinstance(guide.get("in_front"), bool):
        raise ValueError(f"in_front of guide {number} is {guide.get('in_front')}; give true or false.")


def _check_agreement(guides: list[dict], size: list[float]) -> None:
    for second, guide in enumerate(guides, 1):
        for first, other in enumerate(guides[: second - 1], 1):
            if _gap(guide, other, 0, size) < SAME_PLACE <= _gap(guide, other, -1, size):
                raise ValueError(
                    f"Guides {first} and {second} begin at the same point and end at different ones; delete one."
                )


def _gap(a: dict, b: dict, end: int, size: list[float]) -> float:  # px
    (_, ax, ay), (_, bx, by) = a["points"][end], b["points"][end]
    return math.hypot((ax - bx) * size[0], (ay - by) * size[1])


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
