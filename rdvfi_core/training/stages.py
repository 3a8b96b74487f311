"""The stages of training, in order: what each one trains, what it needs, and its usual size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from .autoencoder import train_autoencoder
from .backbone_training import train_backbone
from .backbones import open_backbone
from .between import train_between, train_far
from .decoding import train_decoding
from .engine import TrainingPlan
from .fusion import train_fusion
from .generation import train_generation
from .losses import FrameLoss
from .motion import train_motion
from .rendering import train_rendering
from .windows import Footage

Networks = dict[str, nn.Module]


@dataclass(frozen=True)
class Request:
    """What the user asks of a stage beside the plan."""

    footage: Footage
    anchors: Path | None = None
    terms: str = "full"
    cache: Path | None = None
    cached: int = 1000
    comfyui: Path | None = None
    backbone: Path | None = None
    vae: Path | None = None
    lora: int | None = None  # rank
    alone: bool = False  # of the decoders, phi_s alone
    lpips: str = "alex"  # its backbone

    def frame_loss(self, plan: TrainingPlan) -> FrameLoss:
        return FrameLoss(plan.device, self.anchors, self.lpips, perceptual=self.terms != "latent+l2")


@dataclass(frozen=True)
class Stage:
    about: str
    train: Callable[[TrainingPlan, Networks, Request], Networks]  # returns the networks that it trained
    needs: tuple[str, ...]  # networks that must be trained before
    steps: int
    batch: int
    crop: tuple[int, int]  # (h, w) on the motion grid
    rate: float
    asks: tuple[str, ...] = ()  # options that must be given
    fresh: tuple[str, ...] = ()  # networks that start from random weights where there are none, and with --scratch


def _autoencoder(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    footage = request.footage
    return {"autoencoder": train_autoencoder(plan, footage.textures, footage.clips)}


def _motion(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    return {"motion": train_motion(plan, networks["autoencoder"], networks["motion"], request.footage.textures)}


def _between(train: Callable[..., nn.Module]) -> Callable[[TrainingPlan, Networks, Request], Networks]:
    def trained(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
        given = (networks[n] for n in ("autoencoder", "motion", "between"))
        return {"between": train(plan, *given, request.footage, request.anchors)}

    return trained


def _fusion(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    found = train_fusion(plan, *(networks[n] for n in ("autoencoder", "motion", "fusion")), request.footage.textures)
    return {"fusion": found}


def _rendering(joint: bool) -> Callable[[TrainingPlan, Networks, Request], Networks]:
    def train(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
        given = (networks[n] for n in ("autoencoder", "motion", "between", "synthesis"))
        between, synthesis = train_rendering(plan, *given, request.footage, request.frame_loss(plan), joint)
        return {"between": between, "synthesis": synthesis}

    return train


def _decoding(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    return train_decoding(plan, networks, request.footage, request.frame_loss(plan), request.alone)


def _generator(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    loss = request.frame_loss(plan)
    found = train_generation(plan, networks, request.footage, loss, request.terms, request.cache, request.cached)
    return {"generator": found}


def _backbone(plan: TrainingPlan, networks: Networks, request: Request) -> Networks:
    found = open_backbone(request.comfyui, request.backbone, request.vae, plan.device, frozen=request.lora is not None)
    train_backbone(plan, found, request.footage, request.lora, request.cache, request.cached)
    return {}


ALONE = ("autoencoder", "backbone")  # stages that start from no weights file
STAGES = {
    "autoencoder": Stage(
        "latents",
        _autoencoder,
        fresh=("autoencoder",),
        needs=(),
        asks=("textures",),
        steps=1500,
        batch=16,
        crop=(128, 128),
        rate=1e-3,
    ),
    "motion": Stage(
        "phi1, on rendered scenes",
        _motion,
        fresh=("motion",),
        needs=(),
        steps=40000,
        batch=8,
        crop=(128, 192),
        rate=4e-4,
    ),
    "far": Stage(
        "the first step of motion at moments between two images, which finds what moves far",
        _between(train_far),
        fresh=("between",),
        needs=("motion",),
        asks=("clips", "anchors"),
        steps=20000,
        batch=4,
        crop=(192, 320),
        rate=6e-4,
    ),
    "between": Stage(
        "motion at moments between two images, from RIFE's flows and true frames",
        _between(train_between),
        fresh=("between",),
        needs=("motion",),
        asks=("clips", "anchors"),
        steps=40000,
        batch=4,
        crop=(192, 256),
        rate=4e-4,
    ),
    "fusion": Stage(
        "phi2, on rendered scenes",
        _fusion,
        fresh=("fusion",),
        needs=("motion",),
        steps=10000,
        batch=1,
        crop=(128, 192),
        rate=4e-4,
    ),
    "synthesis": Stage(
        "phi_s, without keyframes",
        _rendering(False),
        fresh=("synthesis",),
        needs=("motion", "between"),
        asks=("clips",),
        steps=20000,
        batch=4,
        crop=(160, 224),
        rate=4e-4,
    ),
    "joint": Stage(
        "motion in between and phi_s, without keyframes",
        _rendering(True),
        needs=("motion", "between", "synthesis"),
        asks=("clips",),
        steps=20000,
        batch=4,
        crop=(160, 224),
        rate=4e-4,
    ),
    "decoding": Stage(
        "stage 1 of the paper: phi1, phi2 and phi_s through keyframes",
        _decoding,
        needs=("motion", "between", "fusion", "synthesis"),
        steps=20000,
        batch=4,
        crop=(160, 224),
        rate=2e-4,
    ),
    "generator": Stage(
        "stage 2 of the paper: the one-step generator",
        _generator,
        fresh=("generator",),
        needs=("motion", "between", "fusion", "synthesis"),
        steps=40000,
        batch=8,
        crop=(128, 192),
        rate=3e-4,
    ),
    "backbone": Stage(
        "stage 2 for Wan2.1-Fun-InP or SVD, in ComfyUI's classes",
        _backbone,
        needs=(),
        asks=("comfyui", "backbone", "vae"),
        steps=5000,
        batch=1,
        crop=(256, 448),
        rate=1e-4,
    ),
}
