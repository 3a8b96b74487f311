"""RIFE and FILM as ComfyUI's own nodes run them, as baselines.

ComfyUI needs packages, and sets global state, that have no place here: it runs in a process of its own with its own
Python, `comfyui_worker.py`, which gets pairs of frames through a pipe and sends back what it made of them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..media import to_bytes
from .comfyui_worker import receive, send

NODES = Path("comfy_extras", "nodes_frame_interpolation.py")
MODELS = Path("models", "frame_interpolation")
SUFFIXES = (".safetensors", ".pth", ".pt", ".pkl")
FINEST = 48  # steps that an interval is cut into at most; ComfyUI makes all the frames between


class CoreInterpolation:
    """A method as `runner.evaluate` takes it. The process starts with the first pair and ends with `close`."""

    def __init__(self, comfyui: Path, weights: Path):
        self._command = [python_of(comfyui), str(Path(__file__).with_name("comfyui_worker.py")), str(comfyui.resolve()),
                         str(weights.resolve())]  # fmt: skip
        self._weights, self._process = weights, None

    def __call__(self, image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:  # (T, 3, H, W)
        wanted = [Fraction(tau).limit_denominator(FINEST) for tau in times]
        steps = math.lcm(*(tau.denominator for tau in wanted))
        if steps > FINEST or any(abs(float(a) - b) > 1e-6 for a, b in zip(wanted, times, strict=True)):
            raise ValueError(f"ComfyUI's node cuts an interval into equal steps; {times} would take more than {FINEST}")
        pair = np.stack([to_bytes(image) for image in (image0, image1)])
        try:
            if self._process is None:
                self._process = self._start()
            send(self._process.stdin, {"steps": steps}, pair)
            head, frames = receive(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            code = self._process.wait()
            raise RuntimeError(f"ComfyUI's process ended with status {code}; its messages are above") from error
        if "error" in head:
            raise RuntimeError(f"{self._weights.name} in ComfyUI: {head['error']}")
        made = torch.from_numpy(frames.copy())  # (steps + 1, H, W, 3) float32
        return torch.stack([made[int(tau * steps)] for tau in wanted]).permute(0, 3, 1, 2)

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen:
        # PYTHONPATH names modules for this process, not for ComfyUI's; core's node draws a bar for every pair.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"TQDM_DISABLE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(self._command, env=environment, start_new_session=True, **pipes)  # Ctrl-C stays here


def core_weights(comfyui: Path, given: dict[str, Path | None]) -> dict[str, Path]:
    """Weight files of "rife" and "film": those given, else the first by name in ComfyUI's own folder."""
    if not (comfyui / NODES).is_file():
        raise ValueError(f"{comfyui} is no ComfyUI with frame interpolation: it has no {NODES}; give its folder.")
    for name, path in given.items():
        if path is not None and not path.is_file():
            raise ValueError(f"--{name} {path} is no file; give {name.upper()}'s weights.")
    folder = comfyui / MODELS
    files = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES) if folder.is_dir() else []
    found = {name: path or next((f for f in files if name in f.name.lower()), None) for name, path in given.items()}
    return {name: path for name, path in found.items() if path is not None}


def python_of(comfyui: Path) -> str:
    """The interpreter that has ComfyUI's packages: COMFYUI_PYTHON, its own environment, or this one."""
    inside = [comfyui / folder / "bin" / "python" for folder in ("venv", ".venv")]
    inside += [comfyui / folder / "Scripts" / "python.exe" for folder in ("venv", ".venv")]
    inside.append(comfyui.parent / "python_embeded" / "python.exe")  # spelled so in ComfyUI's portable package
    return os.environ.get("COMFYUI_PYTHON") or next((str(p) for p in inside if p.is_file()), sys.executable)
