"""Motion in between learns from RIFE's flows at any moment (the teacher), from true frames and from LPIPS.

The teacher counts where its own frame is nearer to the truth than the student's, so that the student can pass it.
phi1's features are frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..anchors.lpips import Lpips
from ..anchors.rife import FILE as RIFE
from ..anchors.rife import Between as Taught
from ..anchors.rife import Rife
from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion, Features
from ..motion.between import Between, MotionBetween
from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp, resize
from ..precision import mixed
from ..rendering.synthesis import blend_prior
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .processes import Share
from .rendering import Footage
from .windows import Cutting, WindowBatch

CUTTING = Cutting(gaps=(2, 4, 6, 8, 8, 12, 16, 24), ratios=(1.0,), zooms=(0.5, 1.3), at_ends=0.1)
FLOW, SHARE, FRAME, LPIPS = 0.1, 0.2, 1.0, 0.2  # weights of the terms
FLOW_PX = 10.0  # motion whose errors count half
COARSER = 0.5  # weight of a step against the next finer one
NEARER = 0.01  # difference between two frames' errors that decides whom to follow


def train_between(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    between: Between,
    footage: Footage,
    anchors: Path,  # a folder with rife.pth, alexnet.pth and lpips_alex.pth
) -> Between:
    """Trains in the run folder; returns the averaged network."""
    teacher = Rife.load(anchors / RIFE, plan.device).to(memory_format=torch.channels_last)
    lpips = Lpips.load(anchors, "alex", plan.device)
    autoencoder, motion = frozen(autoencoder, plan.device), frozen(motion, plan.device)
    between = trained(between, plan.device)
    run = Run(plan, {"between": between}, plan.settings("between", **vars(footage)))

    def batches(share: Share) -> Iterator[WindowBatch]:
        return footage.windows(plan, share, cutting=CUTTING)

    def moments(window: WindowBatch, count: int) -> tuple[Tensor, Tensor]:  # truth, what the student makes of it
        return torch.stack([resize(target, *plan.crop) for target in window.targets[:count]], 1).flatten(0, 1)

    def student(window: WindowBatch) -> MotionBetween:
        with torch.no_grad():
            features = features_of(autoencoder, motion, torch.cat(window.ends))
        first, second = (features[half] for half in torch.arange(2 * len(window.first)).chunk(2))
        times = torch.tensor(window.times, device=plan.device).expand(len(window.first), -1)
        return between(first, second, *window.ends, times)

    def losses(window: WindowBatch, progress: float) -> Losses:
        window = window.to(plan.device)
        truth = moments(window, len(window.times))
        tau = torch.tensor(window.times, device=plan.device).repeat(len(window.first))
        image0, image1 = (end.repeat_interleave(len(window.times), 0) for end in window.ends)
        with mixed(plan.device):
            with torch.no_grad():
                taught = teacher(image0, image1, tau)
            found = student(window)
            frame, share = merged(found, image0, image1, tau)
            terms = between_losses(found, taught, frame, share, truth)
            inner = (tau > 0) & (tau < 1)
            some = inner.nonzero()[:: len(window.times), 0]  # LPIPS is dear
            terms["lpips"] = lpips(frame[some], truth[some]).sum() / max(1, len(some))
            terms["loss"] = terms["loss"] + LPIPS * terms["lpips"]
        return terms

    def sheet(window: WindowBatch) -> Sheet:
        window = window.to(plan.device)
        truth = moments(window, len(window.times))
        tau = torch.tensor(window.times, device=plan.device).repeat(len(window.first))
        image0, image1 = (end.repeat_interleave(len(window.times), 0) for end in window.ends)
        with torch.no_grad(), mixed(plan.device):
            frame, _ = merged(student(window), image0, image1, tau)
            taught = teacher(image0, image1, tau).frame
        rows = {}
        for i in range(0, min(8, len(tau)), 2):
            pictures = (image0[i], truth[i], frame[i].clamp(0, 1), taught[i].clamp(0, 1), image1[i])
            rows[f"moment {i}"] = list(zip(("I0", "true", "student", "teacher", "I1"), pictures, strict=True))
        return rows

    run.train(batches, losses, sheet)
    return run.averaged["between"]


def features_of(autoencoder: Autoencoder, motion: AdjacentMotion, images: Tensor) -> Features:
    return motion.encode(autoencoder.encode(images).contiguous(memory_format=torch.channels_last))


def merged(
    found: MotionBetween, image0: Tensor, image1: Tensor, tau: Tensor
) -> tuple[Tensor, Tensor]:  # (B, 3, h, w), share of I0 (B, 1, h, w)
    """The frame at tau without phi_s, blended as phi_s begins to."""
    prior = blend_prior(tau.view(-1, 1, 1, 1), found.seen0.sigmoid(), found.seen1.sigmoid())
    share = prior[:, :2].softmax(1)[:, :1]
    return torch.lerp(backward_warp(image1, found.to1), backward_warp(image0, found.to0), share), share


def between_losses(found: MotionBetween, taught: Taught, frame: Tensor, share: Tensor, truth: Tensor) -> Losses:
    own, others = ((f - truth).abs().mean(1, keepdim=True) for f in (frame.detach(), taught.frame))
    follow = ((patch_mean(own, 7) - patch_mean(others, 7)) / NEARER + 1).sigmoid()
    steps = [*found.steps, (found.to0, found.to1)]
    flow = 0
    for n, step in enumerate(reversed(steps)):
        for mine, theirs in zip(step, (taught.to0, taught.to1), strict=True):
            size = torch.linalg.vector_norm(theirs, dim=1, keepdim=True)
            flow = flow + COARSER**n * (follow * (mine - theirs).abs() / (1 + size / FLOW_PX)).mean()
    error = (frame - truth).abs().mean()
    shares = (follow * (share - taught.share0).abs()).mean()
    wrong = torch.linalg.vector_norm(found.to0 - taught.to0, dim=1).mean()
    terms = {"loss": FLOW * flow + SHARE * shares + FRAME * error, "flow": wrong, "share": shares, "frame": error}
    terms["teacher"] = others.mean()
    return terms
