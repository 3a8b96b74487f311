"""Windows (I0, I1 and frames in between) for the rendering loss, cut from real clips or rendered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ..clips import Clip, ClipError, list_clips
from ..conventions import MOTION_AREA
from .pairs import single_thread
from .scenes import draw_scenes
from .textures import Textures

GAPS = (4, 8, 8, 8, 12, 16, 24, 24)  # frames between I0 and I1; both evaluation protocols' gaps come up most
RATIOS = (1.0, 1.0, 0.7)  # side of the motion grid over the image's side
TARGETS = 2  # frames between the ends that are asked for at once: fitting the motion costs more than a frame
SHORTEST = 5


@dataclass(frozen=True)
class WindowBatch:
    """P windows of one size and with the same times. Images are (P, 3, H, W) in [0, 1]; `small` ones lie on the motion
    grid."""

    first: Tensor
    second: Tensor
    targets: tuple[Tensor, ...]  # one per time
    small_first: Tensor
    small_second: Tensor
    times: tuple[float, ...]


class Windows(IterableDataset):
    """An endless stream of WindowBatch, repeatable from (seed, step). Batch `step` is cut from clips, or in a share
    `rendered` of the steps drawn as scenes whose motion is nearly straight.

    Clips are decoded once and held in memory, up to `memory` bytes; the rest is decoded when it is drawn. Clips that
    cannot be read are left out, each with a line in the log."""

    def __init__(
        self,
        clips: str,
        textures: str | None,
        seed: int,
        batch: int,
        crop: tuple[int, int],  # (h, w) on the motion grid, multiples of 32
        first_step: int = 0,
        rendered: float = 0.4,
        memory: int = 10 * 2**30,
    ):
        self.clips, self.textures, self.seed, self.batch, self.crop = clips, textures, seed, batch, crop
        self.first_step, self.rendered, self.memory = first_step, rendered, memory

    def __iter__(self) -> Iterator[WindowBatch]:
        worker = torch.utils.data.get_worker_info()
        own, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        bank = Textures(self.textures)
        store = ClipStore(list_clips(Path(self.clips)), self.memory // workers)
        step = self.first_step + own
        while True:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
            ratio = RATIOS[_integer(len(RATIOS), generator)]
            size = tuple(round(side / ratio) for side in self.crop)
            if torch.rand((), generator=generator) < self.rendered:
                yield self._render(bank, size, generator)
            else:
                yield self._cut(store, size, ratio, generator)
            step += workers

    def _cut(self, store: ClipStore, size: tuple[int, int], ratio: float, generator: torch.Generator) -> WindowBatch:
        gaps = [gap for gap in GAPS if gap < store.longest]
        gap = gaps[_integer(len(gaps), generator)]
        between = sorted(1 + _integer(gap - 1, generator) for _ in range(TARGETS))
        windows = []
        while len(windows) < self.batch:
            frames = store[_integer(len(store), generator)]
            if len(frames) <= gap:
                continue
            start = _integer(len(frames) - gap, generator)
            chosen = frames[[start, *(start + offset for offset in between), start + gap]]
            windows.append(_cut_window(chosen, size, ratio, generator))
        first, *targets, second = torch.stack(windows, 1)  # each (P, 3, H, W)
        times = [offset / gap for offset in between]
        if _integer(2, generator):
            first, second, times = second, first, [1 - tau for tau in times]
        return self._collect(first, second, targets, times)

    def _render(self, bank: Textures, size: tuple[int, int], generator: torch.Generator) -> WindowBatch:
        times = [(1 + _integer(7, generator)) / 8 for _ in range(TARGETS)]
        rendered = []
        for _ in range(self.batch):
            scenes = draw_scenes(bank, 1, *size, generator)
            # Two frames cannot tell how fast a path was taken in between, so paths are nearly straight and even here.
            scenes = replace(scenes, ease=0 * scenes.ease, throw=0 * scenes.throw, turn=0.3 * scenes.turn)
            rendered.append([scenes.render(t).image[0] for t in (0.0, *times, 1.0)])
        first, *targets, second = (torch.stack(v) for v in zip(*rendered, strict=True))
        return self._collect(first, second, targets, times)

    def _collect(self, first: Tensor, second: Tensor, targets: list[Tensor], times: list[float]) -> WindowBatch:
        small = [F.interpolate(v, self.crop, mode="bilinear", antialias=True) for v in (first, second)]
        return WindowBatch(first, second, tuple(targets), *small, tuple(times))


class ClipStore:
    """Clips by index as (frames, H, W, 3) uint8 tensors. All are decoded once at the start, which shows what can be
    used, and kept while memory lasts; the rest is decoded again whenever it is asked for."""

    def __init__(self, clips: list[Clip], memory: int):
        self.clips, self.kept, self.longest = [], {}, 0
        for clip in clips:
            try:
                frames = _decode(clip)
                if len(frames) < SHORTEST:
                    raise ClipError(f"it has fewer than {SHORTEST} frames")
            except ClipError as error:
                logging.getLogger(__name__).warning("%s is left out: %s", clip.name, error)
                continue
            if frames.nbytes <= memory:
                memory -= frames.nbytes
                self.kept[len(self.clips)] = frames
            self.clips.append(clip)
            self.longest = max(self.longest, len(frames))
        if not self.clips:
            raise ValueError("None of the clips can be used; see the log for the reason of each.")

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Tensor:
        return self.kept[index] if index in self.kept else _decode(self.clips[index])


def _decode(clip: Clip) -> Tensor:  # (frames, H, W, 3) uint8
    count = clip.count()
    if not count:
        raise ClipError("it has no frames")
    return torch.from_numpy(np.stack(list(clip.read(range(count)))))


def window_stream(data: Windows, workers: int) -> Iterator[WindowBatch]:
    return iter(DataLoader(data, batch_size=None, num_workers=workers, prefetch_factor=8, worker_init_fn=single_thread))


def _cut_window(frames: Tensor, size: tuple[int, int], ratio: float, generator: torch.Generator) -> Tensor:
    """(T, H, W, 3) uint8 of one clip -> (T, 3, *size): one crop of all of them, zoomed so that the clip's motion has
    about the size it will have on the motion grid of whole frames."""
    height, width = frames.shape[1:3]
    zoom = (MOTION_AREA / (height * width)) ** 0.5 / ratio
    zoom *= torch.empty(()).uniform_(0.8, 1.3, generator=generator).item()
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
