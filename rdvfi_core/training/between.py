"""Motion in between learns from RIFE's flows at any moment (the teacher), from panned photographs, whose motion is
exact, from true frames and from LPIPS.

The teacher counts where its own frame is nearer to the truth than the student's, so that the student can pass it.
phi1's features are frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..anchors.lpips import Lpips
from ..anchors.rife import FILE as RIFE
from ..anchors.rife import Between as Taught
from ..anchors.rife import Rife
from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Between, MotionBetween, tau_and_parts
from ..motion.views import Beside, View
from ..motion.ways import PLACE, shares_of_ways
from ..pixels.blending import blend_prior
from ..pixels.patches import patch_mean
from ..pixels.warp import backward_warp, resize
from ..precision import mixed
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .processes import Share
from .windows import Cutting, Footage, WindowBatch

CUTTING = Cutting(
    gaps=(2, 2, 4, 4, 6, 8, 8, 12, 16, 24),
    ratios=(1.0,),
    zooms=(0.5, 1.3),
    at_ends=0.1,
    panned=0.25,
    beside=0.5,
    exact=True,
)
FAR = replace(CUTTING, gaps=(4, 8, 12, 16, 24, 24), beside=0.0)
FLOW, SHARE, FRAME, LPIPS = 0.1, 0.2, 8.0, 2.0  # weights of the terms
FLOW_PX = 10.0  # motion whose errors count half
COARSER = 0.8  # weight of a step against the next finer one
WAYS = 0.05  # weight of the ways' scores beside them
ERROR = 0.04  # of the teacher's frame, at which its motion counts a third
NEARER = 0.01  # difference between two frames' errors that decides whom to follow


def train_far(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    between: Between,
    footage: Footage,
    anchors: Path,  # a folder with rife.pth
) -> Between:
    """The first step of motion in between alone, several times as many moments in an hour: nothing is rendered, and
    the teacher, which sees half the size, is believed where its own frame is right."""
    teacher = Rife.load(anchors / RIFE, plan.device).to(memory_format=torch.channels_last)
    autoencoder, motion = frozen(autoencoder, plan.device), frozen(motion, plan.device)
    between = frozen(between, plan.device).train()
    for part in (between.ways, between.coarse, between.choose):
        part.requires_grad_(True)
    run = Run(plan, {"between": between}, plan.settings("far", **vars(footage)))

    def batches(share: Share) -> Iterator[WindowBatch]:
        return footage.windows(plan, share, cutting=FAR)

    def taught(window: WindowBatch, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """-> f_{tau->0}, f_{tau->1}, and how far to believe them."""
        if window.exact is not None:
            to0, to1 = window.exact.flatten(0, 1).split(2, 1)
            return to0, to1, torch.ones_like(to0[:, :1])
        half = tuple(side // 2 for side in plan.crop)
        images = (resize(end, *half).repeat_interleave(len(window.times), 0) for end in window.ends)
        found = teacher(*images, tau)
        truth = torch.stack([resize(target, *half) for target in window.targets], 1).flatten(0, 1)
        weight = (-patch_mean((found.frame - truth).abs().mean(1, keepdim=True), 5) / ERROR).exp()
        flows = (2 * resize(flow, *plan.crop) for flow in (found.to0, found.to1))
        return *flows, resize(weight, *plan.crop)

    def losses(window: WindowBatch, progress: float) -> Losses:
        window = window.to(plan.device)
        times = (window.times,) * len(window.first)
        tau, _ = tau_and_parts(times, plan.device)
        with mixed(plan.device):
            views, _ = look(autoencoder, motion, window)
            found, _, scores, _ = between.far(*views, times)
            with torch.no_grad():
                to0, to1, weight = taught(window, tau.flatten())
                weight = weight * (1 + torch.linalg.vector_norm(to1 - to0, dim=1, keepdim=True) / FLOW_PX)
            return far_losses(found, scores, to0, to1, weight, tau)

    run.train(batches, losses)
    return run.averaged["between"]


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
        times = (window.times,) * len(window.first)
        found = between(*views, times, *beside)
        tau, _ = tau_and_parts(times, plan.device)
        return found, *(end.repeat_interleave(len(window.times), 0) for end in window.ends), tau.flatten()

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
    views = [View.of(images[i : i + count], features[i : i + count]) for i in range(0, len(images), count)]
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


def far_losses(
    found: Tensor, scores: tuple[Tensor, Tensor], to0: Tensor, to1: Tensor, weight: Tensor, tau: Tensor
) -> Losses:
    """found, scores: of `Between.far`; to0, to1: (B, 2, h, w), believed by `weight` (B, 1, h, w)."""
    error = 0
    for own, flow in zip((-tau * found[:, :2], (1 - tau) * found[:, 2:4]), (to0, to1), strict=True):
        flow, counts = F.avg_pool2d(weight * flow, PLACE), F.avg_pool2d(weight, PLACE)
        flow = flow / counts.clamp_min(1e-6)
        size = torch.linalg.vector_norm(flow, dim=1, keepdim=True)
        error = error + (counts * (own - flow).abs() / (1 + size / FLOW_PX)).mean()
    ways = ways_loss(scores, to0, to1, weight)
    return {"loss": ways + FLOW * error, "ways": ways.detach(), "flow": error.detach()}


def ways_loss(scores: tuple[Tensor, Tensor], to0: Tensor, to1: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of all ways' scores, which says at once where a far way is; the first of both counts half."""
    shares, counts = shares_of_ways(to1 - to0, weight)
    early, late = (-(counts * shares * of.log_softmax(1)).sum(1).mean() for of in scores)
    return late + early / 2


def between_losses(found: MotionBetween, taught: Taught, frame: Tensor, share: Tensor, truth: Tensor) -> Losses:
    own, others = ((f - truth).abs().mean(1, keepdim=True) for f in (frame.detach(), taught.frame))
    follow = ((patch_mean(own, 7) - patch_mean(others, 7)) / NEARER + 1).sigmoid()
    coarser = (resize(step, *truth.shape[-2:]).chunk(2) for step in found.steps)
    steps = [*coarser, (found.to0, found.to1)]
    flow = 0
    for n, step in enumerate(reversed(steps)):
        for mine, theirs in zip(step, (taught.to0, taught.to1), strict=True):
            size = torch.linalg.vector_norm(theirs, dim=1, keepdim=True)
            flow = flow + COARSER**n * (follow * (mine - theirs).abs() / (1 + size / FLOW_PX)).mean()
    ways = ways_loss(found.scores, taught.to0, taught.to1, follow)
    error = (frame - truth).abs().mean()
    shares = (follow * (share - taught.share0).abs()).mean()
    wrong = torch.linalg.vector_norm(found.to0 - taught.to0, dim=1).mean()
    loss = FLOW * flow + WAYS * ways + SHARE * shares + FRAME * error
    terms = {"loss": loss, "ways": ways, "flow": wrong, "share": shares, "frame": error}
    return terms | {"teacher": others.mean()}
