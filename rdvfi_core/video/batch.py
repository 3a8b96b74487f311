"""Many videos over a pool of workers: one task for each part, failed ones tried again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..callbacks import ShouldStop, check_stop
from ..files import check_sources
from .convert import Job, finish, missing_parts
from .inputs import Named, titles
from .pools import Pool

ATTEMPTS = 3  # for each part
PATIENCE = 0.5  # seconds between two looks at should_stop

MakeJob = Callable[[], Job]


@dataclass
class Outcome:
    """Of one video."""

    name: str
    error: str | None = None  # one sentence
    notes: list[str] = field(default_factory=list)


def run_batch(
    videos: Iterable[tuple[str, MakeJob]],  # (name, what makes its job), asked for only when workers run dry
    pool: Pool,
    progress: Callable[[str, int, int], None] | None = None,  # (name of a video, its frames done, and in all)
    should_stop: ShouldStop | None = None,
    finished: Callable[[str], None] | None = None,  # called with the name of each video that is written
) -> list[Outcome]:
    """One outcome for each video, in their order: a video that fails does not hold up the others. Finished parts of one
    that failed, or of a batch that was stopped, are found again by the next run."""
    batch = _Batch(iter(videos), pool, progress, should_stop, finished)
    try:
        while batch.goes_on():
            check_stop(should_stop, "The batch")
            batch.give_out()
            batch.take_back()
    finally:
        pool.close()
    return batch.outcomes


@dataclass
class _Running:
    job: Job
    outcome: Outcome
    left: int  # parts


class _Task(NamedTuple):
    video: _Running
    part: int
    attempt: int = 1


class _Batch:
    def __init__(self, videos: Iterator[tuple[str, MakeJob]], pool: Pool, progress, should_stop, finished):
        self._videos, self._pool, self._progress, self._should_stop = videos, pool, progress, should_stop
        self._finished = finished
        self._more = True  # videos
        self._waiting: deque[_Task] = deque()
        self._given: dict[Future, _Task] = {}
        self.outcomes: list[Outcome] = []

    def goes_on(self) -> bool:
        return bool(self._more or self._waiting or self._given)

    def give_out(self) -> None:
        slots = self._pool.slots
        while self._more and len(self._waiting) < slots:
            self._more = self._take_next()
        while self._waiting and len(self._given) < 2 * slots:  # one waits behind each that is rendered
            task = self._waiting.popleft()
            job = task.video.job
            if task.video.outcome.error is None:
                self._given[self._pool.submit(job.part(task.part), job.part_path(task.part))] = task
            if slots == 1:
                break

    def take_back(self) -> None:
        """Waits a while for parts to be finished."""
        done, _ = wait(self._given, timeout=PATIENCE, return_when=FIRST_COMPLETED)
        for future in done:
            task = self._given.pop(future)
            try:
                future.result()
            except ValueError as error:  # bad input stays bad
                task.video.outcome.error = str(error)
            except Exception as error:  # noqa: BLE001 - whatever a worker died of, another one may not
                self._try_again(task, error)
            else:
                self._finished_part(task.video)

    def _take_next(self) -> bool:
        """The next video's parts; False after the last one."""
        for name, make in self._videos:
            outcome = Outcome(name)
            self.outcomes.append(outcome)
            try:
                job = make()
                missing = missing_parts(job)
            except (ValueError, OSError) as error:
                outcome.error = str(error)
                continue
            outcome.notes += job.notes
            video = _Running(job, outcome, len(missing))
            self._report(video)
            if not missing:
                self._complete(video)
            self._waiting.extend(_Task(video, number) for number in missing)
            return True
        return False

    def _try_again(self, task: _Task, error: Exception) -> None:
        if task.attempt < ATTEMPTS:
            self._waiting.appendleft(task._replace(attempt=task.attempt + 1))
            return
        reason, outcome = " ".join(str(error).split()) or type(error).__name__, task.video.outcome
        outcome.error = f"{outcome.name}: part {task.part} failed {ATTEMPTS} times ({reason})."

    def _finished_part(self, video: _Running) -> None:
        video.left -= 1
        self._report(video)
        if not video.left and video.outcome.error is None:
            self._complete(video)

    def _report(self, video: _Running) -> None:
        if self._progress is not None:
            done = sum(len(span) for i, span in enumerate(video.job.spans) if video.job.part_path(i).exists())
            self._progress(video.outcome.name, done, len(video.job.plan))

    def _complete(self, video: _Running) -> None:
        try:
            video.outcome.notes += finish(video.job, self._should_stop)
        except (ValueError, OSError) as error:
            video.outcome.error = str(error)
        else:
            if self._finished is not None:
                self._finished(video.outcome.name)


def output_names(inputs: list[Named], folder: Path, suffix: str) -> list[Path]:
    """One for each input, under its own name; ValueError where two would be the same or an input would be replaced."""
    targets = [folder / (title + suffix) for title in titles(inputs)]
    files = [named if isinstance(named, Path) else named[0] for named in inputs]
    for i, target in enumerate(targets):
        if target in targets[:i]:
            first = files[targets.index(target)]
            raise ValueError(f"{first} and {files[i]} would both become {target}; rename one of them.")
        check_sources(target, *files)
    return targets
