"""The wish: what a clip is to become, before its frames are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .curve import SpeedCurve
from .moments import AT_CUTS
from .plan import Plan
from .rates import decimal, exact
from .schedule import Listed, Regular, Schedule
from .source import Source

MOST_FRAMES = 10_000_000  # a plan of more is a slip of the pen
BLUR_SAMPLES = 16
MOST_SAMPLES = 256


@dataclass(frozen=True)
class Timeline:
    """Becomes a `Plan` once the source is known. Made by the class methods, which take the fields below `times` by
    name.

    Where nothing else is asked, the output ends with the source's last frame, so n frames become (n - 1) * m + 1."""

    multiplier: Fraction = Fraction(1)  # of the source's rate, where no fps is given
    fps: Fraction | None = None  # of the output
    speed: Fraction | SpeedCurve = Fraction(1)  # seconds of the source in one second of the output
    times: tuple[Fraction, ...] = ()  # positions in source frames, given one by one; the speed then says nothing
    loop: bool = False  # the last frame is followed by the first
    hold_end: bool = False  # the last frame is shown as long as in the source, so that sound does not outlast it
    resample_all: bool = False  # no output frame falls on a source frame, so that quality does not pulse
    at_cuts: str = "hold"  # or "blend", or "gap": no output frames between two shots
    shutter: Fraction = Fraction(0)  # degrees: 360 exposes for a whole output frame, 0 is no motion blur
    blur_samples: int = BLUR_SAMPLES  # moments that a blurred frame is the mean of

    @classmethod
    def multiplied(cls, factor: int | float | str | Fraction, **options: Any) -> Timeline:
        """`factor` output frames for each source frame, at `factor` times the rate."""
        return cls(multiplier=_factor(factor), **options)

    @classmethod
    def slowed(cls, factor: int | float | str | Fraction, fps: Fraction | None = None, **options: Any) -> Timeline:
        """`factor` times longer, at the source's rate or at `fps`."""
        return cls(speed=1 / _factor(factor), fps=fps, **options)

    @classmethod
    def resampled(cls, fps: Fraction, **options: Any) -> Timeline:
        """The same duration at another rate, exactly."""
        return cls(fps=fps, **options)

    @classmethod
    def at(
        cls, positions: Sequence[int | float | str | Fraction], fps: Fraction | None = None, **options: Any
    ) -> Timeline:
        """Output frames at these positions, counted in source frames from 0, in this order."""
        if not positions:
            raise ValueError("The list of times is empty; give at least one position, such as 0.5.")
        return cls(times=tuple(exact(position) for position in positions), fps=fps, **options)

    @classmethod
    def curved(cls, curve: SpeedCurve, fps: Fraction | None = None, **options: Any) -> Timeline:
        """Speed that changes, at the source's rate or at `fps`."""
        return cls(speed=curve, fps=fps, **options)

    def __post_init__(self) -> None:
        if not isinstance(self.speed, SpeedCurve) and self.speed <= 0:
            raise ValueError(f"The speed is {decimal(self.speed)}; give a number above 0, such as 0.5 for half speed.")
        if self.at_cuts not in AT_CUTS:
            raise ValueError(f"at_cuts is {self.at_cuts!r}; it must be one of {', '.join(AT_CUTS)}.")
        if not 0 <= self.shutter <= 360:
            raise ValueError(f"The shutter angle is {decimal(self.shutter)}; it goes from 0 to 360 degrees.")
        if not 2 <= self.blur_samples <= MOST_SAMPLES:
            raise ValueError(f"Motion blur of {self.blur_samples} samples; give 2 to {MOST_SAMPLES}.")
        if self.times and self.resample_all:
            raise ValueError("Times that are given one by one cannot be shifted off the source frames; give others.")

    def output_fps(self, source: Source) -> Fraction:
        return self.fps if self.fps is not None else source.fps * self.multiplier

    def plan(self, source: Source) -> Plan:
        """For a source of at least two frames. A loop's plan knows nothing of a last frame that repeats the first."""
        source = source.looped() if self.loop else source
        schedule = self._schedule(source)
        return Plan(
            fps=schedule.fps,
            frames=schedule,
            source_frames=len(source),
            cuts=tuple(sorted(source.cuts)),
            duplicates=tuple(sorted(source.duplicates)),
            at_cuts=self.at_cuts,
            loop=self.loop,
            ticks=None if source.is_constant else (*source.ticks, source.end),
        )

    def frame_count(self, source: Source) -> int:
        """Of the output; nothing is listed or rendered."""
        return len(self._schedule(source.looped() if self.loop else source))

    def duration(self, source: Source) -> Fraction:
        """Seconds of the output, to the end of its last frame."""
        return self.plan(source).duration

    def _schedule(self, source: Source) -> Schedule:
        if len(source) < 2:
            raise ValueError(f"There is {len(source)} source frame; frames can only be put between at least 2.")
        if self.times:
            return Listed(self, source)
        schedule = Regular(self, source)
        if schedule.count > MOST_FRAMES:
            raise ValueError(f"That would be {schedule.count} frames; ask for at most {MOST_FRAMES}.")
        return schedule


def _factor(factor: int | float | str | Fraction) -> Fraction:
    factor = exact(factor)
    if factor < 1:
        raise ValueError(f"The multiplier is {decimal(factor)}; give 1 or more, or a target rate to drop frames.")
    return factor
