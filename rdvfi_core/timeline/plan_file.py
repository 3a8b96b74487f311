"""Plans as JSON, one line for each frame.

{"fps": "24", "source_frames": 3, ..., "frames": [{"time": "0", "copy": 0},
{"time": "1/48", "between": [0, 1], "tau": "1/2"}, ...]}, with "blend" like "between", and a list "exposure" in frames
that are blurred. "ticks" tells when source frames are shown where that is uneven."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .frames import KINDS, PlanFrame
from .moments import AT_CUTS
from .rates import decimal, exact

if TYPE_CHECKING:
    from .plan import Plan


def write(plan: Plan) -> str:
    whole = {
        "fps": str(plan.fps),
        "source_frames": plan.source_frames,
        "cuts": list(plan.cuts),
        "duplicates": list(plan.duplicates),
        "at_cuts": plan.at_cuts,
        "loop": plan.loop,
    } | ({"ticks": list(plan.ticks)} if plan.ticks else {})
    frames = ",\n".join(json.dumps({"time": str(frame.time)} | _frame(frame)) for frame in plan)
    return json.dumps(whole)[:-1] + ',\n"frames": [\n' + frames + "\n]}\n"


def read(text: str) -> dict[str, Any]:
    """The fields of a Plan, checked."""
    try:
        whole = json.loads(text, parse_float=str)
        listed, count = whole["frames"], int(whole["source_frames"])
        fields = {name: tuple(int(i) for i in whole.get(name, ())) for name in ("cuts", "duplicates")}
        at_cuts, loop = whole.get("at_cuts", "hold"), bool(whole.get("loop", False))
        ticks = None if whole.get("ticks") is None else tuple(whole["ticks"])
        fps = exact(whole["fps"])
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"This is no plan ({error}); edit one that was written as JSON.") from None
    if fps <= 0 or count < 2 or at_cuts not in AT_CUTS or not isinstance(listed, list) or not listed:
        raise ValueError(
            f"The plan has fps {decimal(fps)}, {count} source frames and at_cuts {at_cuts!r}; it needs a rate above 0, "
            f"at least 2 source frames, at least one frame, and at_cuts one of {', '.join(AT_CUTS)}."
        )
    if ticks is not None and not _are_ticks(ticks, count):
        raise ValueError(
            f"The ticks of the plan do not fit {count} source frames; give whole numbers that rise from 0, one for "
            "each frame and one for the end."
        )
    frames = tuple(_read(i, entry, count, loop) for i, entry in enumerate(listed))
    for number, (before, frame) in enumerate(pairwise(frames), 1):
        if frame.time <= before.time:
            raise ValueError(
                f"Frame {number} of the plan is shown at {frame.time} s, not after the one before, at {before.time} s."
            )
    whole = {"fps": fps, "frames": frames, "source_frames": count, "at_cuts": at_cuts, "loop": loop, "ticks": ticks}
    return whole | fields


def _are_ticks(ticks: tuple, count: int) -> bool:
    whole = len(ticks) == count + 1 and all(type(tick) is int for tick in ticks)
    return whole and ticks[0] == 0 and all(a < b for a, b in pairwise(ticks))


def _frame(frame: PlanFrame) -> dict[str, Any]:
    if frame.kind == "copy":
        entry: dict[str, Any] = {"copy": frame.first}
    else:
        entry = {frame.kind: [frame.first, frame.second], "tau": str(frame.tau)}
    if frame.exposure:
        entry["exposure"] = [_frame(moment) for moment in frame.exposure]
    return entry


def _read(number: int, entry: Any, count: int, loop: bool) -> PlanFrame:
    try:
        time = exact(entry["time"])
        exposure = tuple(_moment(time, moment, count, loop) for moment in entry.get("exposure", ()))
        frame = _moment(time, entry, count, loop)
        if time < 0:
            raise ValueError(f"the time {decimal(time)} is before 0")
    except (KeyError, TypeError, AttributeError):
        raise ValueError(
            f'Frame {number} of the plan cannot be read; write {{"time": "1/24", "copy": 1}} or {{"time": "1/24", '
            '"between": [0, 1], "tau": "1/2"}.'
        ) from None
    except ValueError as error:
        raise ValueError(f"Frame {number} of the plan: {error}") from None
    return PlanFrame(frame.time, frame.kind, frame.first, frame.second, frame.tau, exposure)


def _moment(time: Fraction, entry: dict[str, Any], count: int, loop: bool) -> PlanFrame:
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1:
        raise KeyError
    kind = kinds[0]
    if kind == "copy":
        first = second = entry["copy"]
        tau = Fraction(0)
    else:
        (first, second), tau = entry[kind], exact(entry["tau"])
        if not 0 < tau < 1:
            raise ValueError(f"tau is {decimal(tau)}; it lies between 0 and 1, and at these ends a copy is meant.")
    if not all(type(i) is int for i in (first, second)):
        raise TypeError
    for i in (first, second):
        if not 0 <= i < count:
            raise ValueError(f"there is no source frame {i}; they go from 0 to {count - 1}.")
    closes = loop and second == 0 and first > 0
    if kind != "copy" and first >= second and not closes:
        raise ValueError(f"frames {first} and {second} are no pair; the second comes after the first.")
    return PlanFrame(time, kind, first, second, tau)
