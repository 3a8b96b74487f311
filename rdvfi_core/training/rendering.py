"""The rendering loss: phi1 -> splat -> warp -> phi_s against true frames, of real clips and of rendered scenes.

First phi_s alone learns on top of a frozen phi1, then both together (`joint`), when phi1 keeps its exact supervision on
rendered pairs as a second term, so that what helps the frame does not spoil the motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..autoencoder import Autoencoder
from ..fitting import fit_straight
from ..motion import AdjacentMotion
from ..precision import mixed
from ..synthesis import Synthesis
from .engine import Losses, Run, Schedule
from .motion import both_directions, motion_losses
from .pairs import RenderedPairs, pair_stream
from .windows import WindowBatch, Windows, window_stream

MOTION_WEIGHT = 0.01  # of phi1's own loss in joint training; it is measured in pixels, the rendering loss in intensity
MOTION_EVERY = 2  # steps of joint training for one step of phi1's own loss
ITERATIONS = 6  # of phi1 on rendered pairs


def train_rendering(
    folder: Path | str,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    synthesis: Synthesis,
    clips: str,
    textures: str | None,
    steps: int,
    device: torch.device,
    joint: bool = False,
    seed: int = 0,
    batch: int = 4,
    crop: tuple[int, int] = (160, 224),
    learning_rate: float = 4e-4,
    workers: int = 1,
) -> tuple[AdjacentMotion, Synthesis]:
    """Trains phi_s, and with `joint` phi1 too, in the run folder; returns the averaged networks."""
    torch.manual_seed(seed)
    autoencoder = autoencoder.to(device).eval().requires_grad_(False)
    motion = motion.to(device, memory_format=torch.channels_last).requires_grad_(joint)
    synthesis = synthesis.to(device, memory_format=torch.channels_last).train().requires_grad_(True)
    config = {"trains": "joint" if joint else "synthesis", "clips": clips, "textures": textures, "seed": seed,
              "batch": batch, "crop": crop}  # fmt: skip
    networks = {"synthesis": synthesis} | ({"motion": motion} if joint else {})
    run = Run(folder, networks, Schedule(steps, learning_rate), config)

    def batches(first_step: int):
        windows = window_stream(Windows(clips, textures, seed, batch, crop, first_step), workers)
        if not joint:
            return ((window, None) for window in windows)
        own = -(-first_step // MOTION_EVERY)
        pairs = pair_stream(RenderedPairs(textures, seed, batch, crop, device, own, largest=140.0))
        return (
            (window, next(pairs) if step % MOTION_EVERY == 0 else None)
            for step, window in enumerate(windows, first_step)
        )

    def losses(data: tuple, step: int) -> Losses:
        window, pairs = data
        with mixed(device):
            terms = rendering_losses(autoencoder, motion, synthesis, _to(window, device), joint)
            if pairs is not None:
                images = torch.cat((pairs.first, pairs.second))
                found = both_directions(motion, autoencoder.encode(images), ITERATIONS)
        if pairs is not None:
            flow = torch.cat((pairs.forward, pairs.backward))
            own = motion_losses(found, flow, torch.cat((pairs.seen_forward, pairs.seen_backward)))
            terms["loss"] = terms["loss"] + MOTION_WEIGHT * own["loss"]
        return terms

    run.train(batches, losses)
    return (run.averaged["motion"] if joint else motion), run.averaged["synthesis"]


def rendering_losses(
    autoencoder: Autoencoder, motion: AdjacentMotion, synthesis: Synthesis, window: WindowBatch, joint: bool
) -> Losses:
    """The mean over the window's targets; the motion is fitted once."""
    with torch.set_grad_enabled(joint):
        trajectory = fit_straight(motion, autoencoder, window.small_first, window.small_second)
    terms = []
    for tau, target in zip(window.times, window.targets, strict=True):
        with torch.set_grad_enabled(joint):
            flows = trajectory.sample(tau)
        frame = synthesis(window.first, window.second, window.small_first, window.small_second, flows)
        terms.append(reconstruction_losses(frame, target))
    return {name: torch.stack([t[name] for t in terms]).mean() for name in terms[0]}


def reconstruction_losses(frame: Tensor, target: Tensor) -> Losses:
    """Both (B, 3, H, W). Absolute and squared error, and the error of the gradients at three scales: edges in the right
    place at the right contrast, a stand-in for a perceptual distance whose network is not at hand."""
    difference = frame - target
    squared = difference.square().mean()
    gradients = sum(_gradient_error(F.avg_pool2d(difference, 2**k) if k else difference) for k in range(3)) / 3
    loss = difference.abs().mean() + 2 * squared + 0.75 * gradients
    psnr = -10 * (difference.detach().square().mean((1, 2, 3)) + 1e-8).log10().mean()
    return {"loss": loss, "psnr": psnr}


def _gradient_error(difference: Tensor) -> Tensor:
    across = difference[..., :, 1:] - difference[..., :, :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def _to(window: WindowBatch, device: torch.device) -> WindowBatch:
    images = {k: v.to(device) for k, v in vars(window).items() if isinstance(v, Tensor)}
    return replace(window, targets=tuple(t.to(device) for t in window.targets), **images)
