"""Runs in ComfyUI's Python: `core_interpolation_worker.py COMFYUI WEIGHTS`. Pairs of frames come in on stdin,
interpolated frames go out on what was stdout; see `core_interpolation.py`. It imports nothing of this package."""

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
    try:
        interpolate = _load(weights)
    except Exception as error:  # told to the parent, here and below
        send(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    send(answers, {})
    while True:
        try:
            head, pair = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            send(answers, {}, interpolate(pair, head["times"]))
        except Exception as error:
            send(answers, {"error": f"{type(error).__name__}: {error}"})


def _load(weights: str):
    """Core's network, loaded by core's node -> frames (T, H, W, 3) float32 of a pair (2, H, W, 3) uint8 at T times. As
    core's node runs it, but at any times instead of equal steps."""
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()  # before anything asks for a device
    import folder_paths
    from comfy import model_management
    from comfy.ldm.common_dit import pad_to_patch_size
    from comfy_extras.nodes_frame_interpolation import FrameInterpolationModelLoader

    folder, name = os.path.split(weights)
    folder_paths.add_model_folder_path("frame_interpolation", folder, is_default=True)
    (patcher,) = FrameInterpolationModelLoader.execute(name).result

    @torch.inference_mode()
    def interpolate(pair: np.ndarray, times: list[float]) -> np.ndarray:
        network, device, dtype = patcher.model, patcher.load_device, patcher.model_dtype()
        height, width = pair.shape[1:3]
        model_management.load_models_gpu([patcher], memory_required=network.memory_used_forward(pair.shape, dtype))
        images = (torch.from_numpy(pair.copy()).movedim(-1, 1).float() / 255).to(device, dtype)
        align = getattr(network, "pad_align", 1)
        if align > 1:
            images = pad_to_patch_size(images, (align, align), padding_mode="reflect")
        first, second = images.split(1)
        if hasattr(network, "forward_multi_timestep"):
            frames = network.forward_multi_timestep(first, second, times)
        else:
            frames = torch.cat([network(first, second, timestep=tau) for tau in times])
        return frames[:, :, :height, :width].clamp(0, 1).movedim(1, -1).float().cpu().numpy()

    return interpolate


if __name__ == "__main__":
    main(*sys.argv[1:])
