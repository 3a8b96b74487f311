"""Where a clip's frames do not continue each other, and where they repeat each other: one pass at a small size.

Cuts. Colours alone fire on flashes and differences alone on pans, so a pair of frames is first asked whether it changed
at all, and then how much of each frame's structure is found again in the other: blocks of a high-passed picture are
searched for by normalised correlation, which neither motion within the search range nor a change of light disturbs. A
cut stands out against the pairs around it (so that a jump within one scene, which keeps half of its structure, is seen
where all else is calm), and no frame shortly before it looks like one shortly after it, as happens around a flash. What
counts as a change is measured by the pictures' own contrast; pairs that last longer may change as much more; and where
all stands still, structure is sought in its own place.

Duplicates. Compression leaves noise in repeated frames, so a frame repeats the one before if none of its blocks
changed by more than such noise, and by much less than between the pictures before and after; a long run of such frames
is a standstill, and no animation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .callbacks import ShouldStop, check_stop
from .timeline.source import LONGEST_RUN

HEIGHT, WIDTH = 80, 128  # that frames are compared at, whatever their shape
BLOCK = 16
REACH = 24  # px of these: motion of up to a fifth of the picture's width from frame to frame
IN_PLACE = 2  # px
WINDOW = 5  # of the high-pass filter
FLAT = 2.5e-3  # of the pictures' contrast squared: variance below which a block has no structure
LEAST_FLAT, MOST_FLAT = 4e-6, 1e-4  # that variance itself: what is less than half a step of 8 bits, and what is seen
EVEN = 0.15  # part of the blocks; a picture with structure in fewer is an even one
COARSE_COLOURS = 8  # steps per channel

CUT_THRESHOLD = 0.5  # part of the structure that is not found again
CHANGED_COLOURS, CHANGED_LIGHT = 0.15, 0.04  # less than both, and than CHANGED, is no cut, without a search
CHANGED = 0.25  # of the pictures' contrast, in light
STANDS_OUT = 0.15  # more new structure than in most pairs around
LONE_SHARE, STANDS_ALONE = 0.6, 0.2  # of the threshold: enough where all pairs around are that much calmer
GAP = 1.5  # times as long as the pairs around it: frames are missing in between
MOST_MOTION = 0.6  # new structure that motion alone explains
ALIKE = 0.8  # of the threshold: less than that is new after a flash
STILL_NEW, STILL_IN_PLACE = 0.4, 0.6  # of the threshold: enough, together, between pictures that stand still
AROUND = 3  # pairs before and after; also the longest flash, in frames

DUPLICATE_NOISE = 0.012  # mean change of the block that changed most; 1 is from black to white
DUPLICATE_RATIO = 0.3  # of such a change between a drawing and the next
MANY_DUPLICATES = 8  # "auto": one frame in so many, or more

DUPLICATES = ("auto", "pass over", "keep")


@dataclass(frozen=True)
class Scan:
    cuts: tuple[int, ...] = ()  # i: frame i + 1 does not continue frame i
    duplicates: tuple[int, ...] = ()  # i: frame i repeats frame i - 1
    closes: bool = False  # the last frame repeats the first, and no pair of frames beside it does


def scan(
    frames: Iterable[Tensor],  # (C, H, W) each, float in [0, 1], grey, RGB or RGBA
    cut_threshold: float | None = CUT_THRESHOLD,
    duplicates: str = "auto",
    should_stop: ShouldStop | None = None,
    ticks: Sequence[int] = (),
) -> Scan:
    """cut_threshold: None for no cuts. duplicates: "keep" for none, "pass over" for all that are found, "auto" for
    them only where they are a habit of the clip, one frame in MANY_DUPLICATES or more: a single one may be an accident.
    ticks: when each frame is shown, in any unit, filled at the latest when the frames end; none where times are even.

    Only a handful of small frames and two numbers for each pair are kept. Between two frames alone no cut is found,
    and neither is any in a clip of unrelated pictures, since nothing stands out there."""
    if duplicates not in DUPLICATES:
        raise ValueError(f"duplicates is {duplicates!r}; it must be one of {', '.join(DUPLICATES)}.")
    if cut_threshold is None and duplicates == "keep":
        return Scan()
    changes: list[float] = []  # of each pair, in the block that changed most
    news: list[New] = []  # of each pair, the part of the structure that is new
    flashes: set[int] = set()
    first: Small | None = None
    recent: deque[Small] = deque(maxlen=2 * AROUND)
    with torch.no_grad():
        for frame in _small(frames, should_stop):
            if recent:
                changes.append(recent[-1].change(frame))
                news.append(recent[-1].new(frame) if cut_threshold is not None else NOTHING)
            first = first or frame
            recent.append(frame)
            if cut_threshold is not None:
                flashes.update(_flashes(recent, news, cut_threshold))
    longer = _longer([after - before for before, after in pairwise(ticks)] or [1] * len(news))
    found = () if cut_threshold is None else _cuts(news, longer, flashes, cut_threshold)
    repeated = _repeated(changes) if duplicates != "keep" else []
    closes = duplicates != "keep" and len(changes) > 1 and _repeats(first.change(recent[-1]), changes[0], changes[-1])
    if duplicates == "auto" and len(repeated) * MANY_DUPLICATES < len(changes):
        repeated = []
    return Scan(found, tuple(repeated), closes)


class Small:
    """A frame as it is compared."""

    def __init__(self, frame: Tensor):  # (C, H, W)
        colours = frame[:3].float().expand(3, -1, -1)
        colours = F.interpolate(colours[None], (HEIGHT, WIDTH), mode="area").clamp(0, 1).cpu()
        self.light = colours.mean(1, keepdim=True)  # (1, 1, HEIGHT, WIDTH)
        self.contrast = (self.light - self.light.mean()).abs().mean().item()
        steps = (colours[0] * COARSE_COLOURS).long().clamp(max=COARSE_COLOURS - 1)
        index = (steps[0] * COARSE_COLOURS + steps[1]) * COARSE_COLOURS + steps[2]
        self.colours = torch.bincount(index.flatten(), minlength=COARSE_COLOURS**3) / index.numel()
        padded = F.pad(self.light, (WINDOW // 2,) * 4, mode="reflect")
        self.structure = self.light - F.avg_pool2d(padded, WINDOW, 1)

    def change(self, other: Small) -> float:
        """Mean difference in light, in the block of BLOCK / 2 where it is largest."""
        return F.avg_pool2d((self.light - other.light).abs(), BLOCK // 2).amax().item()

    def new(self, other: Small) -> New:
        """Nothing where little changed at all."""
        colours = (self.colours - other.colours).abs().sum().item() / 2
        light = (self.light - other.light).abs().mean().item()
        contrast = max(self.contrast, other.contrast)
        if colours < CHANGED_COLOURS and light < min(CHANGED_LIGHT, CHANGED * contrast):
            return NOTHING
        flat = min(max(FLAT * contrast**2, LEAST_FLAT), MOST_FLAT)
        (here, textured), (there, textured_there) = _missing(self, other, flat), _missing(other, self, flat)
        even = min(textured, textured_there) < EVEN  # next to a black frame all is new: that is a fade, or a flash
        return New(*(min(pair) if even else sum(pair) / 2 for pair in zip(here, there, strict=True)))


class New(NamedTuple):
    """Part of both frames' structure that the other one lacks, in [0, 1]."""

    anywhere: float  # within REACH
    in_place: float


