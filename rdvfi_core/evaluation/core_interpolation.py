"""FILM and core's own RIFE as baselines, as ComfyUI's own nodes load and run them.

ComfyUI needs packages, and sets global state, that have no place here: it runs in a process of its own with its own
Python, `core_interpolation_worker.py`, which gets pairs of frames through a pipe and sends back what it made of
them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..comfyui import checked_comfyui, python_of
from ..video.colour import to_integers
from .core_interpolation_worker import receive, send

NODES = Path("comfy_extras", "nodes_frame_interpolation.py")
MODELS = Path("models", "frame_interpolation")
SUFFIXES = (".safetensors", ".pth", ".pt", ".pkl")


class CoreInterpolation:
    """A method as `runner.evaluate` takes it. `start` loads the weights in a process that `close` ends; a file that
    ComfyUI cannot load is refused with a ValueError."""

    def __init__(self, comfyui: Path, weights: Path):
        worker, comfyui = Path(__file__).with_name("core_interpolation_worker.py"), checked_comfyui(comfyui)
        self._command = [python_of(comfyui), *map(str, (worker, comfyui, weights.resolve()))]
        self._weights, self._process = weights, None

    def start(self) -> CoreInterpolation:
        # PYTHONPATH names modules for this process, not for ComfyUI's; one bar is enough.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"TQDM_DISABLE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # In a session of its own, so that Ctrl-C stops the evaluation and not the method.
        self._process = subprocess.Popen(self._command, env=environment, start_new_session=True, **pipes)
        try:
            self._answer()
        except RuntimeError as error:
            self.close()
            raise ValueError(str(error)) from error
        return self

    def __call__(self, image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:  # (T, 3, H, W)
        pair = np.stack([to_integers(image) for image in (image0, image1)])
        send(self._process.stdin, {"times": list(times)}, pair)
        return torch.from_numpy(self._answer().copy()).permute(0, 3, 1, 2)

    def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended before
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _answer(self) -> np.ndarray | None:
        try:
            head, frames = receive(self._process.stdout)
        except EOFError as error:
            code = self._process.wait()
            raise RuntimeError(f"ComfyUI's process ended with status {code}; its messages are above.") from error
        if "error" in head:
            raise RuntimeError(f"{self._weights.name} in ComfyUI: {head['error']}")
        return frames


def core_weights(comfyui: Path, given: dict[str, Path | None]) -> dict[str, Path]:
    """Weight files of "rife" and "film": those given, else the first by name in ComfyUI's own folder."""
    comfyui = checked_comfyui(comfyui)
    if not (comfyui / NODES).is_file():
        raise ValueError(f"{comfyui} is a ComfyUI without frame interpolation, {NODES}; update it.")
    for name, path in given.items():
        if path is not None and not path.is_file():
            raise ValueError(f"--{name} {path} is no file; give {name.upper()}'s weights.")
    folder = comfyui / MODELS
    files = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES) if folder.is_dir() else []
    found = {name: path or next((f for f in files if name in f.name.lower()), None) for name, path in given.items()}
    return {name: path for name, path in found.items() if path is not None}
