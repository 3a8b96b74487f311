"""Motion in between learns from RIFE's flows at any moment (the teacher), from panned photographs, whose motion is
exact, from true frames and from LPIPS.

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
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Beside, Between, MotionBetween, View
from ..pixels.blending import blend_prior
from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp, resize
from ..precision import mixed
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .processes import Share
from .windows import Cutting, Footage, WindowBatch

CUTTING = Cutting(
    gaps=(2, 2, 4, 4, 6, 8, 8, 12, 16, 24), ratios=(1.0,), zooms=(0.5, 1.3), at_ends=0.1, panned=0.35, beside=0.5
)
FLOW, SHARE, FRAME, LPIPS = 0.1, 0.2, 1.0, 0.2  # weights of the terms
FLOW_PX = 10.0  # motion whose errors count half
COARSER = 0.8  # weight of a step against the next finer one
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

    def truth_of(window: WindowBatch) -> Tensor:  # (P K, 3, h, w)
        return torch.stack([resize(target, *plan.crop) for target in window.targets], 1).flatten(0, 1)

    def student(window: WindowBatch) -> tuple[MotionBetween, Tensor, Tensor, Tensor]:
        views, beside = look(autoencoder, motion, window)
        times = torch.tensor(window.times, device=plan.device).expand(len(window.first), -1)
        found = between(*views, times, *beside)
        return found, *(end.repeat_interleave(times.shape[1], 0) for end in window.ends), times.flatten()

    def losses(window: WindowBatch, progress: float) -> Losses:
        window = window.to(plan.device)
        truth = truth_of(window)
        with mixed(plan.device):
            found, image0, image1, tau = student(window)
            frame, share = merged(found, image0, image1, tau)
            if window.exact is None:
                with torch.no_grad():
                    taught = teacher(image0, image1, tau)
            else:  # a camera's motion, which says nothing of shares
                to0, to1 = window.exact.flatten(0, 1).split(2, 1)
                taught = Taught(to0, to1, share.detach(), truth)
            terms = between_losses(found, taught, frame, share, truth)
            some = ((tau > 0) & (tau < 1)).nonzero()[:: len(window.times), 0]  # LPIPS is dear
            terms["lpips"] = lpips(frame[some], truth[some]).sum() / max(1, len(some))
            terms["loss"] = terms["loss"] + LPIPS * terms["lpips"]
        return terms

    def sheet(window: WindowBatch) -> Sheet:
        window = window.to(plan.device)
        truth = truth_of(window)
        with torch.no_grad(), mixed(plan.device):
            found, image0, image1, tau = student(window)
            frame, _ = merged(found, image0, image1, tau)
            taught = teacher(image0, image1, tau).frame
        rows = {}
        for i in range(0, min(8, len(tau)), 2):
            pictures = (image0[i], truth[i], frame[i].clamp(0, 1), taught[i].clamp(0, 1), image1[i])
            rows[f"moment {i}"] = list(zip(("I0", "true", "student", "teacher", "I1"), pictures, strict=True))
        return rows

    run.train(batches, losses, sheet)
    return run.averaged["between"]


@torch.no_grad()
def look(
    autoencoder: Autoencoder, motion: AdjacentMotion, window: WindowBatch
) -> tuple[tuple[View, View], tuple[Beside | None, Beside | None]]:
    """A window's ends as phase 1 sees them, and the frames beside them."""
    count = len(window.first)
    images = torch.cat((*window.ends, *(() if window.beside is None else window.beside.unbind(1))))
    features = motion.encode(autoencoder.encode(images).contiguous(memory_format=torch.channels_last))
    views = [View(images[i : i + count], features[i : i + count]) for i in range(0, len(images), count)]
    before, after = (
        (Beside(v, time) for v, time in zip(views[2:], (-1.0, 2.0), strict=True)) if views[2:] else (None,) * 2
    )
    return tuple(views[:2]), (before, after)


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
