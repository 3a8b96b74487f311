"""One frame of the output: where its picture comes from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

KINDS = ("copy", "between", "blend")


@dataclass(frozen=True, slots=True)
class PlanFrame:
    """copy: source frame `first`, bit for bit (second and tau say nothing: they are `first` and 0). between: at tau on
    the motion from `first` to `second`. blend: a cross-fade of the two, tau of the second.

    exposure: for motion blur, the moments in rising order whose mean is the picture; the frame's own kind then only
    names its centre."""

    time: Fraction  # seconds in the output, at which it starts to be shown
    kind: str
    first: int
    second: int
    tau: Fraction  # in (0, 1); 0 for a copy
    exposure: tuple[PlanFrame, ...] = ()

    @classmethod
    def copy(cls, time: Fraction, frame: int) -> PlanFrame:
        return cls(time, "copy", frame, frame, Fraction(0))

    @property
    def moments(self) -> tuple[PlanFrame, ...]:
        """All that has to be rendered for it."""
        return self.exposure or (self,)

    def describe(self) -> str:
        if self.kind == "copy":
            text = f"frame {self.first}"
        elif self.kind == "between":
            text = f"frames {self.first} and {self.second} at {_short(self.tau)}"
        else:
            text = f"frames {self.first} and {self.second} blended at {_short(self.tau)}"
        return text + (f", blurred over {len(self.exposure)} moments" if self.exposure else "")


def _short(tau: Fraction) -> str:
    return str(tau) if tau.denominator < 100_000 else f"{float(tau):.6f}"
