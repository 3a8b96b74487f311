"""Where parts are rendered: in this process, in one process per device, or on a Ray cluster. A pool takes a part and
answers with a Future that is done when the part lies under its path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from .parts import Part, render_part
from .writer import complete_or_nothing, one_sentence


class Pool(Protocol):
    slots: int  # parts that are rendered at the same time

    def submit(self, part: Part, path: Path) -> Future: ...

    def close(self) -> None:
        """Gives up what is not done."""


class Here:
    """In this process, one part after the other."""

    slots = 1

    def __init__(self, interpolator):
        self._interpolator = interpolator

    def submit(self, part: Part, path: Path) -> Future:
        future: Future = Future()
        try:
            future.set_result(render_part(self._interpolator, part, path))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass


class Processes:
    """One process for each device. A process that dies takes no other part with it but those that wait: all are given
    out again."""

    def __init__(self, devices: Sequence[str], weights: str | None = None):
        self.slots, self._devices, self._weights = len(devices), tuple(devices), weights
        self._executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        queue = context.Queue()
        for device in self._devices:
            queue.put(device)
        return ProcessPoolExecutor(self.slots, context, _begin, (queue, self._weights))

    def submit(self, part: Part, path: Path) -> Future:
        try:
            return self._executor.submit(_render, part, path)
        except BrokenProcessPool:
            self._executor.shutdown(wait=False)
            self._executor = self._start()
            return self._executor.submit(_render, part, path)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


_process: dict[str, str | None] = {}  # of a worker process: its device and weights


def _begin(queue, weights: str | None) -> None:
    _process.update(device=queue.get(), weights=weights)


def _render(part: Part, path: Path) -> None:
    render_part(_interpolator(_process["weights"], _process["device"]), part, path)


@cache
def _interpolator(weights: str | None, device: str | None):
    """Loaded once in every process."""
    from ..pipeline import Interpolator

    return Interpolator.from_pretrained(weights, device=device)


class Cluster:
    """On a Ray cluster. Machines need this package and the source under the same path; finished parts travel back
    through Ray. address: "auto" for the cluster this machine belongs to, None to start one on this machine alone."""

    def __init__(self, address: str | None = None, weights: str | None = None, slots: int | None = None):
        try:
            import ray
        except ImportError as error:
            raise ImportError("Ray is not installed; pip install 'comfyui-rdvfi[cluster]'.") from error
        self._ray, self._weights = ray, weights
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
        ray.init(
            address=address,
            num_cpus=slots if address is None else None,
            include_dashboard=False,
            logging_level=40,
            log_to_driver=False,  # pages about a machine that is gone, where one sentence and a retry are enough
        )
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        self.slots = gpus or slots or max(1, int(resources.get("CPU", 1)))
        # Ray's own retries are for workers that vanish; a part that fails is given out again by whoever waits for it.
        self._task = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_retries=0)(_render_to_bytes)
        self._refs: set = set()

    def submit(self, part: Part, path: Path) -> Future:
        ref = self._task.remote(part, path.suffix, self._weights)
        self._refs.add(ref)
        done: Future = Future()

        def arrived(future: Future) -> None:
            self._refs.discard(ref)
            try:
                with one_sentence(part.name), complete_or_nothing(path, part.name) as partial:
                    partial.write_bytes(future.result())
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
                done.set_exception(getattr(error, "cause", None) or error)

        ref.future().add_done_callback(arrived)
        return done

    def close(self) -> None:
        for ref in tuple(self._refs):
            with suppress(Exception):
                self._ray.cancel(ref, force=True)
        self._ray.shutdown()


def _render_to_bytes(part: Part, suffix: str, weights: str | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"part{suffix}"
        render_part(_interpolator(weights, None), part, path)
        return path.read_bytes()
