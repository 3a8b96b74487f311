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
from .motion.views import Beside, View
from .pixels.alpha import cross_fade, ground_for, off_ground, on_ground
from .timeline import Plan, PlanFrame
from .trajectory.flow_pair import FlowPair
from .trajectory.trajectory import Trajectory

MOMENTS_AT_ONCE = 64  # that are handed to phase 2 together: enough for its batches, and a bounded list


class Renderer(Protocol):
    """What `pipeline.Interpolator` offers."""

    def look_at(self, pair: ImagePair, first: View | None = None) -> tuple[View, View]: ...

    def between(
        self, first: View, second: View, times: Sequence, seed: int, keyframes: str, before: Beside | None,
        after: Beside | None, *, should_stop,
    ) -> FlowPair | Trajectory: ...  # fmt: skip

    def stream_pair(
        self, pair: ImagePair, motion: FlowPair | Trajectory, times: Sequence, *, should_stop
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
    from one pair to the next one.

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
            here = motion.of((first, second), taus)
            restored = _restored(len(start), here[0].ground)
            pictures = interpolator.stream_pair(*here, taus, should_stop=should_stop)
            del here
            # Nobody holds a picture here while the next one is made, as the name of a loop would.
            yield from map(restored, pictures)


class _Seen(NamedTuple):
    pair: tuple[int, int]
    images: ImagePair | None  # None once they are rendered
    views: tuple[View, View]
    ground: float  # of the images: views before another ground do not fit

    def meets(self, other: _Seen | None) -> bool:
        """Whether the other one begins where this one ends."""
        return other is not None and self.pair[1] == other.pair[0] and self.ground == other.ground


class _Motion:
    """Images and motion of a plan's pairs, which are asked for in its order; held are the last one, the one at hand and
    the one after it. Where a pair begins with the frame that the pair before ended with, or ends with the frame that
    the next one begins with, the frames on both sides bend its motion."""

    def __init__(self, interpolator: Renderer, plan: Plan, frames: Sequence[Tensor], seed, keyframes, stop):
        self._interpolator, self._plan, self._frames = interpolator, plan, frames
        self._seed, self._keyframes, self._should_stop = seed, keyframes, stop
        before, after = plan.beside
        self._before, self._coming = before, _pairs_of(plan, before, after)
        self._next = next(self._coming, None)  # pair to be looked at
        self._seen: deque[_Seen] = deque()
        self._last: _Seen | None = None
        self._through: Trajectory | None = None  # knots of the pair at hand, where it has many moments

    def begin(self) -> None:
        """Takes what lies before the plan's own frames, so that a file need not be read backward for it."""
        if self._before is not None:
            self._look_on()

    def of(self, pair: tuple[int, int], taus: Sequence) -> tuple[ImagePair, FlowPair | Trajectory]:
        """taus: moments of the pair, all of them or some."""
        while not self._seen or self._seen[0].pair != pair:
            self._through = None
            if self._seen:  # its images are freed before the next ones are made
                self._last = self._seen.popleft()._replace(images=None)
            else:
                self._look_on()
        if len(self._seen) == 1 and self._next is not None and self._next[0] == pair[1]:
            self._look_on()
        here = self._seen[0]
        if self._through is not None:
            return here.images, self._through
        how = self._seed, self._keyframes, *self._beside(here)
        times = [float(tau) for tau in taus]
        found = self._interpolator.between(*here.views, times, *how, should_stop=self._should_stop)
        self._through = found if isinstance(found, Trajectory) else None
        return here.images, found

    def _beside(self, here: _Seen) -> tuple[Beside | None, Beside | None]:
        last, following = self._last, self._seen[1] if len(self._seen) > 1 else None
        length, before, after = self._plan.length(*here.pair), None, None
        if last is not None and last.meets(here):
            before = Beside(last.views[0], -self._plan.length(*last.pair) / length)
        if here.meets(following):
            after = Beside(following.views[1], 1 + self._plan.length(*following.pair) / length)
        return before, after

    def _look_on(self) -> None:
        """At the next pair."""
        pair, self._next = self._next, next(self._coming, None)
        first, second = pair
        images = _image_pair(*(_frame(self._frames, number) for number in pair), first, second)
        latest = self._seen[-1] if self._seen else self._last
        same = latest is not None and latest.pair[1] == first and latest.ground == images.ground
        views = self._interpolator.look_at(images, latest.views[1] if same else None)
        self._seen.append(_Seen(pair, images, views, images.ground))


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
