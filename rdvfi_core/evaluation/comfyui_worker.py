"""Runs in ComfyUI's Python: `comfyui_worker.py COMFYUI WEIGHTS`. Pairs of frames come in on stdin, interpolated frames
go out on what was stdout; see `comfyui.py`. It imports nothing of this package."""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import BinaryIO

import numpy as np


def send(pipe: BinaryIO, head: dict, array: np.ndarray | None = None) -> None:
    """A JSON object, and an array whose shape and type it describes."""
    if array is not None:
        head = head | {"shape": array.shape, "dtype": array.dtype.str}
    text = json.dumps(head).encode()
    pipe.write(struct.pack("<I", len(text)) + text)
    if array is not None:
        pipe.write(np.ascontiguousarray(array).tobytes())
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict, np.ndarray | None]:
    """What `send` sent; EOFError where the other side has gone."""
    (size,) = struct.unpack("<I", _exactly(pipe, 4))
    head = json.loads(_exactly(pipe, size))
    if "shape" not in head:
        return head, None
    dtype = np.dtype(head["dtype"])
    data = _exactly(pipe, int(np.prod(head["shape"])) * dtype.itemsize)
    return head, np.frombuffer(data, dtype).reshape(head["shape"])


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main(comfyui: str, weights: str) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever ComfyUI prints goes to stderr
    sys.path.insert(0, comfyui)
    sys.argv = sys.argv[:1]
    interpolate = None
    while True:
        try:
            head, pair = receive(sys.stdin.buffer)
        except (EOFError, KeyboardInterrupt):
            return
        try:
            if interpolate is None:
                interpolate = _load(weights)
            send(answers, {}, interpolate(pair, head["steps"]))
        except Exception as error:  # told to the parent, which leaves the clip out
            send(answers, {"error": f"{type(error).__name__}: {error}"})


def _load(weights: str):
    """Core's loader and node on a pair of frames -> (steps + 1, H, W, 3) float32, both ends included."""
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()  # before anything asks for a device
    import folder_paths
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate, FrameInterpolationModelLoader

    folder, name = os.path.split(weights)
    folder_paths.add_model_folder_path("frame_interpolation", folder, is_default=True)
    (model,) = FrameInterpolationModelLoader.execute(name).result

    @torch.inference_mode()
    def interpolate(pair: np.ndarray, steps: int) -> np.ndarray:
        images = torch.from_numpy(pair.copy()).float() / 255
        (frames,) = FrameInterpolate.execute(model, images, steps).result if steps > 1 else (images,)
        return frames.float().cpu().numpy()

    return interpolate


if __name__ == "__main__":
    main(*sys.argv[1:])
