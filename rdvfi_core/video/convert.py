"""The whole job: a clip, retimed, into a file.

Finished parts lie in a hidden folder beside the output until all are joined. A run that was stopped finds them there
and goes on after the last one, if clip, plan, format and model are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from torch import Tensor

from ..callbacks import Progress, ShouldStop
from ..conventions import SMALLEST_SIDE
from ..files import beside
from ..scan import CUT_THRESHOLD, Scan, scan
from ..timeline import Plan, Source, Timeline, doubts
from ..timeline.pulldown import without_pulldown
from .audio import CHOICES as AUDIO_CHOICES
from .clip import Clip, FileClip
from .formats import Format, check_output, choose_format, suffix_of
from .heap import EvenParts
from .join import join
from .parts import IMAGES, Part, render_part, split
from .reader import VideoFile
from .sequence import FrameFiles, SequenceClip
from .survey import Survey
from .timemap import TimeMap
from .tracks import Extras, Track, planned
from .writer import complete_or_nothing, one_sentence, remove

Watch = Callable[[int, int, Tensor | None], None]  # (done, total) output frames, and the one at hand


@dataclass(frozen=True)
class Choices:
    """How the output is written."""

    codec: str = "auto"
    quality: str = "high"
    hardware: bool = True
    audio: str = "auto"

    def __post_init__(self) -> None:
        if self.audio not in AUDIO_CHOICES:
            raise ValueError(f"audio is {self.audio!r}; it must be one of {', '.join(AUDIO_CHOICES)}.")


@dataclass(frozen=True)
class Job:
    """All decisions, made before anything is computed."""

    clip: Clip
    final: Path
    name: str  # of the output, as the user wrote it
    plan: Plan
    form: Format
    spans: tuple[range, ...]  # of output frames, one for each part
    seed: int
    keyframes: str
    model: str  # another text for other weights
    tags: dict[str, str] = field(default_factory=dict)  # of the file, beside those of the source
    extras: Extras | None = None  # none for pictures alone
    tracks: tuple[Track, ...] = ()  # what of them is written
    losses: tuple[str, ...] = ()  # what of them is not, in sentences
    doubts: tuple[str, ...] = ()  # whether the plan can have been meant

    @property
    def notes(self) -> list[str]:
        """What of the source is missing or will not be kept, and whether the plan can have been meant."""
        return [*self.doubts, *self.clip.survey.notes, *(f"{note}." for note in self.form.notes), *self.losses]

    def part(self, number: int) -> Part:
        plan = self.plan.part(self.spans[number])
        return Part(self.clip, plan, self.form, self.name, self.seed, self.keyframes)

    def describe(self) -> str:
        survey, plan = self.clip.survey, self.plan
        return (
            f"{self.name}: {len(plan)} frames, {survey.width}x{survey.height}, {float(plan.fps):g} fps, "
            f"{float(plan.duration):.3f} s, {self.form.describe()}"
        )

    @cached_property
    def fingerprint(self) -> str:
        facts = (
            self.clip.identity(),
            self.plan.to_json(),
            self.form,
            self.spans,
            self.seed,
            self.keyframes,
            self.model,
        )
        return sha256(repr(facts).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Of the finished parts."""
        return beside(self.final, ".parts")

    def part_path(self, number: int) -> Path:
        return self.folder / f"{number:05d}{self.form.suffix or IMAGES}"


def open_clip(
    video: VideoFile | FrameFiles,
    cut_threshold: float | None = CUT_THRESHOLD,
    duplicates: str = "auto",
    progress: Progress | None = None,  # (frames read, frames that the header promises)
    should_stop: ShouldStop | None = None,
) -> tuple[Clip, Source]:
    """Decodes all of it once: what is in it, with its exact times, cuts and duplicates. Choices as in `scan`."""
    survey, found = video.survey(
        lambda frames, ticks: scan(frames, cut_threshold, duplicates, should_stop, ticks), progress
    )
    survey, source = at_own_rate(survey, found, duplicates, video.name)
    return FileClip(video, survey) if isinstance(video, VideoFile) else SequenceClip(video, survey), source