NOTHING = New(0.0, 0.0)


def _missing(a: Small, b: Small, flat: float) -> tuple[tuple[float, float], float]:
    """Part of the blocks of `a` that `b` does not have within REACH, and in their place, and part of the blocks that
    have structure. A block counts by its structure: the picture of an even colour lacks nothing."""
    sought, searched = a.structure, b.structure
    pixels = BLOCK * BLOCK
    blocks = F.unfold(sought, BLOCK, stride=BLOCK)[0].T  # (N, pixels)
    blocks = blocks - blocks.mean(1, keepdim=True)
    energy = blocks.square().sum(1)
    kernels = (blocks / (energy + flat * pixels).sqrt()[:, None]).view(-1, 1, BLOCK, BLOCK)
    padded = F.pad(searched, (BLOCK // 2,) * 4, mode="reflect")
    mean, square = F.avg_pool2d(padded, BLOCK, 1), F.avg_pool2d(padded.square(), BLOCK, 1)
    deviation = ((square - mean.square()).clamp(min=0) + flat).mul(pixels).sqrt()
    alike = (F.conv2d(padded, kernels) / deviation)[0]  # (N, HEIGHT + 1, WIDTH + 1)
    rows, columns = HEIGHT // BLOCK, WIDTH // BLOCK
    best = alike.new_empty(2, rows * columns)
    for i in range(rows * columns):
        top, left = i // columns * BLOCK + BLOCK // 2, i % columns * BLOCK + BLOCK // 2
        for reach, found in zip((REACH, IN_PLACE), best, strict=True):
            near = alike[i, max(0, top - reach) : top + reach + 1, max(0, left - reach) : left + reach + 1]
            found[i] = near.max()
    weight = energy / (energy + flat * pixels)
    missing = ((1 - best).clamp(0, 1) * weight).sum(1) / (weight.sum() + 1)
    return tuple(missing.tolist()), weight.mean().item()


def _small(frames: Iterable[Tensor], should_stop) -> Iterator[Small]:
    for frame in frames:
        check_stop(should_stop, "The search for cuts")
        yield Small(frame)


def _flashes(recent: deque[Small], news: list[New], threshold: float) -> Iterator[int]:
    """Pairs that would be cuts, but a frame before them looks like one after them: what lies between is a flash. Asked
    whenever a frame comes in, for the pairs that it can be the later witness of."""
    last, newest = len(news), recent[-1]  # numbers of the newest frame, and itself
    for back in range(2, min(AROUND + 2, len(recent))):
        between = range(last - back, last)  # pairs from frame last - back to the newest
        most = max(news[between[0]].anywhere, news[between[-1]].anywhere)
        before = news[between[0] - 1].anywhere if between[0] else 0.0
        lone = STILL_NEW * threshold < most <= threshold and before < most / 2
        alike = most / 2 if lone else ALIKE * threshold
        if (lone or most > threshold) and recent[-1 - back].new(newest).anywhere < alike:
            yield from between


def _longer(lengths: list[int]) -> list[float]:
    """How many times as long as the pairs around it each pair lasts, at least 1."""
    found = []
    for i, length in enumerate(lengths):
        usual = median(lengths[max(0, i - AROUND) : i + 1 + AROUND])
        found.append(max(1.0, length / usual))
    return found


def _cuts(news: list[New], longer: list[float], flashes: set[int], threshold: float) -> tuple[int, ...]:
    return tuple(i for i in range(len(news)) if i not in flashes and _is_cut(i, news, longer, threshold))


def _is_cut(i: int, news: list[New], longer: list[float], threshold: float) -> bool:
    """A pair that lasts longer may change as much more."""
    near = [k for k in range(max(0, i - AROUND), min(len(news), i + 1 + AROUND)) if k != i]
    if not near:
        return False
    around, new = [news[k].anywhere / longer[k] for k in near], news[i].anywhere
    if longer[i] > GAP:
        return new > max(threshold, min(longer[i] * median(around), MOST_MOTION) + STANDS_OUT)
    if news[i].in_place > STILL_IN_PLACE * threshold and new > STILL_NEW * threshold and _is_still_beside(i, news):
        return True
    lone = len(around) >= AROUND and new > max(LONE_SHARE * threshold, max(around) + STANDS_ALONE)
    return lone or new > max(threshold, median(around) + STANDS_OUT)


def _is_still_beside(i: int, news: list[New]) -> bool:
    """Just before and just after it, for longer than an animation holds its drawings: slides, whose letters are all
    found elsewhere too."""
    around = news[max(0, i - AROUND) : i] + news[i + 1 : i + 1 + AROUND]
    beside = news[max(0, i - LONGEST_RUN - 1) : i] + news[i + 1 : i + 2 + LONGEST_RUN]
    return len(around) >= AROUND and all(new == NOTHING for new in beside)


def _repeated(changes: list[float]) -> list[int]:
    """Numbers of the frames that repeat the one before: those of short runs of quiet pairs between louder ones."""
    found, last = [], 0
    for quiet, run in groupby(changes, key=lambda change: change < DUPLICATE_NOISE):
        run = list(run)
        start, last = last, last + len(run)
        beside = changes[start - 1 : start] + changes[last : last + 1] if start else changes[last : last + 1]
        if quiet and len(run) <= LONGEST_RUN and beside and _repeats(max(run), *beside):
            found += range(start + 1, last + 1)
    return found


def _repeats(change: float, *beside: float) -> bool:
    """Whether a change is no more than noise, beside those of the pairs around."""
    return change < DUPLICATE_NOISE and change < DUPLICATE_RATIO * min(beside)
