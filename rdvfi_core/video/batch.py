"""Many videos over a pool of workers: one task for each part, failed ones tried again, nothing rendered twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field
from pathlib import Path

from ..callbacks import ShouldStop, check_stop
from .convert import Job, finish, missing_parts
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


@dataclass
class _Running:
    job: Job
    outcome: Outcome
    left: int  # parts


def run_batch(
    videos: Iterable[tuple[str, MakeJob]],  # (name, what makes its job), asked for only when workers run dry
    pool: Pool,
    progress: Callable[[str, int, int], None] | None = None,  # (name of a video, its frames done, and in all)
    should_stop: ShouldStop | None = None,
) -> list[Outcome]:
    """One outcome for each video, in their order: a video that fails does not hold up the others. Finished parts of one
    that failed, or of a batch that was stopped, are found again by the next run."""
    waiting: deque[tuple[_Running, int, int]] = deque()  # (video, part, attempt)
    given: dict = {}  # Future -> the same
    outcomes: list[Outcome] = []
    videos = iter(videos)

    def report(video: _Running) -> None:
        if progress is not None:
            done = sum(len(span) for i, span in enumerate(video.job.spans) if video.job.part_path(i).exists())
            progress(video.outcome.name, done, len(video.job.plan))

    def complete(video: _Running) -> None:
        try:
            video.outcome.notes += finish(video.job, should_stop)
        except (ValueError, OSError) as error:
            video.outcome.error = str(error)

    def take_next() -> bool:
        """The next video's parts; False after the last one."""
        for name, make in videos:
            outcome = Outcome(name)
            outcomes.append(outcome)
            try:
                job = make()
                missing = missing_parts(job)
            except (ValueError, OSError) as error:
                outcome.error = str(error)
                continue
            outcome.notes += job.notes
            video = _Running(job, outcome, len(missing))
            report(video)
            if not missing:
                complete(video)
            waiting.extend((video, number, 1) for number in missing)
            return True
        return False

    try:
        more = True
        while more or waiting or given:
            check_stop(should_stop, "The batch")
            while more and len(waiting) < pool.slots:
                more = take_next()
            while waiting and len(given) < 2 * pool.slots:  # one waits behind each that is rendered
                video, number, attempt = waiting.popleft()
                if video.outcome.error is None:
                    future = pool.submit(video.job.part(number), video.job.part_path(number))
                    given[future] = video, number, attempt
                if pool.slots == 1:
                    break
            done, _ = wait(given, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            for future in done:
                video, number, attempt = given.pop(future)
                try:
                    future.result()
                except ValueError as error:  # bad input stays bad
                    video.outcome.error = str(error)
                except Exception as error:  # noqa: BLE001 - whatever a worker died of, another one may not
                    if attempt < ATTEMPTS:
                        waiting.appendleft((video, number, attempt + 1))
                    else:
                        reason = " ".join(str(error).split()) or type(error).__name__
                        video.outcome.error = f"{video.outcome.name}: part {number} failed {ATTEMPTS} times ({reason})."
                    continue
                video.left -= 1
                report(video)
                if not video.left and video.outcome.error is None:
                    complete(video)
    finally:
        pool.close()
    return outcomes


def output_names(inputs: list[str], folder: Path, suffix: str) -> list[Path]:
    """One for each input, under its own name; ValueError where two would be the same or an input would be replaced."""
    targets = [folder / (Path(path).stem + suffix) for path in inputs]
    for i, target in enumerate(targets):
        if target in targets[:i]:
            first = inputs[targets.index(target)]
            raise ValueError(f"{first} and {inputs[i]} would both become {target}; rename one of them.")
        if target.resolve() == Path(inputs[i]).resolve():
            raise ValueError(f"{target} would replace its own source; choose another folder.")
    return targets
