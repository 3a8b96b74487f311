"""Plans that nobody can have meant: damaged times make hours out of seconds."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from .plan import Plan
from .rates import decimal
from .source import Source

LONG, MANY_TIMES = Fraction(600), 60  # seconds of output, as many times what the source shows
STILL = Fraction(10)  # seconds: more of one picture shows nothing more
FASTEST_SHOWN = 1000  # frames a second


def doubts(plan: Plan, source: Source) -> list[str]:
    """In sentences."""
    found = []
    if plan.fps > FASTEST_SHOWN:
        found.append(
            f"The output has {decimal(plan.fps)} frames a second, more than anything shows; give a target rate instead "
            "of a multiplier."
        )
    steps = [] if source.is_constant else [after - before for before, after in pairwise((*source.ticks, source.end))]
    still = STILL / source.time_base
    shown = sum(min(step, still) for step in steps) * source.time_base if steps else source.duration
    if plan.duration > max(LONG, MANY_TIMES * shown):
        text = f"{len(plan)} frames, {_clock(plan.duration)}, would be made of {_clock(shown)} in which anything moves"
        longest = max(steps, default=0)
        if longest > still:
            after, pause = steps.index(longest), _clock(longest * source.time_base)
            text += f": frame {after} stands still for {pause}, which its file says and may not mean"
        found.append(f"{text}; cut the source, or lower the rate.")
    return found


def _clock(seconds: Fraction) -> str:
    minutes, rest = divmod(float(seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{int(rest):02d} h" if hours else f"{minutes}:{rest:04.1f} min"
