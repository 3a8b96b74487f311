"""Phase 1 through keyframes: phi1 from knot to knot, phi2 the long way to both ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..callbacks import Progress, ShouldStop, check_stop
from ..conventions import LATENT_STRIDE
from ..keyframes.autoencoder import Autoencoder
from ..keyframes.keyframes import Keyframes
from ..pixels.warp import compose, resize, resize_flow
from ..trajectory.trajectory import Trajectory
from .adjacent import AdjacentMotion, Features, Motion
from .between import Between
from .fusion import IterativeFusion
from .moments import flows_between
from .refinement import align, best_of
from .views import View

COARSE_ITERATIONS = 10  # of phi1 between frames that lie far apart, at half the size
REFINING_ITERATIONS = 4  # then at full size
ADJACENT_ITERATIONS = 6  # between neighbouring knots
LONG_RANGE = ("best", "chained", "direct")  # motion from a knot to the ends; the last two alone are for the ablation
HIDDEN_IMPORTANCE = 4.0  # what a pixel that its neighbouring knots do not show loses in the splat, as a log-weight


def fit_keyframes(
    motion: AdjacentMotion,
    between: Between,
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
    the pictures: chained by phi2, estimated at once, and what the two ends alone say. Keyframes at exactly 0 or 1 give
    way to the inputs themselves."""
    if long_range not in LONG_RANGE:
        raise ValueError(f"long_range is {long_range!r}; give one of {', '.join(LONG_RANGE)}.")
    knots = _Knots(motion, autoencoder, small0, small1, keyframes)
    advance = _Advance(progress, should_stop, total=2 * knots.last + 1)
    other_ways = _other_ways(motion, between, autoencoder, knots) if long_range == "best" else None
    advance()
    links = _links(motion, knots, advance)
    chain = None if long_range == "direct" else fusion
    to0, to1, visible0, visible1 = _ways_to_ends(motion, chain, other_ways, knots, links, advance)
    still, seen = knots.nothing
    previous, following = [still, *(flow[0] for flow, _ in links)], [*(flow[1] for flow, _ in links), still]
    shown_before, shown_after = [seen, *(v[0] for _, v in links)], [*(v[1] for _, v in links), seen]
    importance = [_importance(torch.minimum(*pair)) for pair in zip(shown_before, shown_after, strict=True)]
    fields = (to0, to1, previous, following, visible0, visible1, importance, knots.colours)
    return Trajectory(knots.times, *(torch.stack(field, 1) for field in fields), keyframed=True)


class _Knots:
    """I0, the keyframes in between and I1, side by side: their pictures, and what phi1 reads from them."""

    def __init__(
        self, motion: AdjacentMotion, autoencoder: Autoencoder, small0: Tensor, small1: Tensor, keyframes: Keyframes
    ):
        inner = [i for i, time in enumerate(keyframes.times) if 0 < time < 1]
        self.times = (0.0, *(keyframes.times[i] for i in inner), 1.0)
        self.batch, self.last = len(small0), len(inner) + 1
        latents = torch.cat((
            _encode(autoencoder, small0), *(keyframes.latents[:, i] for i in inner), _encode(autoencoder, small1)
        )).contiguous(memory_format=torch.channels_last)  # (M B, C, h/8, w/8), knot by knot  # fmt: skip
        self.features = motion.encode(latents)
        between = latents[self.batch : self.last * self.batch]
        decoded = autoencoder.decode(between).float().split(self.batch) if inner else ()
        self.colours = [small0.float(), *decoded, small1.float()]  # (B, 3, h, w) each
        self.pictures = torch.cat(self.colours)
        self.nothing = (
            torch.zeros_like(small0[:, :2].float()),
            torch.ones_like(small0[:, :1].float()),
        )  # no motion, seen

    def of(self, values: Features | Tensor, knots: tuple[int, ...]) -> Features | Tensor:
        """values: of all knots."""
        return values[[k * self.batch + b for k in knots for b in range(self.batch)]]


Link = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]  # flow and visibility: later knot -> earlier, and back
TwoKnots = tuple[int, int]


def _links(motion: AdjacentMotion, knots: _Knots, advance: _Advance) -> list[Link]:
    """Of each neighbouring pair."""
    links = []
    for k in range(knots.last):
        both = (k + 1, k), (k, k + 1)
        found = motion(*(knots.of(knots.features, these) for these in both), ADJACENT_ITERATIONS)
        flow = align(found.flow, *(knots.of(knots.pictures, these) for these in both))
        links.append((flow.split(knots.batch), found.visible.float().split(knots.batch)))
        advance()
    return links


def _other_ways(
    motion: AdjacentMotion, between: Between, autoencoder: Autoencoder, knots: _Knots
) -> Callable[[TwoKnots, TwoKnots], tuple[Tensor, Tensor]]:
    """Beside the chain: the motion from two knots to two ends estimated at once, and as the two ends alone say."""
    half = motion.encode(_encode(autoencoder, _half(knots.pictures)))
    ends = (View.of(knots.colours[end], knots.of(knots.features, (end,))) for end in (0, knots.last))
    alone = flows_between(between, *ends, knots.times)

    def ways(here: TwoKnots, ends: TwoKnots) -> tuple[Tensor, Tensor]:
        sizes = ((knots.of(size, here), knots.of(size, ends)) for size in (half, knots.features))
        return _two_scales(motion, *sizes).flow, torch.cat((alone[here[0]].to0, alone[here[1]].to1))

    return ways


def _ways_to_ends(
    motion: AdjacentMotion,
    fusion: IterativeFusion | None,  # None: one long estimate instead of the chain
    other_ways: Callable[[TwoKnots, TwoKnots], tuple[Tensor, Tensor]] | None,
    knots: _Knots,
    links: list[Link],
    advance: _Advance,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    """Flow to I0, flow to I1, visibility in I0 and in I1, of each knot."""
    still, seen = knots.nothing
    to0, to1 = [still], [still]  # to1 is collected from the last knot back
    visible0, visible1 = [seen], [seen]
    last = knots.last
    for i in range(1, last + 1):  # both chains take a step at once
        here, ends = (i, last - i), (0, last)
        features, pictures = (
            [knots.of(values, which) for which in (here, ends)] for values in (knots.features, knots.pictures)
        )
        if fusion is None:
            found = motion(*features, COARSE_ITERATIONS)
        else:
            back, forth = links[here[0] - 1][0][0], links[here[1]][0][1]
            found = fusion(*features, torch.cat((compose(back, to0[-1]), compose(forth, to1[-1]))))
        flow = found.flow
        if other_ways is not None:
            flow = best_of((flow, *other_ways(here, ends)), *pictures)
        steps = align(flow, *pictures).split(knots.batch) + found.visible.float().split(knots.batch)
        for chain, step in zip((to0, to1, visible0, visible1), steps, strict=True):
            chain.append(step)
        advance()
    return to0, to1[::-1], visible0, visible1[::-1]


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
