"""Batches of rendered pairs with exact flow and visibility, for phi1."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ..scenes.scenes import draw_scenes, visible
from ..scenes.textures import Textures
from .processes import ALL, Share

CALM = 0.2  # share of scenes whose camera stands still, as on a tripod


@dataclass(frozen=True)
class PairBatch:
    """P pairs (a, b); flows and visibility in both directions."""

    first: Tensor  # (P, 3, h, w) in [0, 1]
    second: Tensor
    forward: Tensor  # (P, 2, h, w) px, first -> second
    backward: Tensor  # (P, 2, h, w) px, second -> first
    seen_forward: Tensor  # (P, 1, h, w) whether first's pixels are seen in second
    seen_backward: Tensor

    def to(self, device: torch.device) -> PairBatch:
        return PairBatch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


class RenderedPairs(IterableDataset):
    """An endless, repeatable stream of PairBatch.

    Batches come in blocks: the scenes of block b depend on (seed, b) alone, each is rendered at four moments, and its
    six pairs are cropped `reuse` times. Each process, and each loading process of it, takes whole blocks, so that none
    is rendered twice; loading processes hand over a batch each in turn, so the order of the batches depends on how many
    there are. A stream that starts at batch n yields what a stream from 0 yields from there on."""

    SCENES, MOMENTS = 8, 4

    def __init__(
        self,
        textures: str | None,
        seed: int,
        batch: int,
        crop: tuple[int, int],
        share: Share = ALL,
        reuse: int = 3,
        largest: float = 90.0,
    ):
        self.textures, self.seed, self.batch, self.crop = textures, seed, batch, crop
        self.share, self.reuse, self.largest = share, reuse, largest
        self.per_block = self.SCENES * 6 * reuse // batch
        if not self.per_block:
            raise ValueError(f"A batch of {batch} pairs is too large; take at most {self.SCENES * 6 * reuse}.")

    def __iter__(self) -> Iterator[PairBatch]:
        worker = torch.utils.data.get_worker_info()
        own, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        bank, share = Textures(self.textures), self.share
        lane = (share.first + own) % workers  # the first loading process is asked first, wherever the stream begins
        turn, skip = divmod(-((lane - share.first) // workers), self.per_block)  # batches of this lane before
        while True:
            yield from self._block(bank, (turn * workers + lane) * share.processes + share.rank)[skip:]
            turn, skip = turn + 1, 0

    def _block(self, bank: Textures, block: int) -> list[PairBatch]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + block)
        pairs = []
        for _ in range(self.SCENES):
            pairs += _scene_pairs(bank, self.crop, generator, self.largest)
        cropped = []
        for _ in range(self.reuse):
            order = torch.randperm(len(pairs), generator=generator).tolist()
            cropped += [_crop(pairs[i], self.crop, generator) for i in order]
        starts = range(0, self.per_block * self.batch, self.batch)
        return [_collate(cropped[i : i + self.batch], generator) for i in starts]


def loaded(data: IterableDataset, workers: int, ahead: int = 4) -> Iterator:
    """From `workers` processes beside this one, each `ahead` items ahead; from this one with 0."""
    if not workers:
        return iter(data)
    loader = DataLoader(
        data, batch_size=None, num_workers=workers, prefetch_factor=ahead, worker_init_fn=loading_process
    )
    return iter(loader)


def loading_process(_: int) -> None:
    """One thread; and Ctrl-C is the trainer's to answer, which needs one more batch to end its step."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _scene_pairs(bank: Textures, crop: tuple[int, int], generator: torch.Generator, largest: float) -> list[tuple]:
    height, width = (int(side * 1.25) for side in crop)
    scenes = draw_scenes(bank, 1, height, width, generator, largest, CALM)
    if torch.rand((), generator=generator) < 0.5:  # neighbouring knots: an eighth of the interval apart
        start = torch.rand((), generator=generator).item() * 0.6
        times = [start + i / 8 for i in range(RenderedPairs.MOMENTS)]
    else:
        times = torch.rand(RenderedPairs.MOMENTS, generator=generator).sort().values.tolist()
    shutter = 0.06 if torch.rand((), generator=generator) < 0.2 else 0.0
    frames = [scenes.render(t) for t in times]
    images = [scenes.blurred(t, shutter) for t in times] if shutter else [f.image for f in frames]
    found = []
    for i in range(len(times)):
        for j in range(i + 1, len(times)):
            forward, backward = scenes.flow(frames[i], times[j]), scenes.flow(frames[j], times[i])
            seen = visible(frames[i], frames[j], forward), visible(frames[j], frames[i], backward)
            found.append(tuple(v[0] for v in (images[i], images[j], forward, backward, *seen)))
    return found


def _crop(pair: tuple, crop: tuple[int, int], generator: torch.Generator) -> tuple:
    height, width = pair[0].shape[-2:]
    top = int(torch.randint(height - crop[0] + 1, (), generator=generator))
    left = int(torch.randint(width - crop[1] + 1, (), generator=generator))
    cut = [v[:, top : top + crop[0], left : left + crop[1]] for v in pair]
    # What leaves the crop is not seen any more, although it was inside the rendered window.
    y = torch.arange(crop[0], device=cut[0].device, dtype=torch.float32)[:, None]
    x = torch.arange(crop[1], device=cut[0].device, dtype=torch.float32)
    for flow, seen in ((2, 4), (3, 5)):
        u, v = x + cut[flow][0], y + cut[flow][1]
        cut[seen] = cut[seen] * ((u >= 0) & (u <= crop[1] - 1) & (v >= 0) & (v <= crop[0] - 1))
    flip = torch.rand(2, generator=generator) < 0.5
    for axis, sign in ((-1, 0), (-2, 1)):
        if flip[sign]:
            cut = [v.flip(axis) for v in cut]
            for flow in (2, 3):
                cut[flow] = torch.stack([-c if k == sign else c for k, c in enumerate(cut[flow])])
    return tuple(cut)


def _collate(pairs: list[tuple], generator: torch.Generator) -> PairBatch:
    first, second, *rest = (torch.stack(v) for v in zip(*pairs, strict=True))
    common = torch.empty(len(first), 3, 1, 1).uniform_(0.85, 1.15, generator=generator)
    disturbed = []
    for images in (first, second):
        own = torch.empty(len(first), 1, 1, 1).uniform_(0.94, 1.06, generator=generator)
        strength = torch.rand(len(first), 1, 1, 1, generator=generator) ** 3 * 0.04
        noise = torch.randn(images.shape, generator=generator) * strength
        disturbed.append((images * common * own + noise).clamp(0, 1))
    return PairBatch(*disturbed, *rest)
