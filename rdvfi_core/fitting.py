"""Phase 1: the trajectory of a pair, from its two ends alone (straight) or through keyframes (phi1 and phi2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .autoencoder import Autoencoder
from .errors import Interrupted
from .fusion import IterativeFusion
from .keyframes import Keyframes
from .motion import AdjacentMotion, Features
from .trajectory import Trajectory
from .warp import compose

STRAIGHT_ITERATIONS = 8  # of phi1 between the two ends, which lie far apart
ADJACENT_ITERATIONS = 4  # between neighbouring knots
HIDDEN_IMPORTANCE = 4.0  # what a pixel that its neighbouring knots do not show loses in the splat, as a log-weight


def fit_straight(
    motion: AdjacentMotion,
    autoencoder: Autoencoder,
    small0: Tensor,  # (B, 3, h, w) on the motion grid
    small1: Tensor,
) -> Trajectory:
    """Straight motion between the two ends: the fallback without a generator, and the base that a generator
    corrects."""
    batch = len(small0)
    features = motion.encode(_encode(autoencoder, torch.cat((small0, small1))))
    found = motion(features, _swap(features, batch), STRAIGHT_ITERATIONS)
    visible = found.visible.float()
    return Trajectory.straight(
        found.flow[:batch],
        found.flow[batch:],
        visible[:batch],
        visible[batch:],
        small0.float(),
        small1.float(),
        _importance(visible[:batch]),
        _importance(visible[batch:]),
    )


def fit_keyframes(
    motion: AdjacentMotion,
    fusion: IterativeFusion,
    autoencoder: Autoencoder,
    small0: Tensor,  # (B, 3, h, w) on the motion grid
    small1: Tensor,
    keyframes: Keyframes,  # in the autoencoder's space
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    direct: bool = False,  # one long-range estimate per knot instead of the chain, for the ablation
) -> Trajectory:
    """Motion along the keyframes. Keyframes at exactly 0 or 1 give way to the inputs themselves."""
    inner = [i for i, time in enumerate(keyframes.times) if 0 < time < 1]
    times = (0.0, *(keyframes.times[i] for i in inner), 1.0)
    latents = torch.stack([_encode(autoencoder, small0), *(keyframes.latents[:, i] for i in inner),
                           _encode(autoencoder, small1)], 1)  # fmt: skip
    batch, knots = latents.shape[:2]
    features = [motion.encode(latents[:, k]) for k in range(knots)]
    total, done = (1 if direct else 2) * 2 * (knots - 1) + 1, 0

    def advance() -> None:
        nonlocal done
        done += 1
        if should_stop is not None and should_stop():
            raise Interrupted("The fitting of the trajectory was stopped.")
        if progress is not None:
            progress(done, total)

    still, seen = torch.zeros_like(small0[:, :2].float()), torch.ones_like(small0[:, :1].float())
    steps = {}  # by direction and knot
    for k in range(knots - 1):
        for a, b in ((k, k + 1), (k + 1, k)):
            steps[a, b] = motion(features[a], features[b], ADJACENT_ITERATIONS)
            advance()

    def reach(end: int, order: range) -> tuple[list[Tensor], list[Tensor]]:
        flows, visible = {end: still}, {end: seen}
        for k in order:
            link = k - 1 if end == 0 else k + 1
            if direct:
                found = motion(features[k], features[end], STRAIGHT_ITERATIONS)
            else:
                found = fusion(features[k], features[end], compose(steps[k, link].flow, flows[link]))
            flows[k], visible[k] = found.flow, found.visible.float()
            advance()
        return [flows[k] for k in range(knots)], [visible[k] for k in range(knots)]

    to0, visible0 = reach(0, range(1, knots))
    to1, visible1 = reach(knots - 1, range(knots - 2, -1, -1))
    previous = [still, *(steps[k, k - 1].flow for k in range(1, knots))]
    following = [*(steps[k, k + 1].flow for k in range(knots - 1)), still]
    neighbours = [
        torch.minimum(
            steps[k, k - 1].visible.float() if k > 0 else seen,
            steps[k, k + 1].visible.float() if k < knots - 1 else seen,
        )
        for k in range(knots)
    ]
    colours = [
        small0.float(),
        *(autoencoder.decode(latents[:, k]).float() for k in range(1, knots - 1)),
        small1.float(),
    ]
    advance()
    stacked = (torch.stack(v, 1) for v in (to0, to1, previous, following, visible0, visible1))
    return Trajectory(times, *stacked, torch.stack([_importance(v) for v in neighbours], 1), torch.stack(colours, 1))


def _importance(visible: Tensor) -> Tensor:
    return HIDDEN_IMPORTANCE * (visible - 1)


def _encode(autoencoder: Autoencoder, image: Tensor) -> Tensor:
    return autoencoder.encode(image).contiguous(memory_format=torch.channels_last)


def _swap(features: Features, batch: int) -> Features:
    return features[list(range(batch, 2 * batch)) + list(range(batch))]
