"""When the frames of a clip are shown, and where they do not continue each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .rates import NTSC, decimal, exact_fps, rate_of

LONGEST_RUN = 3  # duplicates in a row: drawings that last up to four frames are animation, longer ones stand still


@dataclass(frozen=True)
class Source:
    """Times are whole ticks of `time_base` seconds and start at 0; `range` holds those of a constant rate without
    listing them. A duplicate after a cut is no duplicate, and neither are the frames of a standstill, a run of more
    than LONGEST_RUN duplicates."""

    ticks: Sequence[int]  # of every frame, strictly rising from 0
    time_base: Fraction  # seconds
    end: int  # tick at which the last frame stops being shown
    fps: Fraction  # nominal rate, which multipliers multiply
    cuts: frozenset[int] = frozenset()  # i: frame i + 1 does not continue frame i
    duplicates: frozenset[int] = frozenset()  # i: frame i repeats frame i - 1
    closes: bool = False  # the last frame repeats the first: a loop leaves it out

    @classmethod
    def constant(cls, frames: int, fps: Fraction, cuts: Iterable[int] = (), duplicates: Iterable[int] = ()) -> Source:
        """`frames` frames of 1 / fps seconds each."""
        return cls(range(frames), 1 / Fraction(fps), frames, Fraction(fps), frozenset(cuts), frozenset(duplicates))

    @classmethod
    def timed(
        cls,
        ticks: Iterable[int],
        time_base: Fraction,
        end: int,
        fps: Fraction | None = None,
        cuts: Iterable[int] = (),
        duplicates: Iterable[int] = (),
    ) -> Source:
        """Frames at these ticks, which may start anywhere. fps: nominal rate, None where there is none;
        times that contradict it have their own (`rates.rate_of`).

        Where every tick is the one next to a constant rate's time, as in containers that count milliseconds, the
        rate is taken as constant: the exact times are the ones before rounding."""
        ticks = tuple(ticks)
        if not ticks:
            return cls((), time_base, 0, fps or Fraction(1))
        start, ticks = ticks[0], tuple(tick - ticks[0] for tick in ticks)
        if any(b <= a for a, b in zip(ticks, ticks[1:], strict=False)) or end - start <= ticks[-1]:
            raise ValueError("The times of the frames do not rise; give each frame one time, after the one before.")
        mean = len(ticks) / ((end - start) * time_base)
        near = (fps, Fraction(round(mean)), exact_fps(float(mean)), min(NTSC, key=lambda rate: abs(rate - mean)))
        for rate in near:
            if rate and all(abs(tick - i / (rate * time_base)) <= 1 for i, tick in enumerate(ticks)):
                return cls.constant(len(ticks), rate, cuts, duplicates)
        fps = rate_of((*ticks, end - start), time_base, fps)
        return cls(ticks, time_base, end - start, fps, frozenset(cuts), frozenset(duplicates))

    def __post_init__(self) -> None:
        frames = len(self)
        for name, marks, first, last in (
            ("cut after", self.cuts, 0, frames - 2),
            ("duplicate", self.duplicates, 1, frames - 1),
        ):
            outside = [i for i in marks if not first <= i <= last]
            if outside:
                raise ValueError(
                    f"There is no {name} frame {min(outside)} in {frames} source frames; give numbers from {first} to "
                    f"{last}."
                )
        object.__setattr__(self, "duplicates", frozenset(_repeats(self.duplicates - {i + 1 for i in self.cuts})))

    def __len__(self) -> int:
        return len(self.ticks)

    def looped(self) -> Source:
        """Without a last frame that repeats the first one, whose place the first one takes."""
        if not self.closes or len(self) < 3:
            return self
        last = len(self) - 1
        cuts, duplicates = self.cuts - {last - 1}, self.duplicates - {last}
        return replace(
            self, ticks=self.ticks[:last], end=self.ticks[last], cuts=cuts, duplicates=duplicates, closes=False
        )

    def time(self, frame: int) -> Fraction:
        """Seconds from the first frame. The frame after the last one is at the clip's end."""
        return (self.ticks[frame] if frame < len(self) else self.end) * self.time_base

    @property
    def duration(self) -> Fraction:
        """Seconds, up to the end of the last frame."""
        return self.end * self.time_base

    @property
    def is_constant(self) -> bool:
        return isinstance(self.ticks, range)

    def describe(self) -> str:
        rate = f"{decimal(self.fps)} fps" + ("" if self.is_constant else " on average, at times of their own")
        return f"{len(self)} source frames, {rate}, {float(self.duration):.3f} s"


def _repeats(duplicates: Iterable[int]) -> list[int]:
    """Those in runs of at most LONGEST_RUN."""
    kept: list[int] = []
    run: list[int] = []
    for i in sorted(duplicates):
        if run and i != run[-1] + 1:
            kept += run if len(run) <= LONGEST_RUN else []
            run = []
        run.append(i)
    return kept + (run if len(run) <= LONGEST_RUN else [])
