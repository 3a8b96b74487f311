"""Prepared batches on disk: what networks that do not learn make of them is computed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from .checkpoint import file_on_disk, write_text
from .pairs import loaded
from .processes import Processes, Share, own_numbers

Stored = tuple[dict[str, Tensor], dict]  # tensors by name, and plain values


class Cache:
    """`count` batches, one file each in half precision, and `cache.json`, which says what they were made from. A folder
    that was filled from other data or by other networks is refused; one that is half full is filled up."""

    def __init__(
        self, folder: Path | str, count: int, data: dict, networks: tuple[nn.Module, ...], processes: Processes
    ):
        self.folder, self.count, self.processes = Path(folder), count, processes
        about = json.dumps({"data": data, "networks": [fingerprint(n) for n in networks]}, indent=1, default=str)
        note = self.folder / "cache.json"
        if processes.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not note.exists():
                write_text(note, about)
        processes.wait()
        if note.read_text() != about:
            raise ValueError(f"The cache {folder} was filled from other data or by other networks; name another.")

    def fill(self, batches: Callable[[Share], Iterator], prepare: Callable[[object], Stored]) -> None:
        """Each process makes its share of the batches that are missing after the last one it finds."""
        rank, processes = self.processes.rank, self.processes.count
        own = range(rank, self.count, processes)
        missing = [n for n, number in enumerate(own) if not self._path(number).exists()]
        if missing:
            from tqdm import tqdm

            first = missing[0]
            made = islice(batches(Share(first, rank, processes)), len(own) - first)
            bar = tqdm(made, "cache", total=len(own) - first, disable=None if rank == 0 else True)
            for number, batch in zip(own[first:], bar, strict=True):
                tensors, values = prepare(batch)
                half = {name: tensor.to("cpu", torch.float16).contiguous() for name, tensor in tensors.items()}
                with file_on_disk(self._path(number)) as file:
                    file.write(save(half, {"values": json.dumps(values)}))
        self.processes.wait()

    def batches(self, share: Share, seed: int) -> Iterator[Stored]:
        """Endless: all batches once, in an order of their own each time round, read one ahead by another process."""
        return loaded(_Rounds(self, share, seed), workers=1)

    def read(self, number: int) -> Stored:
        try:
            with safe_open(self._path(number), framework="pt") as file:
                tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (a file)
                return tensors, json.loads(file.metadata()["values"])
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{self._path(number)} is damaged ({error}); delete it, and it is made anew.") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.safetensors"


class _Rounds(IterableDataset):
    def __init__(self, cache: Cache, share: Share, seed: int):
        self.cache, self.share, self.seed = cache, share, seed

    def __iter__(self) -> Iterator[Stored]:
        for number in own_numbers(self.share):
            turn, place = divmod(number, self.cache.count)
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + turn)
            yield self.cache.read(int(torch.randperm(self.cache.count, generator=generator)[place]))


def fingerprint(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
