"""`train STAGE`: one stage of training. A stage reads a weights file, trains its networks in a run folder, and writes
RUN/weights.safetensors: the same set with the trained networks in place of the old ones. The first stage, the
autoencoder, starts from nothing and writes itself alone."""

from __future__ import annotations

import logging
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import torch
from torch import nn

from ..anchors.lpips import BACKBONES
from ..clips import list_clips
from ..commands import checked_device, count_argument, refuse_unused
from ..keyframes.autoencoder import Autoencoder
from ..precision import default_device
from ..weights import files as weight_files
from ..weights.networks import NETWORKS, load_networks
from .engine import TrainingPlan
from .generation import TERMS
from .processes import Processes, own_device
from .schedule import Schedule
from .stages import ALONE, STAGES, Request, Stage
from .windows import Footage

LICENCE = "Apache-2.0"
ONLY = {  # options that some stages alone understand
    "anchors": ("far", "between", "synthesis", "joint", "decoding", "generator"),
    "lpips": ("synthesis", "joint", "decoding", "generator"),
    "rendered": ("far", "between", "synthesis", "joint", "decoding", "generator", "backbone"),
    "terms": ("generator",),
    "cache": ("generator", "backbone"),
    "cached": ("generator", "backbone"),
    "comfyui": ("backbone",),
    "backbone": ("backbone",),
    "vae": ("backbone",),
    "lora": ("backbone",),
    "alone": ("decoding",),
    "weights": tuple(name for name in STAGES if name not in ALONE),
}


def add_arguments(parser: ArgumentParser) -> None:
    stages = "; ".join(f"{name} ({stage.about})" for name, stage in STAGES.items())
    parser.description = f"Stages in order: {stages}. docs/training.md has the whole recipe."
    parser.add_argument("stage", choices=tuple(STAGES))
    add = parser.add_argument
    # `run` itself is the function that carries the command out.
    add("--run", dest="folder", metavar="FOLDER", type=Path, required=True,
        help="run folder; goes on from its checkpoint")  # fmt: skip
    add("--textures", metavar="FOLDER", help="photographs for rendered scenes (default: procedural ones only)")
    add("--clips", metavar="FOLDER", help="videos and folders of frames, at any depth")
    add("--rendered", type=_share, metavar="SHARE",
        help="share of batches that are rendered scenes instead of clips (default: 0.4)")  # fmt: skip
    add("--anchors", metavar="FOLDER", type=Path,
        help="holds LPIPS' files, else a stand-in takes its place, and RIFE's for the stage between")  # fmt: skip
    add("--lpips", choices=tuple(BACKBONES), help="the network of LPIPS (default: alex; the paper's is vgg)")
    add("--terms", choices=TERMS, help="what the generator's loss consists of, for the ablation (default: full)")
    add("--cache", metavar="FOLDER", type=Path, help="keep prepared batches there")
    add("--cached", type=count_argument, metavar="N", help="how many (default: 1000)")
    add("--comfyui", metavar="FOLDER", type=Path, help="an installed ComfyUI, for the stage backbone")
    add("--backbone", metavar="FILE", type=Path, help="Wan2.1-Fun-InP or SVD as ComfyUI loads it")
    add("--vae", metavar="FILE", type=Path, help="the VAE of its latents")
    add("--lora", type=count_argument, metavar="RANK", help="train a LoRA of this rank instead of all weights")
    add(
        "--alone",
        action="store_const",
        const=True,
        help="of the stage decoding, phi_s learns alone: phi1 and phi2 stay",
    )
    add("--weights", metavar="PATH", type=Path, help="weights to start from (default: the shipped ones)")
    add("--scratch", action="store_true", help="start the one network that the stage trains from random weights")
    add("--steps", type=count_argument, help="length of the schedule (default: by stage)")
    add(
        "--minutes",
        type=_minutes,
        metavar="M",
        help="end after M minutes of training, the learning rate all the way down, whatever the machine's speed",
    )
    add("--batch", type=count_argument, help="samples at once in each process (default: by stage)")
    add(
        "--accumulate",
        type=count_argument,
        default=1,
        metavar="K",
        help="batches whose gradients are added up to a step",
    )
    add("--crop", type=_crop, metavar="HxW", help="crop on the motion grid, multiples of 32 (default: by stage)")
    add("--rate", type=float, help="peak learning rate (default: by stage)")
    add("--save-every", type=count_argument, default=250, metavar="N", help="steps between checkpoints (default: 250)")
    add("--seed", type=int, default=0)
    add("--device", metavar="D", help="cpu, cuda, ... (default: a GPU if there is one)")
    add("--workers", type=int, metavar="N",
        help="processes that read clips and draw scenes beside each training process (default: 1 on a CPU, beside a "
        "GPU its share of the machine's cores)")  # fmt: skip
    add("--threads", type=count_argument, help="threads of a CPU run beside them")


