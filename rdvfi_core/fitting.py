"""Phase 1: the trajectory of a pair, from its two ends alone (straight) or through keyframes (phi1 and phi2)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .autoencoder import Autoencoder
from .callbacks import Progress, ShouldStop, check_stop
from .conventions import LATENT_STRIDE
from .fusion import IterativeFusion
from .keyframes import Keyframes
from .motion import AdjacentMotion, Features, Motion
from .refinement import align, refine
from .trajectory import MOST_IMPORTANCE, Trajectory
from .warp import compose, resize, resize_flow

COARSE_ITERATIONS = 10  # of phi1 between frames that lie far apart, at half the size
REFINING_ITERATIONS = 4  # then at full size
ADJACENT_ITERATIONS = 6  # between neighbouring knots
FRONT_IMPORTANCE = MOST_IMPORTANCE  # what a pixel that must lie in front gains in the splat, as a log-weight
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
    found = long_range_motion(motion, autoencoder, torch.cat((small0, small1)))
    visible = found.visible.float()
    importance = _importance(visible) if found.front is None else _importance(visible) + FRONT_IMPORTANCE * found.front
    return Trajectory.straight(
        found.flow[:batch],
        found.flow[batch:],
        visible[:batch],
        visible[batch:],
        small0.float(),
        small1.float(),
        importance[:batch],
        importance[batch:],
    )


def long_range_motion(
    motion: AdjacentMotion,
    autoencoder: Autoencoder,
    images: Tensor,  # (2 B, 3, h, w) on the motion grid: all first images, then all second ones
) -> Motion:  # first -> second, then second -> first
    """phi1 between frames that lie far apart: first at half the size, where the motion is half as large, then at full
    size from there; and what the images say to that."""
    height, width = images.shape[-2:]

    def estimate(images: Tensor, iterations: int, start: Tensor | None = None) -> Motion:
        features = motion.encode(_encode(autoencoder, images))
        return motion(features, _swap(features, len(images) // 2), iterations, start)

    coarse = estimate(resize(images, height // 2, width // 2), COARSE_ITERATIONS).flow
    start = resize_flow(coarse, height // LATENT_STRIDE, width // LATENT_STRIDE)
    return refine(estimate(images, REFINING_ITERATIONS, start), images)


def fit_keyframes(
    motion: AdjacentMotion,
    fusion: IterativeFusion,
    autoencoder: Autoencoder,
    small0: Tensor,  # (B, 3, h, w) on the motion grid
    small1: Tensor,
    keyframes: Keyframes,  # in the autoencoder's space
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    direct: bool = False,  # one long-range estimate per knot instead of the chain, for the ablation
) -> Trajectory:
    """Motion along the keyframes: phi1 from knot to knot, phi2 from every knot to both ends, each aligned with the
    pictures. Keyframes at exactly 0 or 1 give way to the inputs themselves."""
    inner = [i for i, time in enumerate(keyframes.times) if 0 < time < 1]
    times = (0.0, *(keyframes.times[i] for i in inner), 1.0)
    batch, last = len(small0), len(times) - 1
    latents = torch.cat((
        _encode(autoencoder, small0), *(keyframes.latents[:, i] for i in inner), _encode(autoencoder, small1)
    )).contiguous(memory_format=torch.channels_last)  # (M B, C, h/8, w/8), knot by knot  # fmt: skip
    features = motion.encode(latents)
    decoded = autoencoder.decode(latents[batch : last * batch]).float().split(batch) if last > 1 else ()
    colours = [small0.float(), *decoded, small1.float()]
    advance = _Advance(progress, should_stop, total=2 * last + 1)
    advance()

    def of(*knots: int) -> Features:
        return features[[k * batch + b for k in knots for b in range(batch)]]

    def aligned(found: Motion, here: tuple[int, int], there: tuple[int, int]) -> Motion:
        flow = align(found.flow, *(torch.cat([colours[knot] for knot in knots]) for knots in (here, there)))
        return replace(found, flow=flow)

    links = []  # of each neighbouring pair: later knot -> earlier, earlier -> later
    for k in range(last):
        pair, partners = (k + 1, k), (k, k + 1)
        found = aligned(motion(of(*pair), of(*partners), ADJACENT_ITERATIONS), pair, partners)
        links.append((found.flow.split(batch), found.visible.float().split(batch)))
        advance()
    still, seen = torch.zeros_like(small0[:, :2].float()), torch.ones_like(small0[:, :1].float())
    to0, to1 = [still], [still]  # to1 is collected from the last knot back
    visible0, visible1 = [seen], [seen]
    for i in range(1, last + 1):  # both chains take a step at once
        k, m = i, last - i
        if direct:
            found = motion(of(k, m), of(0, last), COARSE_ITERATIONS)
        else:
            back, forth = links[k - 1][0][0], links[m][0][1]
            base = torch.cat((compose(back, to0[-1]), compose(forth, to1[-1])))
            found = fusion(of(k, m), of(0, last), base)
        found = aligned(found, (k, m), (0, last))
        for chain, step in ((to0, 0), (to1, 1)):
            chain.append(found.flow.split(batch)[step])
        for chain, step in ((visible0, 0), (visible1, 1)):
            chain.append(found.visible.float().split(batch)[step])
        advance()
    previous, following = [still, *(flow[0] for flow, _ in links)], [*(flow[1] for flow, _ in links), still]
    shown_before, shown_after = [seen, *(v[0] for _, v in links)], [*(v[1] for _, v in links), seen]
    importance = [_importance(torch.minimum(*pair)) for pair in zip(shown_before, shown_after, strict=True)]
    fields = (to0, to1[::-1], previous, following, visible0, visible1[::-1], importance, colours)
    return Trajectory(times, *(torch.stack(field, 1) for field in fields))


class _Advance:
    """Counts steps, reports them, and gives up when asked to."""

    def __init__(self, progress: Progress | None, should_stop: ShouldStop | None, total: int):
        self.progress, self.should_stop, self.total, self.done = progress, should_stop, total, 0

    def __call__(self) -> None:
        self.done += 1
        check_stop(self.should_stop, "The fitting of the trajectory")
        if self.progress is not None:
            self.progress(self.done, self.total)


def _importance(visible: Tensor) -> Tensor:
    return HIDDEN_IMPORTANCE * (visible - 1)


def _encode(autoencoder: Autoencoder, image: Tensor) -> Tensor:
    return autoencoder.encode(image).contiguous(memory_format=torch.channels_last)


def _swap(features: Features, batch: int) -> Features:
    return features[list(range(batch, 2 * batch)) + list(range(batch))]