def at_own_rate(survey: Survey, found: Scan, duplicates: str, name: str) -> tuple[Survey, Source]:
    """What was found in the clip, without pulldown, which is said; unless all duplicates are to be kept."""
    source = replace(survey.source(found.cuts, found.duplicates), closes=found.closes)
    undone = without_pulldown(source) if duplicates != "keep" else None
    if undone is None:
        return survey, source
    source, text = undone
    return replace(survey, notes=(*survey.notes, f"{name}: {text}")), source


def make_job(
    clip: Clip,
    source: Source,
    timeline: Timeline | Plan,
    output: str | Path,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    seed: int = 0,
    keyframes: str = "auto",
    model: str = "",
    tags: dict[str, str] | None = None,
) -> Job:
    """timeline: a wish, or a plan that was made from one and perhaps edited. ValueError or OSError in one sentence for
    all that can be known to fail."""
    edited = isinstance(timeline, Plan)
    plan = timeline if edited else timeline.plan(source)
    plan.check_source(len(source))
    final, survey = check_output(output, plan.fps), clip.survey
    if min(survey.height, survey.width) < SMALLEST_SIDE:
        raise ValueError(
            f"The video is {survey.width}x{survey.height}; both sides must be at least {SMALLEST_SIDE} pixels: enlarge "
            "it."
        )
    form = choose_format(
        suffix_of(final),
        (survey.height, survey.width),
        choices.codec,
        choices.quality,
        survey.bits,
        survey.alpha,
        choices.hardware,
        survey.hdr,
    )
    if survey.alpha and not form.alpha:
        clip = clip.without_alpha()
    time_map = TimeMap.of(plan, source, None if edited else timeline)
    whole = [range(len(plan))]  # a GIF's frames depend on each other across parts
    spans = whole if form.suffix == ".gif" else split(plan)
    extras = clip.extras(time_map, choices.audio)
    tracks, losses = planned(extras, form.suffix) if extras is not None else ((), [])
    facts = clip, final, str(output), plan, form, tuple(spans), seed, keyframes, model
    return Job(*facts, tags or {}, extras, tracks, tuple(losses), tuple(doubts(plan, source)))


def convert(
    interpolator,
    job: Job,
    progress: Watch | None = None,
    should_stop: ShouldStop | None = None,
    resumable: bool = True,
) -> list[str]:
    """Renders what is not there yet, joins it, and returns what could not be kept, in sentences. resumable: finished
    parts stay where a run fails or is stopped."""
    try:
        missing = missing_parts(job)
        done = len(job.plan) - sum(len(job.spans[number]) for number in missing)

        memory = EvenParts()

        def count(frame: Tensor) -> None:
            nonlocal done
            done += 1
            memory.check(frame)
            if progress is not None:
                progress(done, len(job.plan), frame)

        with job.clip.frames(_wanted(job)) as frames:
            for number in missing:
                memory.begin()
                render_part(interpolator, job.part(number), job.part_path(number), frames, count, should_stop)
        return finish(job, should_stop)
    except BaseException:
        if not resumable or not finished_parts(job):
            remove(job.folder)
        raise


def finished_parts(job: Job) -> int:
    return sum(job.part_path(number).exists() for number in range(len(job.spans)))


def missing_parts(job: Job) -> list[int]:
    """Those that are still to be rendered. The parts of another job under the same name are removed."""
    facts = job.folder / "job.json"
    with one_sentence(job.name):
        if facts.is_file() and json.loads(facts.read_text()) != job.fingerprint:
            remove(job.folder)
        job.folder.mkdir(exist_ok=True)
        facts.write_text(json.dumps(job.fingerprint))
    return [number for number in range(len(job.spans)) if not job.part_path(number).exists()]


def finish(job: Job, should_stop: ShouldStop | None = None) -> list[str]:
    """Joins the parts, all of which are there, into the output."""
    parts = [job.part_path(number) for number in range(len(job.spans))]
    with complete_or_nothing(job.final, job.name) as partial, one_sentence(job.name):
        notes = join(parts, partial, job.form.suffix, job.plan, job.extras, job.tracks, should_stop, job.tags)
    remove(job.folder)
    return notes


def _wanted(job: Job) -> Callable[[int], bool] | None:
    """Where frames are dropped, which ones are not."""
    if len(job.plan) >= job.plan.source_frames:
        return None
    return job.plan.source_numbers().__contains__
