"""Phase 1: the trajectory of a pair, from its two ends alone (straight) or through keyframes (phi1 and phi2)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..callbacks import Progress, ShouldStop, check_stop
from ..conventions import LATENT_STRIDE
from ..keyframes.autoencoder import Autoencoder
from ..keyframes.keyframes import Keyframes
from ..pixels.warp import compose, resize, resize_flow
from ..trajectory.trajectory import MOST_IMPORTANCE, Trajectory
from .adjacent import AdjacentMotion, Features, Motion
from .fusion import IterativeFusion
from .refinement import align, best_of, refine

COARSE_ITERATIONS = 10  # of phi1 between frames that lie far apart, at half the size
REFINING_ITERATIONS = 4  # then at full size
ADJACENT_ITERATIONS = 6  # between neighbouring knots
LONG_RANGE = ("best", "chained", "direct")  # motion from a knot to the ends; the last two alone are for the ablation
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
    importance = _importance(visible) + FRONT_IMPORTANCE * found.front
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
    """phi1 between frames that lie far apart, and what the images say to that."""
    half = motion.encode(_encode(autoencoder, _half(images)))
    full = motion.encode(_encode(autoencoder, images))
    batch = len(images) // 2
    return refine(_two_scales(motion, (half, _swap(half, batch)), (full, _swap(full, batch))), images)


def fit_keyframes(
    motion: AdjacentMotion,
    fusion: IterativeFusion,
    autoencoder: Autoencoder,
    small0: Tensor,  # (B, 3, h, w) on the motion grid
    small1: Tensor,
    keyframes: Keyframes,  # in the autoencoder's space
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    long_range: str = "best",  # of LONG_RANGE
) -> Trajectory:
    """Motion along the keyframes: phi1 from knot to knot, and from every knot to both ends the best of three ways, by
    the pictures: chained by phi2, estimated at once, and that of straight motion. Keyframes at exactly 0 or 1 give way
    to the inputs themselves."""
    if long_range not in LONG_RANGE:
        raise ValueError(f"long_range is {long_range!r}; give one of {', '.join(LONG_RANGE)}.")
    inner = [i for i, time in enumerate(keyframes.times) if 0 < time < 1]
    times = (0.0, *(keyframes.times[i] for i in inner), 1.0)
    batch, last = len(small0), len(times) - 1
    advance = _Advance(progress, should_stop, total=2 * last + 1)
    latents = torch.cat((
        _encode(autoencoder, small0), *(keyframes.latents[:, i] for i in inner), _encode(autoencoder, small1)
    )).contiguous(memory_format=torch.channels_last)  # (M B, C, h/8, w/8), knot by knot  # fmt: skip
    features = motion.encode(latents)
    decoded = autoencoder.decode(latents[batch : last * batch]).float().split(batch) if last > 1 else ()
    colours = [small0.float(), *decoded, small1.float()]
    pictures = torch.cat(colours)
    if long_range == "best":
        half_features = motion.encode(_encode(autoencoder, _half(pictures)))
        straight_ways = _straight_ways(motion, autoencoder, small0, small1, times)
    advance()

    def of(values: Features | Tensor, *knots: int) -> Features | Tensor:
        return values[[k * batch + b for k in knots for b in range(batch)]]

    links = []  # of each neighbouring pair: later knot -> earlier, earlier -> later
    for k in range(last):
        pair, partners = (k + 1, k), (k, k + 1)
        found = motion(of(features, *pair), of(features, *partners), ADJACENT_ITERATIONS)
        flow = align(found.flow, of(pictures, *pair), of(pictures, *partners))
        links.append((flow.split(batch), found.visible.float().split(batch)))
        advance()
    still, seen = torch.zeros_like(small0[:, :2].float()), torch.ones_like(small0[:, :1].float())
    to0, to1 = [still], [still]  # to1 is collected from the last knot back
    visible0, visible1 = [seen], [seen]
    for i in range(1, last + 1):  # both chains take a step at once
        here, ends = (i, last - i), (0, last)
        if long_range == "direct":
            found = motion(of(features, *here), of(features, *ends), COARSE_ITERATIONS)
        else:
            back, forth = links[here[0] - 1][0][0], links[here[1]][0][1]
            base = torch.cat((compose(back, to0[-1]), compose(forth, to1[-1])))
            found = fusion(of(features, *here), of(features, *ends), base)
        flow, seen_in = found.flow, (of(pictures, *here), of(pictures, *ends))
        if long_range == "best":
            at_once = _two_scales(motion, *((of(size, *here), of(size, *ends)) for size in (half_features, features)))
            even = torch.cat((straight_ways[here[0]][0], straight_ways[here[1]][1]))
            flow = best_of((flow, at_once.flow, even), *seen_in)
        flow = align(flow, *seen_in)
        for chain, step in ((to0, 0), (to1, 1)):
            chain.append(flow.split(batch)[step])
        for chain, step in ((visible0, 0), (visible1, 1)):
            chain.append(found.visible.float().split(batch)[step])
        advance()
    previous, following = [still, *(flow[0] for flow, _ in links)], [*(flow[1] for flow, _ in links), still]
    shown_before, shown_after = [seen, *(v[0] for _, v in links)], [*(v[1] for _, v in links), seen]
    importance = [_importance(torch.minimum(*pair)) for pair in zip(shown_before, shown_after, strict=True)]
    fields = (to0, to1[::-1], previous, following, visible0, visible1[::-1], importance, colours)
    return Trajectory(times, *(torch.stack(field, 1) for field in fields))


def _straight_ways(
    motion: AdjacentMotion, autoencoder: Autoencoder, small0: Tensor, small1: Tensor, times: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:  # (B, 2, h, w) to I0 and to I1 from each time
    straight = fit_straight(motion, autoencoder, small0, small1)
    return [(flows.to0, flows.to1) for flows in map(straight.sample, times)]


def _two_scales(motion: AdjacentMotion, half: tuple[Features, Features], full: tuple[Features, Features]) -> Motion:
    """phi1 at half the size first, where the motion is half as large, then at full size from there."""
    coarse = motion(*half, COARSE_ITERATIONS).flow
    height, width = coarse.shape[-2:]
    start = resize_flow(coarse, 2 * height // LATENT_STRIDE, 2 * width // LATENT_STRIDE)
    return motion(*full, REFINING_ITERATIONS, start)


def _half(images: Tensor) -> Tensor:
    return resize(images, images.shape[-2] // 2, images.shape[-1] // 2)


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
