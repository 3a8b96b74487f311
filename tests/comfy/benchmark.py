"""What the nodes cost beside the bare Interpolator, and how much memory they take, inside a real ComfyUI:

    python tests/comfy/benchmark.py [--size 1024x576] [--multiplier 8] [--frames 25]

Starts itself again with ComfyUI's interpreter. Previews are encoded as the server does it."""

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
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REPEATS = 5
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1024x576")
    parser.add_argument("--multiplier", type=int, default=8)
    parser.add_argument("--frames", type=int, default=25, help="of the clip whose memory is measured")
    parser.add_argument("--part", choices=("time", "memory"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part is None:
        sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
        from comfyui import find_comfyui, python_of

        comfyui = find_comfyui()
        if comfyui is None:
            sys.exit("No ComfyUI here: set COMFYUI_PATH.")
        for part in ("time", "memory"):
            command = [python_of(comfyui), str(Path(__file__).resolve()), *sys.argv[1:], "--part", part]
            environment = os.environ | {"PYTHONPATH": str(comfyui)}
            subprocess.run(command, cwd=comfyui, env=environment, check=True)
        return
    width, height = map(int, args.size.split("x"))
    nodes = load_pack()
    print(time_of_nodes(nodes, width, height, args.multiplier) if args.part == "time" else memory_of_nodes(
        nodes, width, height, args.multiplier, args.frames
    ))  # fmt: skip


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

        bare(), node()
        taken = {bare: [], node: []}
        for _ in range(REPEATS):
            for work in taken:
                began = time.perf_counter()
                work()
                taken[work].append(time.perf_counter() - began)
        medians = {work: statistics.median(seconds) / (multiplier - 1) for work, seconds in taken.items()}
    return (
        f"{width}x{height}, x{multiplier}, phase 1 included, medians of {REPEATS}: Interpolator "
        f"{1000 * medians[bare]:.1f} ms per new frame, RDVFIInterpolate {1000 * medians[node]:.1f} ms, "
        f"ratio {medians[node] / medians[bare]:.3f}"
    )


def memory_of_nodes(nodes, width: int, height: int, multiplier: int, frames: int) -> str:
    """Resident memory, at its peak, beyond what the process held with model and input loaded."""
    import torch

    encode_previews()
    with torch.inference_mode():
        images = nodes.RDVFISampleClip.execute(2, width, height).result[0]
        images = images.repeat(frames // 2 + 1, 1, 1, 1)[:frames].clone()
        model = nodes.RDVFILoadModel.execute("built-in", "auto").result[0]
        nodes.networks.loaded(model)
        before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        result = nodes.RDVFIInterpolate.execute(model, images, multiplier, 24.0, "auto", 0).result[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    given, made = (tensor.numel() * tensor.element_size() for tensor in (images, result))
    return (
        f"{width}x{height}, {frames} frames x{multiplier}: input {given / MIB:.0f} MiB, output {made / MIB:.0f} MiB, "
        f"{(peak - before - made) / MIB:.0f} MiB beside them; the process held {(before - given) / MIB:.0f} MiB before"
    )


if __name__ == "__main__":
    main()
