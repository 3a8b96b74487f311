"""Renders a plan: source frames in, output frames out, one pair at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby, islice
from typing import NamedTuple, Protocol

import torch
from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb
from torch import Tensor

from .callbacks import Progress, ShouldStop, check_stop
from .image_pair import ImagePair
from .pixels.alpha import cross_fade, ground_for, off_ground, on_ground
from .timeline import Plan, PlanFrame
from .trajectory.trajectory import Trajectory

MOMENTS_AT_ONCE = 64  # that are handed to phase 2 together: enough for its batches, and a bounded list


class Renderer(Protocol):
    """What `pipeline.Interpolator` offers."""

    def pairs_at_once(self, height: int, width: int) -> int: ...

    def fit_pairs(self, pairs: Sequence[ImagePair], seed: int, keyframes: str, *, should_stop) -> list[Trajectory]: ...

    def stream_pair(
        self, pair: ImagePair, trajectory: Trajectory, times: Sequence, *, should_stop
    ) -> Iterator[Tensor]: ...


def render(
    interpolator: Renderer,
    plan: Plan,
    frames: Sequence[Tensor],
    seed: int = 0,
    keyframes: str = "auto",
    progress: Progress | None = None,  # of output frames
    should_stop: ShouldStop | None = None,
) -> Iterator[Tensor]:  # (C, H, W) each, in the order of the plan, on the CPU, in the frames' precision
    """frames: (C, H, W) each, float in [0, 1], with C = 1 (grey), 3 (RGB) or 4 (RGB and alpha, not premultiplied). They
    may be made when they are asked for, as by `video.reader`: that is in the plan's order, where it does not go back,
    from one pair to the next one, or on a GPU over a few pairs whose motion is estimated at once.

    Source frames come out as the same tensors that went in: do not write into them. Where a plan asks for motion blur,
    moments are averaged in linear light, as a shutter does: otherwise highlights would fade as they move.

    ValueError for frames that do not fit each other or the plan; `errors.Interrupted` where should_stop says so."""
    pictures = _pictures(interpolator, plan, frames, seed, keyframes, should_stop)
    for done, frame in enumerate(plan, 1):
        if frame.exposure:
            yield _exposed(next(pictures) for _ in frame.exposure)
        else:
            yield next(pictures)
        if progress is not None:
            progress(done, len(plan))


def _pictures(interpolator, plan: Plan, frames: Sequence[Tensor], seed, keyframes, should_stop) -> Iterator[Tensor]:
    """The picture of every moment of every frame, in order."""
    motion = _Motion(interpolator, plan, frames, seed, keyframes, should_stop)
    motion.begin()
    for (kind, first, second), run in groupby(plan.moments(), _pair):
        start = _frame(frames, first)
        if kind == "copy":
            for _ in run:
                check_stop(should_stop)
                yield start
            continue
        if kind == "blend":
            end = _frame(frames, second)
            _image_pair(start, end, first, second)  # says what is wrong with them
            for moment in run:
                check_stop(should_stop)
                yield cross_fade(start, end, float(moment.tau))
            continue
        while taus := [moment.tau for moment in islice(run, MOMENTS_AT_ONCE)]:
            fitted = motion.of((first, second))
            restored = _restored(len(start), fitted[0].ground)
            pictures = interpolator.stream_pair(*fitted, taus, should_stop=should_stop)
            del fitted
            # Nobody holds a picture here while the next one is made, as the name of a loop would.
            yield from map(restored, pictures)


class _Fitted(NamedTuple):
    pair: tuple[int, int]
    images: ImagePair | None  # None once they are rendered
    trajectory: Trajectory


class _Motion:
    """Images and trajectories of a plan's pairs, which are asked for in its order: of the last one, of the one after
    it, and of those that were fitted together with them. Where a pair begins with the frame that the pair before ended
    with, or ends with the frame that the next one begins with, its motion continues theirs."""

    def __init__(self, interpolator: Renderer, plan: Plan, frames: Sequence[Tensor], seed, keyframes, stop):
        self._interpolator, self._plan, self._frames = interpolator, plan, frames
        self._seed, self._keyframes, self._should_stop = seed, keyframes, stop
        before, after = plan.beside
        self._before, self._coming = before, _pairs_of(plan, before, after)
        self._next = next(self._coming, None)  # pair to be fitted
        self._fitted: deque[_Fitted] = deque()
        self._asked: tuple[ImagePair, Trajectory] | None = None  # of the first of them

    def begin(self) -> None:
        """Takes what lies before the plan's own frames, so that a file need not be read backward for it."""
        if self._before is not None:
            self._fit_next()

    def of(self, pair: tuple[int, int]) -> tuple[ImagePair, Trajectory]:
        before = after = None
        while not self._fitted or self._fitted[0].pair != pair:
            self._asked = None
            if self._fitted:  # its images are freed before the next ones are made
                before = self._fitted.popleft()._replace(images=None)
            else:
                self._fit_next()
        if self._asked is None:
            if len(self._fitted) == 1 and self._next is not None and self._next[0] == pair[1]:
                self._fit_next()
            here, *beyond = islice(self._fitted, 2)
            if beyond:
                (after,) = beyond
            self._asked = here.images, self._continued(here, before, after)
        return self._asked

    def _continued(self, here: _Fitted, before: _Fitted | None, after: _Fitted | None) -> Trajectory:
        length = self._plan.length(*here.pair)

        def beside(fitted: _Fitted | None, meets: bool) -> tuple[Trajectory | None, float]:
            return (fitted.trajectory, self._plan.length(*fitted.pair) / length) if meets else (None, 1.0)

        before, before_length = beside(before, before is not None and before.pair[1] == here.pair[0])
        after, after_length = beside(after, after is not None and after.pair[0] == here.pair[1])
        return here.trajectory.continued(before, after, before_length, after_length)

    def _fit_next(self) -> None:
        """One pair, and on a GPU some of those that come after it."""
        size = _frame(self._frames, self._next[0]).shape[-2:]
        pairs = [self._next, *islice(self._coming, self._interpolator.pairs_at_once(*size) - 1)]
        self._next = next(self._coming, None)
        images = []
        for first, second in pairs:
            ends = (_frame(self._frames, i) for i in (first, second))
            images.append(_image_pair(*ends, first, second))
        found = self._interpolator.fit_pairs(images, self._seed, self._keyframes, should_stop=self._should_stop)
        self._fitted.extend(map(_Fitted, pairs, images, found))


