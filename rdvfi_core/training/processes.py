"""The processes of one run. `accelerate launch` and `torchrun` start them and say in the environment who is who; here
they agree on gradients and on when to stop. One process, the default, needs none of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
import torch.distributed as dist
from torch import Tensor

BUCKET = 2**24  # gradients that are averaged in one message


@dataclass(frozen=True)
class Share:
    """What one process sees of an endless stream of numbered batches: its n-th is number n * processes + rank, and it
    begins with the `first`-th. So K processes, or one process that adds up K batches a step, see the same ones."""

    first: int = 0
    rank: int = 0
    processes: int = 1

    def numbers(self, worker: int = 0, workers: int = 1) -> Iterator[int]:
        """Of one of the loading processes, which take turns."""
        return (n * self.processes + self.rank for n in count(self.first + worker, workers))


ALL = Share()


def own_numbers(share: Share) -> Iterator[int]:
    """The numbers for the loading process that asks, or all where there are no loading processes."""
    worker = torch.utils.data.get_worker_info()
    return share.numbers(worker.id, worker.num_workers) if worker else share.numbers()


@dataclass(frozen=True)
class Processes:
    """This process among `count`; `device` is where messages must lie."""

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """Finds the other processes if a launcher started this one. On CUDA each process of a machine has a GPU."""
        count = int(os.environ.get("WORLD_SIZE", 1))
        if count == 1:
            return cls(device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), count, device)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def same_(self, tensors: Sequence[Tensor]) -> None:
        """Everybody gets the first process's values."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Each becomes its mean over the processes, a bucket of them at a time."""
        if self.count == 1:
            return
        bucket: list[Tensor] = []
        for i, tensor in enumerate(tensors):
            bucket.append(tensor)
            if i + 1 == len(tensors) or sum(t.numel() for t in bucket) >= BUCKET:
                together = torch.cat([t.flatten() for t in bucket])
                dist.all_reduce(together)
                means = (together / self.count).split([t.numel() for t in bucket])
                for target, mean in zip(bucket, means, strict=True):
                    target.copy_(mean.view_as(target))
                bucket = []

    def means(self, values: Sequence[float]) -> list[float]:
        return [total / self.count for total in self._reduced(values, dist.ReduceOp.SUM)]

    def largest(self, *values: float) -> list[float]:
        return self._reduced(values, dist.ReduceOp.MAX)

    def _reduced(self, values: Sequence[float], operation: dist.ReduceOp) -> list[float]:
        if self.count == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(found, operation)
        return found.tolist()

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()


def own_device(device: torch.device) -> torch.device:
    """The GPU of this process, where several share a machine and none was named."""
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device
