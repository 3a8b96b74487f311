"""A long output in parts, which are rendered one by one, or by many machines, and joined without loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ..callbacks import ShouldStop
from ..retime import render
from ..timeline import Plan
from .clip import Clip
from .formats import Format
from .heap import collect, is_large
from .writer import FrameWriter, complete_or_nothing

PART_FRAMES = 240  # about as many as an encoder puts between two key frames anyway
IMAGES = ".mov"  # holds a part of PNGs, packet by packet
LEAST_FRAMES = 60  # of a part that ends early, at a cut


@dataclass(frozen=True)
class Part:
    """All that a worker has to know."""

    clip: Clip
    plan: Plan  # of this part alone, with the source frames' own numbers
    form: Format
    name: str  # what the user knows the output by
    seed: int
    keyframes: str


def split(plan: Plan, most: int = PART_FRAMES, least: int = LEAST_FRAMES) -> list[range]:
    """Ranges of output frames. A part begins where a new pair begins, so that little motion is estimated twice, and
    where there is one at a new shot."""
    starts, cuts = [0], set(plan.cuts)
    before = None
    for number, frame in enumerate(plan):
        length = number - starts[-1]
        if before is not None and length >= least:
            first, last = frame.moments[0], before.moments[-1]
            new_shot = any(cut in cuts for cut in range(last.first, first.first)) if cuts else False
            new_pair = first.kind == "copy" or (first.first, first.second) != (last.first, last.second)
            if (new_pair and (length >= most or new_shot)) or length >= 4 * most:
                starts.append(number)
        before = frame
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(plan)], strict=True)]


def render_part(
    interpolator,
    part: Part,
    path: Path,
    frames=None,  # Sequence of the clip's frames that is open already
    progress: Callable[[object], None] | None = None,  # called with each frame
    should_stop: ShouldStop | None = None,
) -> None:
    """Writes one part to `path`, complete or not at all."""
    if frames is None:
        with part.clip.frames(part.plan.source_numbers().__contains__) as opened:
            return render_part(interpolator, part, path, opened, progress, should_stop)
    _write_part(interpolator, part, path, frames, progress, should_stop)
    collect()  # what the encoder and the last pair held


def _write_part(interpolator, part: Part, path: Path, frames, progress, should_stop) -> None:
    survey = part.clip.survey
    size, name = (survey.height, survey.width), part.name
    stored = replace(part.form, suffix=part.form.suffix or IMAGES)
    rate = Fraction(part.plan.fps)
    with (
        complete_or_nothing(path, name) as partial,
        FrameWriter(partial, stored, size, rate, name, survey.colour, survey.sample_aspect) as writer,
    ):
        for frame in render(interpolator, part.plan, frames, part.seed, part.keyframes, should_stop=should_stop):
            writer.write(frame)
            if progress is not None:
                progress(frame)
            # A small frame lives on while the next one is made: else the end of the heap would come free with each of
            # them, go back to the system and have to be made again.
            if is_large(frame):
                del frame