def _pairs_of(plan: Plan, before: tuple[int, int] | None, after: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
    """Those with motion, in order, between two that lie beyond the plan's ends; one that comes up again directly,
    once."""
    own = ((moment.first, moment.second) for moment in plan.moments() if moment.kind == "between")
    return (pair for pair, _ in groupby(pair for pair in chain((before,), own, (after,)) if pair is not None))


def _image_pair(start: Tensor, end: Tensor, first: int, second: int) -> ImagePair:
    """Frames (C, H, W) of these numbers as images that motion can lead from one to the other: grey as RGB, alpha as a
    plane beside what is seen on a ground."""
    if len(start) != len(end):
        raise ValueError(
            f"Frame {first} has {len(start)} channels and frame {second} has {len(end)}; give all frames alike."
        )
    if len(start) not in (1, 3, 4):
        raise ValueError(f"Frame {first} has {len(start)} channels; give 1 (grey), 3 (RGB) or 4 (RGB and alpha).")
    names = f"Frame {first}", f"frame {second}"
    if len(start) < 4:
        return ImagePair.of(*(frame.expand(3, -1, -1)[None] for frame in (start, end)), names=names)
    ground = ground_for(start, end)
    colours = (on_ground(frame, ground)[None] for frame in (start, end))
    return ImagePair.of(*colours, (start[None, 3:], end[None, 3:]), names, ground)


def _restored(channels: int, ground: float) -> Callable[[Tensor], Tensor]:  # (3 or 4, H, W) -> (channels, H, W)
    if channels == 1:
        return lambda picture: picture.mean(0, keepdim=True)
    return partial(off_ground, ground=ground) if channels == 4 else lambda picture: picture


def _exposed(pictures: Iterable[Tensor]) -> Tensor:
    """The mean of (C, H, W), in linear light, colours weighted with alpha where there is any."""
    count, total, like = 0, None, None
    for picture in pictures:
        light = rgb_to_linear_rgb(picture[:3].float().expand(3, -1, -1))
        if len(picture) > 3:
            alpha = picture[3:].float()
            light = torch.cat((light * alpha, alpha))
        total = light if total is None else total.add_(light)
        count, like = count + 1, picture
    mean = total / count
    if len(mean) > 3:
        mean[:3] /= mean[3:].clamp(min=1e-6)
    mean[:3] = linear_rgb_to_rgb(mean[:3])
    return mean[: len(like)].to(like.dtype)


def _frame(frames: Sequence[Tensor], index: int) -> Tensor:
    if index >= len(frames):
        raise ValueError(f"There are {len(frames)} frames, but the plan needs frame {index}; make a new plan.")
    return frames[index]


def _pair(moment: PlanFrame) -> tuple[str, int, int]:
    return moment.kind, moment.first, moment.second
