"""What to render: for every output frame its exact time and the source frames that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from . import plan_file
from .frames import PlanFrame
from .rates import decimal
from .schedule import Schedule

MOST_LINES = 1000  # of text; the JSON has all frames
MOST_LISTED = 50  # of a line
Pair = tuple[int, int]  # source frames, the first and the second


@dataclass(frozen=True)
class Plan:
    """`frames` may be worked out one by one as they are asked for. Frames follow each other at 1 / fps, except where
    a gap was left at a cut."""

    fps: Fraction
    frames: Sequence[PlanFrame]
    source_frames: int
    cuts: tuple[int, ...] = ()  # i: source frame i + 1 does not continue frame i
    duplicates: tuple[int, ...] = ()  # i: source frame i repeats frame i - 1
    at_cuts: str = "hold"
    loop: bool = False  # pairs may lead from the last source frame to the first
    ticks: tuple[int, ...] | None = None  # when each source frame is shown, and when the clip ends; None: evenly
    beyond: tuple[Pair | None, Pair | None] | None = None  # of a part: see `beside`

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index):
        return self.frames[index]

    def __iter__(self) -> Iterator[PlanFrame]:
        return iter(self.frames)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        fields = ("fps", "source_frames", "cuts", "duplicates", "at_cuts", "loop", "ticks", "beyond")
        same = all(getattr(self, field) == getattr(other, field) for field in fields) and len(self) == len(other)
        return same and all(a == b for a, b in zip(self, other, strict=True))

    def moments(self) -> Iterator[PlanFrame]:
        """All that has to be rendered, in order."""
        return (moment for frame in self for moment in frame.moments)

    def source_numbers(self) -> set[int]:
        """Source frames that are needed, those of the pairs `beside` included."""
        own = {number for moment in self.moments() for number in (moment.first, moment.second)}
        return own.union(*filter(None, self.beside))

    def time(self, index: int) -> Fraction:
        """Second at which a frame starts to be shown; much cheaper than the whole frame, which may have to be worked
        out."""
        return self.frames.time(index) if isinstance(self.frames, Schedule) else self.frames[index].time

    @property
    def duration(self) -> Fraction:
        """Seconds, to the end of the last frame."""
        return self.time(len(self) - 1) + 1 / self.fps

    def length(self, first: int, second: int) -> int:
        """How long it takes from one source frame to a later one, or over the loop's end, in ticks."""
        ticks = self.ticks or range(self.source_frames + 1)
        return ticks[second] - ticks[first] if first < second else ticks[-1] - ticks[first] + ticks[second]

    def part(self, span: range) -> Plan:
        """Some of the frames by themselves, with the source frames' own numbers."""
        return replace(self, frames=tuple(self[span.start : span.stop]), beyond=self._beside(span))

    @property
    def beside(self) -> tuple[Pair | None, Pair | None]:
        """The pairs outside of these frames whose motion the first pair continues, and into which that of the last one
        goes on: a part has them in the whole plan, a loop across its seam."""
        return self._beside(range(len(self))) if self.beyond is None else self.beyond

    def _beside(self, span: range) -> tuple[Pair | None, Pair | None]:
        around = len(self) if self.loop else 0
        earlier, later = range(span.start - 1, -1 - around, -1), range(span.stop, len(self) + around)
        before = self._pair_beyond(_moments(self, span), _moments(self, earlier, backward=True), 0)
        after = self._pair_beyond(_moments(self, reversed(span), backward=True), _moments(self, later), 1)
        return before, after

    @staticmethod
    def _pair_beyond(own: Iterator[PlanFrame], beyond: Iterator[PlanFrame], end: int) -> Pair | None:
        """own: moments from one end on (0: the first one, 1: the last one); beyond: those outside, away from it. The
        first other pair there, if it meets the outermost one in a frame."""
        pair = next(((moment.first, moment.second) for moment in own if moment.kind == "between"), None)
        for moment in beyond if pair is not None else ():
            other = moment.first, moment.second
            if moment.kind == "between" and other != pair:
                return other if other[1 - end] == pair[end] else None
        return None

    def check_source(self, frames: int) -> None:
        """ValueError where the clip has another number of them than the one that this was made for. A loop's may have
        one more, which repeats the first."""
        if frames != self.source_frames and not (self.loop and frames == self.source_frames + 1):
            made_for = self.source_frames
            raise ValueError(f"The plan is for {made_for} source frames, the clip has {frames}; make it anew.")

    def to_json(self) -> str:
        """Exactly this plan, one line for each frame, to be looked at, edited and given to `from_json`."""
        return plan_file.write(self)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan that `to_json` wrote and someone may have edited. ValueError where it makes no sense."""
        return cls(**plan_file.read(text))

    def describe(self) -> str:
        """For people: a line on the whole, one for cuts and one for duplicates where there are any, then a line for
        each output frame."""
        lines = [
            f"{self.source_frames} source frames -> {len(self)} frames at {decimal(self.fps)} fps, "
            f"{float(self.duration):.3f} s"
        ]
        shown = self[:MOST_LINES]
        if len(shown) == len(self):
            kept = sum(frame.kind == "copy" and not frame.exposure for frame in shown)
            lines[0] += f"; {kept} of them are source frames, untouched"
        lines[0] += "."
        if self.cuts:
            what = {"hold": "the frame before is held", "blend": "cross-fades", "gap": "no frames in between"}
            lines.append(f"Cuts after frames {_list(self.cuts)}: {what[self.at_cuts]}.")
        if self.duplicates:
            lines.append(f"Frames that repeat the one before, passed over: {_list(self.duplicates)}.")
        lines += (f"{number}: {frame.describe()}" for number, frame in enumerate(shown))
        if len(shown) < len(self):
            lines.append(f"... and {len(self) - len(shown)} more.")
        return "\n".join(lines)


def _moments(plan: Plan, numbers: Iterable[int], backward: bool = False) -> Iterator[PlanFrame]:
    """Of the frames with these numbers, which may go round the plan once more."""
    for number in numbers:
        moments = plan[number % len(plan)].moments
        yield from reversed(moments) if backward else moments


def _list(numbers: tuple[int, ...]) -> str:
    more = f" and {len(numbers) - MOST_LISTED} more" if len(numbers) > MOST_LISTED else ""
    return ", ".join(map(str, numbers[:MOST_LISTED])) + more
