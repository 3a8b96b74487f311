"""A thread on either side of the work, with a short queue: decoding runs ahead of it, encoding behind it.

Beside a GPU, that is. Where the method itself runs on the CPU it keeps all cores busy, and threads beside it make
everyone wait for everyone: there the same is done in between, with queues of length 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from ..precision import default_device

T = TypeVar("T")
WAITING = 2  # frames in a queue beside a GPU
POLL = 0.1  # seconds between two looks at whether the other side has given up


def waiting() -> int:
    """How many frames may wait between a thread and the work on this machine."""
    return 0 if default_device().type == "cpu" else WAITING


def ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items in the same order, made in a thread that is at most `depth` items ahead; 0 is no thread. What the
    thread raises is raised here; when this generator is closed, the thread ends and closes `items`."""
    if not depth:
        yield from items
        return
    queue: Queue = Queue(depth)
    stop = Event()

    def offer(entry) -> bool:
        while not stop.is_set():
            try:
                queue.put(entry, timeout=POLL)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer((item, None)):
                    break
            else:
                offer((None, StopIteration()))
        except BaseException as error:  # noqa: BLE001 - it is raised again on the other side
            offer((None, error))
        finally:
            if hasattr(items, "close"):
                items.close()

    thread = Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
            item = None  # a frame is large: it must not live here while the consumer works on it
    finally:
        stop.set()
        thread.join()


class Behind(Generic[T]):
    """Calls `work` on each item in a thread, in order, at most `depth` items behind; 0 is no thread. An error of the
    thread is raised by the next `put` or by `finish`; `close` gives up what is still waiting."""

    def __init__(self, work: Callable[[T], None], depth: int):
        self._work, self._queue, self._error, self._closed = work, Queue(depth), None, Event()
        self._thread = Thread(target=self._run, name="encode", daemon=True) if depth else None
        if self._thread:
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                entry = self._queue.get(timeout=POLL)
            except Empty:
                continue
            if entry is None:
                return
            try:
                self._work(entry[0])
            except BaseException as error:  # noqa: BLE001 - it is raised again on the other side
                self._error = error
                self._closed.set()

    def put(self, item: T) -> None:
        if self._thread:
            self._offer((item,))
        else:
            self._work(item)

    def finish(self) -> None:
        """Waits until everything is done."""
        if self._thread:
            self._offer(None)
            self._thread.join()
            self._raise()

    def close(self) -> None:
        self._closed.set()
        if self._thread:
            self._thread.join()

    def _offer(self, entry) -> None:
        while True:
            self._raise()
            try:
                return self._queue.put(entry, timeout=POLL)
            except Full:
                continue

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
