"""`benchmark --backbone`: a diffusion backbone of the real size with random weights, through an installed ComfyUI."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryFile

from ..comfyui import checked_comfyui, python_of

BACKBONES = ("wan1.3b", "svd")
SIZES = [(576, 320), (768, 432), (1024, 576), (1280, 720)]  # the paper's study of resolutions, by width
REPOSITORY = Path(__file__).parents[2]
RESULT = "RDVFI "  # marks a line of results among what ComfyUI prints

SCRIPT = """
import importlib.util, json, sys
given = json.loads(sys.argv[1])
sys.argv[1:] = []  # ComfyUI reads flags from there
sys.path.insert(0, given["comfyui"])
from comfy.cli_args import args
args.cpu = given["cpu"]
args.use_pytorch_cross_attention = True
import torch
spec = importlib.util.spec_from_file_location("pack", given["pack"] + "/__init__.py",
                                              submodule_search_locations=[given["pack"]])
sys.modules["pack"] = pack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
from pack.nodes.backbones import cost
def say(kind, found):
    print(given["mark"] + json.dumps([kind, found]), flush=True)
for width, height in given["sizes"]:
    say("counted", cost.counted(given["backbone"], width, height))
system = cost.build(given["backbone"], given["scale"])
for width, height in given["sizes"]:
    say("measured", cost.measure(system, width, height, given["frames"]))
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--backbone", choices=BACKBONES, help="measure a diffusion backbone with random weights instead"
    )
    parser.add_argument("--comfyui", metavar="DIR", help="ComfyUI's folder, for --backbone")
    parser.add_argument(
        "--scale",
        choices=("full", "tiny"),
        help="size of the backbone that is measured (default: full on a GPU, tiny on a CPU)",
    )


def run(args: Namespace, sizes: list[tuple[int, int]] | None) -> None:
    if args.comfyui is None:
        raise ValueError("--backbone needs ComfyUI's own classes; give its folder with --comfyui.")
    comfyui = checked_comfyui(args.comfyui)
    if not (REPOSITORY / "nodes" / "backbones").is_dir():
        raise ValueError("The graph nodes are not here; run the command in a clone of the repository.")
    cpu = args.device == "cpu" or not _has_cuda(comfyui)
    scale = args.scale or ("tiny" if cpu else "full")
    given = {
        "comfyui": str(comfyui),
        "pack": str(REPOSITORY),
        "cpu": cpu,
        "backbone": args.backbone,
        "scale": scale,
        "sizes": sizes or SIZES,
        "frames": args.frames,
        "mark": RESULT,
    }
    found: dict[str, list[dict]] = {"counted": [], "measured": []}
    command = [python_of(comfyui), "-c", SCRIPT, json.dumps(given)]
    with TemporaryFile("w+") as log:  # a pipe that nobody empties would stop ComfyUI
        with subprocess.Popen(command, cwd=comfyui, stdout=subprocess.PIPE, stderr=log, text=True) as process:
            for line in process.stdout:
                if line.startswith(RESULT):
                    kind, result = json.loads(line.removeprefix(RESULT))
                    found[kind].append(result)
                    print(f"{kind} {result['width']}x{result['height']}", file=sys.stderr)
        log.seek(0)
        errors = log.read().strip().splitlines()
    if process.returncode:
        raise ValueError(f"The benchmark in ComfyUI's Python failed: {errors[-1] if errors else process.returncode}")
    print(counts_to_markdown(args.backbone, found["counted"]))
    print(times_to_markdown(args.backbone, scale, "CPU" if cpu else "GPU", found["measured"]), end="")


def counts_to_markdown(backbone: str, counted: list[dict]) -> str:
    """What the full-size networks do for one pair, whatever the device."""
    stages = list(counted[0]["flops"])
    parameters = ", ".join(f"{name} {count / 1e6:.0f} M" for name, count in counted[0]["parameters"].items())
    lines = [
        f"{backbone}, full size, one pair, 7 latents ({parameters} parameters)",
        "",
        f"| size | tokens | {' | '.join(f'{stage}, TFLOP' for stage in stages)} |",
        f"|---|{'---:|' * (len(stages) + 1)}",
    ]
    for row in counted:
        flops = " | ".join(f"{row['flops'][stage] / 1e12:.1f}" for stage in stages)
        lines.append(f"| {row['width']}x{row['height']} | {row['tokens']} | {flops} |")
    return "\n".join(lines) + "\n"


def times_to_markdown(backbone: str, scale: str, device: str, measured: list[dict]) -> str:
    """Milliseconds per frame, each stage's share of a pair, and the ratio of the widest size to the narrowest."""
    stages = list(measured[0]["seconds"])
    frames = measured[0]["frames"]
    lines = [
        f"{backbone}, {scale}, {device}, x{frames}: {frames} frames from one pair",
        "",
        f"| size | ms per frame | {' | '.join(f'{stage}, ms' for stage in stages)} | peak GiB |",
        f"|---|{'---:|' * (len(stages) + 2)}",
    ]
    for row in measured:
        total = sum(row["seconds"].values())
        parts = " | ".join(f"{s * 1000:.0f} ({s / total:.0%})" for s in row["seconds"].values())
        peak = "unknown" if row["peak"] is None else f"{row['peak'] / 2**30:.2f}"
        lines.append(f"| {row['width']}x{row['height']} | {total / frames * 1000:.1f} | {parts} | {peak} |")
    if len(measured) > 1:
        first, last = measured[0], measured[-1]
        ratio = sum(last["seconds"].values()) / sum(first["seconds"].values())
        lines += ["", f"time per frame, {last['width']} wide over {first['width']} wide: {ratio:.2f}"]
    return "\n".join(lines) + "\n"


def _has_cuda(comfyui: Path) -> bool:
    script = "import torch; print(torch.cuda.is_available())"
    asked = subprocess.run([python_of(comfyui), "-c", script], capture_output=True, text=True)
    return asked.stdout.strip() == "True"
