"""The rendering loss: phi1 -> splat -> warp -> phi_s against true frames, of real clips and of rendered scenes.

First phi_s alone learns on top of a frozen phi1, then both together (`joint`), when phi1 keeps its exact supervision on
rendered pairs as a second term, so that what helps the frame does not spoil the motion. What `decoding` and
`generation` need too is here: the loss of a window along a trajectory, phi1's second term, and the sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..keyframes.autoencoder import Autoencoder
from ..motion.adjacent import AdjacentMotion
from ..motion.fitting import fit_straight
from ..precision import mixed
from ..rendering.synthesis import Synthesis
from ..trajectory.trajectory import Trajectory
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .losses import FrameLoss
from .motion import LARGEST, both_directions, motion_losses
from .pairs import PairBatch, RenderedPairs, loaded
from .processes import Share
from .windows import Cutting, WindowBatch, Windows, window_stream

MOTION_WEIGHT = 0.01  # of phi1's own loss beside the rendering loss; it is in pixels, the other in intensity
MOTION_EVERY = 2  # batches for one batch of phi1's own loss
ITERATIONS = 6  # of phi1 on rendered pairs


@dataclass(frozen=True)
class Footage:
    """Where frames come from."""

    clips: str | None  # a folder of videos and folders of frames; None: rendered scenes only
    textures: str | None  # a folder of photographs for rendered scenes; None: procedural ones
    rendered: float = 0.4  # share of batches that are rendered scenes

    def windows(
        self,
        plan: TrainingPlan,
        share: Share,
        keyframes: int = 0,
        largest: float = 90.0,
        cutting: Cutting = Cutting(),  # noqa: B008 (frozen)
    ) -> Iterator[WindowBatch]:
        windows = Windows(
            self.clips, self.textures, plan.seed, plan.batch, plan.crop, share, self.rendered, keyframes, largest,
            cutting=cutting,
        )  # fmt: skip
        return window_stream(windows, plan.workers)


def train_rendering(
    plan: TrainingPlan,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    synthesis: Synthesis,
    footage: Footage,
    frame_loss: FrameLoss,
    joint: bool = False,
) -> tuple[AdjacentMotion, Synthesis]:
    """Trains phi_s, and with `joint` phi1 too, in the run folder; returns the averaged networks."""
    autoencoder = frozen(autoencoder, plan.device)
    motion = trained(motion, plan.device) if joint else frozen(motion, plan.device)
    synthesis = trained(synthesis, plan.device)
    networks = {"synthesis": synthesis} | ({"motion": motion} if joint else {})
    run = Run(plan, networks, plan.settings("joint" if joint else "synthesis", loss=frame_loss.name, **vars(footage)))

    def batches(share: Share) -> Iterator[tuple[WindowBatch, PairBatch | None]]:
        windows = footage.windows(plan, share)
        return with_pairs(windows, plan, share, footage.textures) if joint else ((w, None) for w in windows)

    def straight(window: WindowBatch) -> Trajectory:
        with torch.set_grad_enabled(joint and torch.is_grad_enabled()):
            return fit_straight(motion, autoencoder, *window.ends)

    def losses(data: tuple[WindowBatch, PairBatch | None], progress: float) -> Losses:
        window, pairs = data
        window = window.to(plan.device)
        with mixed(plan.device):
            terms = window_losses(straight(window), synthesis, window, frame_loss)
            return terms if pairs is None else with_motion_loss(terms, motion, autoencoder, pairs)

    def sheet(data: tuple[WindowBatch, PairBatch | None]) -> Sheet:
        window = data[0].to(plan.device)
        with torch.no_grad(), mixed(plan.device):
            return window_sheet(straight(window), synthesis, window)

    run.train(batches, losses, sheet)
    return (run.averaged["motion"] if joint else motion), run.averaged["synthesis"]


def window_losses(trajectory: Trajectory, synthesis: Synthesis, window: WindowBatch, frame_loss: FrameLoss) -> Losses:
    """The mean over the window's targets, rendered along one trajectory."""
    terms = []
    for tau, target in zip(window.times, window.targets, strict=True):
        frame = synthesis(window.first, window.second, *window.ends, trajectory.sample(tau))
        terms.append(frame_loss(frame, target))
    return {name: torch.stack([t[name] for t in terms]).mean() for name in terms[0]}


def window_sheet(trajectory: Trajectory, synthesis: Synthesis, window: WindowBatch) -> Sheet:
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
