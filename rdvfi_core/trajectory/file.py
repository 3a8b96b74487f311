"""A trajectory as one safetensors file: its tensors by name, its knot times as metadata."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..files import whole_file
from .trajectory import MAPS, Trajectory

FORMAT = "rdvfi_trajectory"
VERSION = "1"


def save(trajectory: Trajectory, path: str | Path) -> None:
    """The file takes its name only when it is complete."""
    tensors = {name: getattr(trajectory, name).detach().cpu().clone().contiguous() for name in MAPS}
    about = {"times": json.dumps(trajectory.times), "keyframed": json.dumps(trajectory.keyframed)}
    with whole_file(path) as unfinished:
        save_file(tensors, unfinished, {"format": FORMAT, "version": VERSION} | about)


def load(path: str | Path) -> Trajectory:
    """A trajectory that `save` wrote, on the CPU. Any other file is refused with a ValueError."""
    times = check(path)
    with safe_open(path, framework="pt") as file:
        return Trajectory(times, *(file.get_tensor(name) for name in MAPS), _keyframed(file.metadata(), times))


def check(path: str | Path) -> tuple[float, ...]:
    """The knot times of a file, of which the header alone is read; refuses what `load` refuses."""
    again = "save the trajectory again and load that file"
    try:
        with safe_open(path, framework="pt") as file:
            metadata, names = file.metadata() or {}, set(file.keys())
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is cut off or not a safetensors file ({error}); {again}.") from error
    if metadata.get("format") != FORMAT or names != set(MAPS):
        raise ValueError(f"{path} does not hold an RDVFI trajectory; give a file that one was saved to.")
    if metadata.get("version") != VERSION:
        version = metadata.get("version")
        raise ValueError(f"{path} is of version {version}, and only {VERSION} can be read; {again}.")
    try:
        times = tuple(float(time) for time in json.loads(metadata["times"]))
        _keyframed(metadata, times)
        return times
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has no readable list of knot times; {again}.") from error


def _keyframed(metadata: dict[str, str], times: tuple[float, ...]) -> bool:
    """Older files do not say; in them inner knots were keyframes."""
    return bool(json.loads(metadata.get("keyframed", "null" if len(times) == 2 else "true")))
