"""The rendering loss: motion in between -> warp -> phi_s against true frames, of real clips and of rendered scenes.

First phi_s alone learns on frozen motion, then both together (`joint`). What `decoding` and `generation` need too is
here: the loss of a window along a trajectory, phi1's own loss beside it, and the sheet."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Between
from ..motion.moments import flows_between
from ..precision import mixed
from ..rendering.synthesis import Synthesis
from ..trajectory.flow_pair import FlowPair
from ..trajectory.trajectory import Trajectory
from .between import look
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .losses import FrameLoss
from .motion import LARGEST, both_directions, motion_losses
from .pairs import PairBatch, RenderedPairs, loaded
from .processes import Share
from .windows import Cutting, Footage, WindowBatch

CUTTING = Cutting(gaps=(2, 2, 4, 6, 8, 8, 12, 16, 24), beside=0.5)
MOTION_WEIGHT = 0.01  # of phi1's own loss beside the rendering loss; it is in pixels, the other in intensity
MOTION_EVERY = 2  # batches for one batch of phi1's own loss
ITERATIONS = 6  # of phi1 on rendered pairs


class MotionOfWindow:
    """A window's motion in between, to be asked as a trajectory is."""

    def __init__(self, autoencoder: Autoencoder, motion: AdjacentMotion, between: Between, window: WindowBatch):
        self.between = between
        self.views, self.beside = look(autoencoder, motion, window)

    def sample(self, tau: float) -> FlowPair:
        return flows_between(self.between, *self.views, [tau], *self.beside)[0]


def train_rendering(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    between: Between,
    synthesis: Synthesis,
    footage: Footage,
    frame_loss: FrameLoss,
    joint: bool = False,
) -> tuple[Between, Synthesis]:
    """Trains phi_s, and with `joint` the motion in between too, in the run folder; returns the averaged networks."""
    autoencoder, motion = frozen(autoencoder, plan.device), frozen(motion, plan.device)
    between = trained(between, plan.device) if joint else frozen(between, plan.device)
    synthesis = trained(synthesis, plan.device)
    networks = {"synthesis": synthesis} | ({"between": between} if joint else {})
    run = Run(plan, networks, plan.settings("joint" if joint else "synthesis", loss=frame_loss.name, **vars(footage)))

    def batches(share: Share) -> Iterator[WindowBatch]:
        return footage.windows(plan, share, cutting=CUTTING)

    def motion_of(window: WindowBatch) -> MotionOfWindow:
        return MotionOfWindow(autoencoder, motion, between, window)

    def losses(window: WindowBatch, progress: float) -> Losses:
        window = window.to(plan.device)
        with mixed(plan.device):
            return window_losses(motion_of(window), synthesis, window, frame_loss)

    def sheet(window: WindowBatch) -> Sheet:
        window = window.to(plan.device)
        with torch.no_grad(), mixed(plan.device):
            return window_sheet(motion_of(window), synthesis, window)

    run.train(batches, losses, sheet)
    return (run.averaged["between"] if joint else between), run.averaged["synthesis"]


def window_losses(
    trajectory: Trajectory | MotionOfWindow, synthesis: Synthesis, window: WindowBatch, frame_loss: FrameLoss
) -> Losses:
    """The mean over the window's targets, rendered along one trajectory."""
    terms = []
    for tau, target in zip(window.times, window.targets, strict=True):
        frame = synthesis(window.first, window.second, *window.ends, trajectory.sample(tau))
        terms.append(frame_loss(frame, target))
    return {name: torch.stack([t[name] for t in terms]).mean() for name in terms[0]}


def window_sheet(trajectory: Trajectory | MotionOfWindow, synthesis: Synthesis, window: WindowBatch) -> Sheet:
    """The first windows of the batch: the ends, the first target, what is rendered, and where it errs."""
    tau, target = window.times[0], window.targets[0]
    frame = synthesis(window.first, window.second, *window.ends, trajectory.sample(tau))
    rows = {}
    for i in range(min(3, len(frame))):
        error = 3 * (frame[i] - target[i]).abs().mean(0, keepdim=True).expand(3, -1, -1)
        pictures = (window.first[i], target[i], frame[i], error, window.second[i])
        names = ("I0", f"true, tau {tau:.3g}", "rendered", "error x3", "I1")
        rows[f"window {i}"] = list(zip(names, pictures, strict=True))
    return rows


def with_pairs(
    windows: Iterator[WindowBatch], plan: TrainingPlan, share: Share, textures: str | None
) -> Iterator[tuple[WindowBatch, PairBatch | None]]:
    """Every window, and with each MOTION_EVERY-th one rendered pairs for phi1's own loss."""
    own = Share(-(-share.first // MOTION_EVERY), share.rank, share.processes)
    pairs = loaded(
        RenderedPairs(textures, plan.seed, plan.batch, plan.crop, own, largest=LARGEST), min(1, plan.workers)
    )
    for n, window in enumerate(windows, share.first):
        yield window, next(pairs).to(plan.device) if n % MOTION_EVERY == 0 else None


def with_motion_loss(terms: Losses, motion: AdjacentMotion, autoencoder: Autoencoder, pairs: PairBatch) -> Losses:
    found = both_directions(motion, autoencoder.encode(torch.cat((pairs.first, pairs.second))), ITERATIONS)
    flow = torch.cat((pairs.forward, pairs.backward))
    own = motion_losses(found, flow, torch.cat((pairs.seen_forward, pairs.seen_backward)))
    return terms | {"loss": terms["loss"] + MOTION_WEIGHT * own["loss"]}
