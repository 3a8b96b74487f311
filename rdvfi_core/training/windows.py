"""Windows (I0, I1, frames in between, and keyframes) for losses on rendered frames, cut from real clips or drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import IterableDataset

from ..conventions import MOTION_AREA
from ..pixels.warp import resize
from ..scenes.pans import Pans
from ..scenes.scenes import draw_scenes
from ..scenes.textures import Textures
from .engine import TrainingPlan
from .pairs import loaded
from .processes import ALL, Share, own_numbers
from .store import FRAMES_KEPT, ClipStore

GAPS = (4, 8, 8, 8, 12, 16, 24, 24)  # frames between I0 and I1; both evaluation protocols' gaps come up most
LONGEST = 24  # frames between I0 and I1 of a window with keyframes
RATIOS = (1.0, 1.0, 0.7)  # side of the motion grid over the image's side
TARGETS = 2  # frames between the ends that are asked for at once: fitting the motion costs more than a frame
DRAWS = 100  # of clips for each window, before another gap is tried
GAPS_TRIED = 20


@dataclass(frozen=True)
class Cutting:
    """Which windows are cut from clips."""

    gaps: tuple[int, ...] = GAPS
    ratios: tuple[float, ...] = RATIOS
    zooms: tuple[float, float] = (0.8, 1.3)  # least and most: 1 is the motion grid of whole frames
    at_ends: float = 0.0  # share of targets that are one of the ends themselves
    panned: float = 0.0  # share of batches that are panned photographs, with exact motion
    beside: float = 0.0  # share of batches that show the frames as far before and after the ends as these lie apart
    exact: bool = False  # whether rendered scenes come with their motion


@dataclass(frozen=True)
class WindowBatch:
    """P windows of one size and with the same times."""

    first: Tensor  # (P, 3, H, W) in [0, 1]
    second: Tensor
    targets: tuple[Tensor, ...]  # one per time
    times: tuple[float, ...]
    knots: Tensor  # (P, M, 3, h, w) on the motion grid: I0, the keyframes, I1
    knot_times: tuple[float, ...]  # M of them
    beside: Tensor | None = None  # (P, 2, 3, h, w) on the motion grid: at the times -1 and 2
    exact: Tensor | None = None  # (P, T, 4, h, w) f_{tau->0} and f_{tau->1} at the T targets, where they are known

    @property
    def ends(self) -> tuple[Tensor, Tensor]:  # (P, 3, h, w) each, on the motion grid
        return self.knots[:, 0], self.knots[:, -1]

    def to(self, device: torch.device) -> WindowBatch:
        images = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, targets=tuple(t.to(device) for t in self.targets), **images)


def knot_gaps(keyframes: int) -> tuple[int, ...]:
    """Frames between I0 and I1 for windows whose keyframes are frames: multiples of keyframes + 1, the one nearest to
    LONGEST twice, so that seven keyframes have windows of 25 frames half of the time."""
    gaps = [gap for gap in range(keyframes + 1, LONGEST + 1, keyframes + 1)] or [keyframes + 1]
    return (*gaps, gaps[-1])


class Windows(IterableDataset):
    """An endless stream of WindowBatch, repeatable from the seed and the batch's number. A batch is cut from clips, or
    in a share `rendered` of the batches drawn as scenes.

    keyframes: how many frames between the ends, evenly, are to be knots. Paths of drawn scenes are then as curved and
    uneven as they come; without keyframes they are nearly straight and even, since two frames cannot tell."""

    def __init__(
        self,
        clips: str | None,  # a folder; None: scenes only
        textures: str | None,
        seed: int,
        batch: int,
        crop: tuple[int, int],  # (h, w) on the motion grid, multiples of 32
        share: Share = ALL,
        rendered: float = 0.4,
        keyframes: int = 0,
        largest: float = 90.0,  # see `draw_scenes`
        memory: int = FRAMES_KEPT,
        cutting: Cutting = Cutting(),  # noqa: B008 (frozen)
    ):
        self.clips, self.textures, self.seed, self.batch, self.crop = clips, textures, seed, batch, crop
        self.share, self.rendered, self.keyframes = share, rendered if clips else 1.0, keyframes
        self.largest, self.memory = largest, memory
        self.cutting = cutting
        self.gaps = knot_gaps(keyframes) if keyframes else cutting.gaps

    def check(self) -> None:
        """Refuses a folder of clips of which none can be used."""
        if self.rendered < 1:
            self._store().check()

    def __iter__(self) -> Iterator[WindowBatch]:
        bank, store = Textures(self.textures), None
        for number in own_numbers(self.share):
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            ratio = self.cutting.ratios[_integer(len(self.cutting.ratios), generator)]
            size = tuple(round(side / ratio) for side in self.crop)
            if self.cutting.panned and torch.rand((), generator=generator) < self.cutting.panned:
                yield self._pan(bank, size, generator)
            elif torch.rand((), generator=generator) < self.rendered:
                yield self._render(bank, size, generator)
            else:
                store = store or self._store()
                yield self._cut(store, size, ratio, generator)

    def _store(self) -> ClipStore:
        worker = torch.utils.data.get_worker_info()
        return ClipStore(self.clips, min(self.gaps) + 1, self.memory // (worker.num_workers if worker else 1))

    def _cut(self, store: ClipStore, size: tuple[int, int], ratio: float, generator: torch.Generator) -> WindowBatch:
        for _ in range(GAPS_TRIED):
            length = store.length(_integer(len(store), generator))
            beside = self.cutting.beside and torch.rand((), generator=generator).item() < self.cutting.beside
            gaps = [gap for gap in self.gaps if (3 * gap if beside else gap) < length]
            if not gaps:
                continue
            gap = gaps[_integer(len(gaps), generator)]
            outside = (-gap, 2 * gap) if beside else ()
            between = sorted(self._offset(gap, generator) for _ in range(TARGETS))
            knots = range(0, gap + 1, gap // (self.keyframes + 1)) if self.keyframes else (0, gap)
            windows = self._windows(store, [*between, *outside, *knots], size, ratio, generator)
            if windows is not None:
                rest = len(windows) - len(between) - len(outside)
                targets, outside, knots = windows.split((len(between), len(outside), rest))
                times = [offset / gap for offset in between]
                if _integer(2, generator):
                    knots, outside, times = knots.flip(0), outside.flip(0), [1 - tau for tau in times]
                return self._collect(targets, times, knots, outside)
        raise ValueError(
            f"No {self.batch} windows of {min(self.gaps) + 1} frames could be read from {self.clips}; see the log for "
            "the clips that were left out, and give longer ones."
        )

    def _windows(
        self, store: ClipStore, offsets: list[int], size: tuple[int, int], ratio: float, generator: torch.Generator
    ) -> Tensor | None:  # (offsets, P, 3, H, W)  # fmt: skip
        windows, span = [], max(offsets) - min(offsets)
        for _ in range(DRAWS * self.batch):
            index = _integer(len(store), generator)
            if store.length(index) <= span:
                continue
            start = _integer(store.length(index) - span, generator) - min(offsets)
            wanted = sorted({start + offset for offset in offsets})
            frames = store.frames(index, wanted)
            if frames is None:
                continue
            order = [wanted.index(start + offset) for offset in offsets]
            windows.append(_cut_window(torch.from_numpy(frames[order]), size, ratio, self.cutting.zooms, generator))
            if len(windows) == self.batch:
                return torch.stack(windows, 1)
        return None

    def _offset(self, gap: int, generator: torch.Generator) -> int:
        """Of a target."""
        if self.cutting.at_ends and torch.rand((), generator=generator) < self.cutting.at_ends:
            return gap * _integer(2, generator)
        return 1 + _integer(gap - 1, generator)

    def _render(self, bank: Textures, size: tuple[int, int], generator: torch.Generator) -> WindowBatch:
        knots = [i / (self.keyframes + 1) for i in range(self.keyframes + 2)]
        fine = 3 * (self.keyframes + 1) if self.keyframes else 8
        times = [(1 + _integer(fine - 1, generator)) / fine for _ in range(TARGETS)]
        rendered, exact = [], []
        for _ in range(self.batch):
            scenes = draw_scenes(bank, 1, *size, generator, self.largest)
            if not self.keyframes:
                scenes = replace(scenes, ease=0 * scenes.ease, throw=0 * scenes.throw, turn=0.3 * scenes.turn)
            frames = [scenes.render(t) for t in (*times, *knots)]
            rendered.append(torch.cat([frame.image for frame in frames]))
            if self.cutting.exact:
                flows = [torch.cat([scenes.flow(f, end) for end in (0.0, 1.0)], 1) for f in frames[: len(times)]]
                exact.append(torch.cat(flows))
        images = torch.stack(rendered, 1)
        window = self._collect(images[: len(times)], times, images[len(times) :])
        return replace(window, exact=torch.stack(exact)) if exact else window

    def _pan(self, bank: Textures, size: tuple[int, int], generator: torch.Generator) -> WindowBatch:
        beside = torch.rand((), generator=generator).item() < self.cutting.beside
        pans = Pans.draw(bank, self.batch, size, generator, beside)
        times = [_integer(9, generator) / 8 for _ in range(TARGETS)]
        outside = torch.stack([pans.frame(t) for t in (-1.0, 2.0)]) if beside else None
        targets, ends = (torch.stack([pans.frame(t) for t in moments]) for moments in (times, (0.0, 1.0)))
        exact = torch.stack([torch.cat((pans.flow(t, 0.0), pans.flow(t, 1.0)), 1) for t in times], 1)
        return replace(self._collect(targets, times, ends, outside), exact=exact)

    def _collect(
        self, targets: Tensor, times: list[float], knots: Tensor, outside: Tensor | None = None
    ) -> WindowBatch:
        """targets (T, P, 3, H, W), knots (M, P, 3, H, W), outside as knots, two or none."""
        small, beside = self._small(knots), self._small(outside) if outside is not None and len(outside) else None
        knot_times = tuple(i / (len(knots) - 1) for i in range(len(knots)))
        return WindowBatch(knots[0], knots[-1], tuple(targets), tuple(times), small, knot_times, beside)

    def _small(self, frames: Tensor) -> Tensor:  # (M, P, 3, H, W) -> (P, M, 3, h, w)
        return resize(frames.flatten(0, 1), *self.crop).unflatten(0, frames.shape[:2]).transpose(0, 1)


def window_stream(data: Windows, workers: int) -> Iterator[WindowBatch]:
    """Folders are checked here and not in a loading process, where an error is no single sentence."""
    data.check()
    return loaded(data, workers)


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


def _cut_window(
    frames: Tensor, size: tuple[int, int], ratio: float, zooms: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """(T, H, W, 3) uint8 of one clip -> (T, 3, *size): one crop of all of them, zoomed so that the clip's motion has
    about the size it will have on the motion grid of whole frames."""
    height, width = frames.shape[1:3]
    zoom = (MOTION_AREA / (height * width)) ** 0.5 / ratio
    zoom *= torch.empty(()).uniform_(*zooms, generator=generator).item()
    zoom = max(zoom, size[0] / height, size[1] / width)
    cut = min(height, round(size[0] / zoom)), min(width, round(size[1] / zoom))
    top, left = _integer(height - cut[0] + 1, generator), _integer(width - cut[1] + 1, generator)
    crop = frames[:, top : top + cut[0], left : left + cut[1]].permute(0, 3, 1, 2).float() / 255
    crop = F.interpolate(crop, size, mode="bilinear", antialias=cut[0] > size[0])
    if _integer(2, generator):
        crop = crop.flip(-1)
    if _integer(4, generator) == 0:
        crop = crop.flip(-2)
    return crop


def _integer(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))
