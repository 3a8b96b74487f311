"""How long a run is and how its learning rate goes: by steps, by minutes, or by whichever ends first."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARMUP_SHARE = 0.1  # of the whole run at most


@dataclass(frozen=True)
class Schedule:
    steps: int | None  # None: minutes alone decide
    learning_rate: float
    minutes: float | None = None  # of training, over all starts of the run together
    warmup: int = 200  # steps
    floor: float = 0.02  # of the learning rate, at the end
    clip: float = 1.0
    average: float = 0.998  # decay of the averaged weights that are shipped
    save_every: int = 250

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise ValueError("A schedule needs an end; give a number of steps, or of minutes.")

    def progress(self, step: int, seconds: float) -> float:
        """From 0 to 1, the end. With minutes it follows the clock, so a run ends in time, its rate all the way down,
        however fast the machine is."""
        by_step = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_step, by_time)

    def rate(self, step: int, progress: float) -> float:
        """Linear warm-up, a tenth of the run at most, then a cosine to the floor."""
        warmup = self.warmup if self.steps is None else min(self.warmup, int(self.steps * WARMUP_SHARE))
        if step < warmup and progress < WARMUP_SHARE:
            return self.learning_rate * (step + 1) / warmup
        start = 0.0 if self.steps is None else warmup / self.steps
        turn = min(1.0, max(0.0, progress - start) / (1 - start))
        return self.learning_rate * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * turn)) / 2)
