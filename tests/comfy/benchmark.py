"""What the nodes cost beside the bare Interpolator and beside core's RIFE and FILM, and how much memory they take,
inside a real ComfyUI:

    python tests/comfy/benchmark.py [--size 1024x576] [--multiplier 8] [--frames 25]

Starts itself again with ComfyUI's interpreter. Previews are encoded as the server does it. Core's networks have their
default sizes and random weights: their speed and memory do not depend on what they have learned."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REPEATS = 5
MIB = 2**20
METHODS = ("rdvfi", "rife", "film")  # each in a process of its own: in one, they push each other's weights out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1024x576")
    parser.add_argument("--multiplier", type=int, default=8)
    parser.add_argument("--frames", type=int, default=25, help="of the clip whose memory is measured")
    parser.add_argument("--part", choices=("nodes", *METHODS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part is None:
        sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
        from comfyui import find_comfyui, python_of

        comfyui = find_comfyui()
        if comfyui is None:
            sys.exit("No ComfyUI here: set COMFYUI_PATH.")
        for part in ("nodes", *METHODS):
            command = [python_of(comfyui), str(Path(__file__).resolve()), *sys.argv[1:], "--part", part]
            environment = os.environ | {"PYTHONPATH": str(comfyui), "TQDM_DISABLE": "1"}
            subprocess.run(command, cwd=comfyui, env=environment, check=True)
        return
    width, height = map(int, args.size.split("x"))
    nodes = load_pack()
    if args.part == "nodes":
        print(time_of_nodes(nodes, width, height, args.multiplier))
    else:
        print(time_and_memory(nodes, args.part, width, height, args.multiplier, args.frames))


def load_pack():
    """The pack's nodes in this process, as ComfyUI imports them, without a GPU if there is none."""
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    spec = importlib.util.spec_from_file_location(
        "pack", REPOSITORY / "__init__.py", submodule_search_locations=[str(REPOSITORY)]
    )
    sys.modules["pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["pack"])
    from pack import nodes

    nodes.load.register_folder()
    return nodes


def encode_previews() -> None:
    """Every preview becomes a JPEG, as on its way to the page."""
    import comfy.utils

    def hook(value, total, preview, node_id=None):
        if preview is not None:
            preview[1].save(io.BytesIO(), format="JPEG", quality=95)

    comfy.utils.set_progress_bar_global_hook(hook)


def time_of_nodes(nodes, width: int, height: int, multiplier: int) -> str:
    import torch

    encode_previews()
    with torch.inference_mode():
        images = nodes.RDVFISampleClip.execute(2, width, height).result[0]
        model = nodes.RDVFILoadModel.execute("built-in", "auto").result[0]
        start, end = (image[None].movedim(-1, 1) for image in images)
        interpolator = nodes.networks.loaded(model, height, width)
        times = [i / multiplier for i in range(multiplier + 1)]

        def bare() -> None:
            interpolator.render(start, end, interpolator.fit(start, end), times)

        def node() -> None:
            nodes.RDVFIInterpolate.execute(model, images, multiplier, 24.0, "auto", 0)

        taken = medians(bare, node)
    bare_ms, node_ms = (1000 * seconds / (multiplier - 1) for seconds in taken)
    return (
        f"{width}x{height}, x{multiplier}, phase 1 included, medians of {REPEATS}: Interpolator "
        f"{bare_ms:.1f} ms per new frame, RDVFIInterpolate {node_ms:.1f} ms, ratio {node_ms / bare_ms:.3f}"
    )


def medians(*works: Callable[[], object]) -> list[float]:  # seconds of each, by turns, after a first run
    taken = [[] for _ in works]
    for repeat in range(REPEATS + 1):
        for work, seconds in zip(works, taken, strict=True):
            began = time.perf_counter()
            work()
            if repeat:
                seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in taken]


def interpolation(nodes, name: str) -> Callable:
    """A node's work: (images, multiplier) -> images."""
    if name == "rdvfi":
        model = nodes.RDVFILoadModel.execute("built-in", "auto").result[0]
        return lambda images, multiplier: nodes.RDVFIInterpolate.execute(model, images, multiplier, 24.0, "auto", 0)
    import torch
    from comfy.model_management import get_torch_device, should_use_fp16, unet_offload_device
    from comfy.model_patcher import CoreModelPatcher
    from comfy_extras.frame_interpolation_models import film_net, ifnet
    from comfy_extras.nodes_frame_interpolation import FrameInterpolate

    network = ifnet.IFNet() if name == "rife" else film_net.FILMNet()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    dtype = torch.float16 if should_use_fp16(get_torch_device()) else torch.float32  # as core's loader chooses
    patcher = CoreModelPatcher(network.eval().to(dtype), get_torch_device(), unet_offload_device())
    return lambda images, multiplier: FrameInterpolate.execute(patcher, images, multiplier)


def time_and_memory(nodes, name: str, width: int, height: int, multiplier: int, frames: int) -> str:
    """Per new frame of a pair; and resident memory, at its peak, beyond what the process held with model and input
    loaded."""
    import torch

    encode_previews()
    with torch.inference_mode():
        pair = nodes.RDVFISampleClip.execute(2, width, height).result[0]
        images = pair.repeat(frames // 2 + 1, 1, 1, 1)[:frames].clone()
        work = interpolation(nodes, name)
        before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        result = work(images, multiplier).result[0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        (seconds,) = medians(partial(work, pair, multiplier))
    given, made = (tensor.numel() * tensor.element_size() for tensor in (images, result))
    return (
        f"{name}, {width}x{height}, x{multiplier}: {1000 * seconds / (multiplier - 1):.1f} ms per new frame, median of "
        f"{REPEATS}; {frames} frames: input {given / MIB:.0f} MiB, output {made / MIB:.0f} MiB, "
        f"{(peak - before - made) / MIB:.0f} MiB beside them; the process held {(before - given) / MIB:.0f} MiB before"
    )


if __name__ == "__main__":
    main()
