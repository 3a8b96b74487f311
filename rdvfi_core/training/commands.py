"""`train STAGE`: one stage of training. A stage reads a weights file, trains its networks in a run folder, and writes
RUN/weights.safetensors: the same set with the trained networks in place of the old ones. The first stage, the
autoencoder, starts from nothing and writes itself alone."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import torch
from torch import nn

from .. import weights as weight_files
from ..autoencoder import Autoencoder
from ..commands import checked_device
from ..fusion import IterativeFusion
from ..motion import AdjacentMotion
from ..pipeline import NETWORKS, default_device, load_networks
from ..synthesis import Synthesis
from .autoencoder import train_autoencoder
from .fusion import train_fusion
from .motion import train_motion
from .rendering import train_rendering

STAGES = {  # steps, and (h, w) of the crops on the motion grid
    "autoencoder": (1500, (128, 128)),
    "motion": (40000, (128, 192)),
    "fusion": (10000, (128, 192)),
    "synthesis": (20000, (160, 224)),
    "joint": (20000, (160, 224)),
}
LICENCE = "Apache-2.0"


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Stages in order: autoencoder (latents), motion (phi1, on rendered scenes), fusion (phi2, on rendered scenes), "
        "synthesis (phi_s, on clips and rendered scenes), joint (phi1 and phi_s together). docs/training.md has the "
        "whole recipe."
    )
    parser.add_argument("stage", choices=tuple(STAGES))
    parser.add_argument(
        # `run` itself is the function that carries the command out.
        "--run",
        dest="folder",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="run folder; goes on from its checkpoint",
    )
    parser.add_argument(
        "--textures", metavar="FOLDER", help="photographs for rendered scenes (default: procedural ones only)"
    )
    parser.add_argument("--clips", metavar="FOLDER", help="videos, or folders of frames (for synthesis and joint)")
    parser.add_argument(
        "--weights", metavar="PATH", type=Path, help="weights to start from (default: the shipped ones)"
    )
    parser.add_argument("--scratch", action="store_true", help="start the trained network from random weights")
    parser.add_argument("--steps", type=int, help="length of the schedule (default: by stage)")
    parser.add_argument("--batch", type=int, help="pairs a step (default: 8 for motion, 4 for synthesis and joint)")
    parser.add_argument(
        "--crop", type=_crop, metavar="HxW", help="crop on the motion grid, multiples of 32 (default: by stage)"
    )
    parser.add_argument("--rate", type=float, help="peak learning rate (default: by stage)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", metavar="D", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--threads", type=int, help="threads of a CPU run beside the rendering process")


def run(args: Namespace) -> None:
    if args.threads:
        torch.set_num_threads(args.threads)
    device = checked_device(args.device) or default_device()
    for folder, stages in ((args.clips, ("synthesis", "joint")), (args.textures, ("autoencoder",))):
        if folder is None and args.stage in stages:
            name = "--clips" if "synthesis" in stages else "--textures"
            raise ValueError(f"The stage {args.stage} needs {name}; name a folder.")
    steps, crop = STAGES[args.stage]
    settings = {"steps": args.steps or steps, "device": device, "seed": args.seed, "crop": args.crop or crop}
    if args.rate:
        settings["learning_rate"] = args.rate
    if args.batch:
        if args.stage == "fusion":
            raise ValueError("The stage fusion takes one sequence a step; leave --batch out.")
        settings["batch"] = args.batch
    if args.stage == "autoencoder":
        height, width = settings["crop"]
        if height != width:
            given = f"{height}x{width}"
            raise ValueError(f"The stage autoencoder takes square crops, not {given}; write {height}x{height}.")
        settings["crop"] = height
        trained = {"autoencoder": train_autoencoder(args.folder, args.textures, clips=args.clips, **settings)}
        write_weights(args.folder / "weights.safetensors", trained)
        return
    networks = load_networks(args.weights or weight_files.shipped())
    _check_sizes(networks)
    trained = _train(args, settings, networks)
    write_weights(args.folder / "weights.safetensors", networks | trained)


def _train(args: Namespace, settings: dict, networks: dict[str, nn.Module]) -> dict[str, nn.Module]:
    autoencoder = networks.get("autoencoder")
    if autoencoder is None:
        raise ValueError("The weights hold no autoencoder; train that stage first.")

    def start(name: str, make: type[nn.Module]) -> nn.Module:
        return make() if args.scratch or name not in networks else networks[name]

    if args.stage == "motion":
        network = start("motion", AdjacentMotion)
        return {"motion": train_motion(args.folder, autoencoder, network, args.textures, **settings)}
    if "motion" not in networks:
        raise ValueError("The weights hold no motion network; train that stage first.")
    motion = networks["motion"]
    if args.stage == "fusion":
        network = start("fusion", IterativeFusion)
        return {"fusion": train_fusion(args.folder, autoencoder, motion, network, args.textures, **settings)}
    motion, synthesis = train_rendering(
        args.folder, autoencoder, motion, start("synthesis", Synthesis), args.clips, args.textures,
        joint=args.stage == "joint", **settings,
    )  # fmt: skip
    return {"motion": motion, "synthesis": synthesis}


def _check_sizes(networks: dict[str, nn.Module]) -> None:
    for name, network in networks.items():
        with torch.device("meta"):
            default = sum(p.numel() for p in NETWORKS[name]().parameters())
        if default != sum(p.numel() for p in network.parameters()):
            raise ValueError(
                f"The network {name} is not of its default size; only default sizes are trained and stored here."
            )


def write_weights(path: Path, networks: dict[str, nn.Module], dtype: torch.dtype = torch.float16) -> None:
    """One file of all networks; configs are empty because every network is of its default size."""
    _check_sizes(networks)
    autoencoder = networks.get("autoencoder", Autoencoder())
    extra = {"latent_space": autoencoder.space().name, "licence": LICENCE}
    weight_files.save(path, networks, {name: {} for name in networks}, extra, dtype)


def _crop(text: str) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a size; write HxW, such as 128x192.") from None
    if height < 64 or width < 64 or height % 32 or width % 32:
        raise ArgumentTypeError(f"{text} must have sides of at least 64 that are multiples of 32.")
    return height, width