def run(args: Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stage = STAGES[args.stage]
    _check(args, stage)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)  # what --scratch draws
    networks = _networks(args, stage)
    device = own_device(checked_device(args.device) or default_device())
    plan = _plan(args, stage, device)
    footage = Footage(args.clips, args.textures, 0.4 if args.rendered is None else args.rendered)
    request = Request(
        footage, args.anchors, args.terms or TERMS[-1], args.cache, args.cached or 1000, args.comfyui, args.backbone,
        args.vae, args.lora, bool(args.alone), args.lpips or "alex",
    )  # fmt: skip
    if args.stage in ONLY["lpips"] and plan.processes.first:
        logging.getLogger(__name__).info("Loss on frames: %s.", request.frame_loss(plan).name)
    trained = stage.train(plan, networks, request)
    if plan.processes.first and trained:
        write_weights(args.folder / "weights.safetensors", networks | trained)


def _check(args: Namespace, stage: Stage) -> None:
    for name in stage.asks:
        if getattr(args, name) is None:
            what = "file" if name in ("backbone", "vae") else "folder"
            raise ValueError(f"The stage {args.stage} needs --{name}; name a {what}.")
    refuse_unused(args, ONLY, args.stage, f"The stage {args.stage}")
    if args.scratch and not stage.fresh:
        raise ValueError(f"The stage {args.stage} goes on from networks that are trained; leave --scratch out.")
    if args.clips is not None:
        list_clips(Path(args.clips))
    if args.textures is not None and not Path(args.textures).is_dir():
        raise ValueError(f"--textures {args.textures} is not a folder; give one that holds photographs.")
    if args.anchors is not None and not args.anchors.is_dir():
        raise ValueError(f"--anchors {args.anchors} is not a folder; give the one that holds RIFE's and LPIPS' files.")
    if args.lpips is not None and args.anchors is None:
        raise ValueError("--lpips says which network of --anchors is used; name its folder too.")
    if args.cached is not None and args.cache is None:
        raise ValueError("--cached says how many batches --cache keeps; name its folder too.")
    if args.stage == "fusion" and args.batch not in (None, 1):
        raise ValueError("The stage fusion takes one sequence at a time; leave --batch out or use --accumulate.")
    height, width = args.crop or stage.crop
    if args.stage == "autoencoder" and height != width:
        raise ValueError(f"The stage autoencoder takes square crops, not {height}x{width}; write {height}x{height}.")


def _plan(args: Namespace, stage: Stage, device: torch.device) -> TrainingPlan:
    workers = _workers(device) if args.workers is None else args.workers
    steps = args.steps or (None if args.minutes else stage.steps)
    schedule = Schedule(steps, args.rate or stage.rate, args.minutes, save_every=args.save_every)
    return TrainingPlan(
        args.folder, device, schedule, args.batch or stage.batch, args.crop or stage.crop, args.seed, args.accumulate,
        Processes.join(device), workers,
    )  # fmt: skip


def _workers(device: torch.device) -> int:
    """A GPU learns faster than one process draws scenes."""
    if device.type == "cpu":
        return 1
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)) - 2)


def _networks(args: Namespace, stage: Stage) -> dict[str, nn.Module]:
    """What the stage starts from: stored weights, and random ones for what may be `fresh` where there are none."""
    if args.stage in ALONE:
        return {}
    networks = load_networks(args.weights or weight_files.shipped())
    _check_sizes(networks)
    for name in ("autoencoder", *stage.needs):
        if name not in networks:
            article = "no autoencoder" if name == "autoencoder" else f"no {name} network"
            raise ValueError(f"The weights hold {article}; train that stage first.")
    for name in stage.fresh:
        if args.scratch or name not in networks:
            networks[name] = NETWORKS[name]()
    return networks


def _check_sizes(networks: dict[str, nn.Module]) -> None:
    for name, network in networks.items():
        with torch.device("meta"):
            default = sum(p.numel() for p in NETWORKS[name]().parameters())
        if default != sum(p.numel() for p in network.parameters()):
            raise ValueError(
                f"The network {name} is not of its default size; only default sizes are trained and stored here."
            )


def write_weights(path: Path, networks: dict[str, nn.Module]) -> None:
    """One file of all networks, in half precision; configs are empty because every network is of its default size."""
    _check_sizes(networks)
    autoencoder = networks.get("autoencoder", Autoencoder())
    extra = {"latent_space": autoencoder.space, "licence": LICENCE}
    weight_files.save(path, networks, {name: {} for name in networks}, extra, torch.float16)


def _crop(text: str) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a size; write HxW, such as 128x192.") from None
    if height < 64 or width < 64 or height % 32 or width % 32:
        raise ArgumentTypeError(f"{text} must have sides of at least 64 that are multiples of 32.")
    return height, width


def _minutes(text: str) -> float:
    return _number(text, lambda m: 0 < m < float("inf"), "a number of minutes above 0")


def _share(text: str) -> float:
    return _number(text, lambda s: 0 <= s <= 1, "a share from 0 to 1")


def _number(text: str, fits, wanted: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not fits(number):
        raise ArgumentTypeError(f"{text!r} is not {wanted}.")
    return number
