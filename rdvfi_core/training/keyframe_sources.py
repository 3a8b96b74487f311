"""Latent keyframes to learn decoding from: true ones, and ones with the faults that a generator's have.

From true keyframes alone phi2 learns nothing: composition along exact neighbours leaves its gate nothing to decide. So
only a share of them is exact; the others are soft and grainy, are drawn toward the straight motion of the ends, or
come out of the generator."""

from __future__ import annotations

import torch
from torch import Tensor

from ..keyframes.autoencoder import Autoencoder
from ..keyframes.generator import KeyframeGenerator
from ..keyframes.keyframes import Keyframes, from_frames, generate, warped_keyframes
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Between
from ..motion.moments import flows_between
from .between import look
from .fusion import blur_and_noise
from .windows import WindowBatch

# Without a generator, its share is straight.
SHARES = {"true": 0.4, "soft": 0.3, "straight": 0.15, "generated": 0.15}
LEAST_STRAIGHT = 0.3  # how far keyframes are drawn toward straight motion, from this to all the way


def draw_source(generated: bool) -> str:
    """One of SHARES, from torch's own generator, which the run seeds by the batch."""
    draw, names = torch.rand(()).item(), list(SHARES)
    for name in names:
        draw -= SHARES[name]
        if draw < 0:
            break
    return "straight" if name == "generated" and not generated else name


@torch.no_grad()
def draw_keyframes(
    window: WindowBatch,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    between: Between,
    generator: KeyframeGenerator | None,
) -> Keyframes:
    """All of the window's knots, every second, or the middle one alone."""
    source = draw_source(generator is not None)
    chosen = _drawn_knots(len(window.knot_times))
    frames, times = window.knots[:, chosen], tuple(window.knot_times[knot] for knot in chosen)
    if source == "soft":
        random = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        frames = blur_and_noise(frames.flatten(0, 1), random).unflatten(0, frames.shape[:2])
    true = from_frames(autoencoder, frames, times)
    if source in ("true", "soft"):
        return true
    base, validity = warped_base(window, autoencoder, motion, between, times)
    if source == "straight":
        share = LEAST_STRAIGHT + (1 - LEAST_STRAIGHT) * torch.rand(()).item()
        return Keyframes(torch.lerp(true.latents.float(), base.latents.float(), share), times, true.space)
    seed = int(torch.randint(2**31, ()))
    return generate(generator, autoencoder, *window.ends, base, validity, seed)


def _drawn_knots(count: int) -> list[int]:
    """Evenly spaced ones of `count` knots, the ends left out."""
    steps = [step for step in (1, 2, 4) if (count - 1) % step == 0 and step < count - 1]
    step = steps[int(torch.randint(len(steps), ()))]
    return list(range(step, count - 1, step))


@torch.no_grad()
def warped_base(
    window: WindowBatch,
    autoencoder: Autoencoder,
    motion: AdjacentMotion,
    between: Between,
    times: tuple[float, ...] = (),
) -> tuple[Keyframes, Tensor]:  # with the validity (P, N, 1, h/8, w/8)
    """times: of the keyframes, by default all of the window's knots."""
    views, _ = look(autoencoder, motion, window)
    moments = flows_between(between, *views, times or window.knot_times[1:-1])
    return warped_keyframes(autoencoder, *window.ends, moments)
