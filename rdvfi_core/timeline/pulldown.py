"""Film that was stretched to another rate by showing some of its frames for longer: 24 in 30, 25 in 30, 24 in 60.

Frames that repeat are left out already, but those that are left keep their places, and an even motion goes in jerks. A
regular pattern of repeats says what the film's own rate was, at which its frames are spread evenly again. Numbers of
frames stay as they are: repeats keep theirs, in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .rates import NTSC, decimal
from .source import Source

BASES = (*NTSC[1::2], Fraction(30), Fraction(60))  # rates whose multiples the times of a stretched film are
OFF_A_STEP = Fraction(1, 8)  # by which rounded times may miss them
LEAST, SHARE, PURITY = 3, 0.5, 0.85  # held frames that fit a pattern: so many, of those it has, of all that are held
PLACES = 4  # between two frames of the film, where those that repeat the first one lie


@dataclass(frozen=True)
class Pattern:
    cycle: int  # frames, after which it begins again
    shown: tuple[int, ...]  # those of them that show something new

    @property
    def held(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.cycle) if i not in self.shown)


PATTERNS = (Pattern(5, (0, 2)), *(Pattern(cycle, tuple(range(cycle - 1))) for cycle in (3, 4, 5, 6, 25)))


def without_pulldown(source: Source) -> tuple[Source, str] | None:
    """The clip at its film's own rate, and what was found, as a sentence; None where there is no such pattern."""
    found = _positions(source)
    if found is None:
        return None
    rate, positions = found
    fresh = {place for i, place in enumerate(positions) if i not in source.duplicates}
    shots = [range(positions[first], positions[last] + 1) for first, last in _shots(source)]
    fits = {pattern: [_fit(pattern, shot, fresh) for shot in shots] for pattern in PATTERNS}
    pattern = max(fits, key=lambda pattern: sum(2 * fit.hits - fit.expected for fit in fits[pattern] if fit.is_good))
    if sum(fit.hits for fit in fits[pattern] if fit.is_good) < LEAST:
        return None
    phases = [fit.phase if fit.is_good else None for fit in fits[pattern]]
    film = rate * len(pattern.shown) / pattern.cycle
    repeats = f"{len(pattern.held)} of {pattern.cycle} frames repeat the one before"
    text = f"{repeats}, as where {decimal(film)} frames a second are shown as {decimal(rate)}; this is undone."
    return _spread(source, positions, shots, pattern, phases, rate), text


def _positions(source: Source) -> tuple[Fraction, Sequence[int]] | None:
    """A rate and every frame's place in steps of it."""
    if source.is_constant:
        return (source.fps, source.ticks) if source.duplicates else None
    for rate in (source.fps, *BASES):
        steps = [tick * source.time_base * rate for tick in source.ticks]
        places = [round(step) for step in steps]
        rising = all(b > a for a, b in zip(places, places[1:], strict=False))
        if rising and all(abs(step - place) <= OFF_A_STEP for step, place in zip(steps, places, strict=True)):
            return rate, places
    return None


def _shots(source: Source) -> list[tuple[int, int]]:
    """(first, last) frame of each."""
    cuts = sorted(source.cuts)
    return list(zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(source) - 1], strict=True))


@dataclass(frozen=True)
class Fit:
    phase: int  # place at which the pattern begins
    hits: int  # held frames where it has some
    misses: int  # elsewhere
    expected: int  # that it has

    @property
    def is_good(self) -> bool:
        return self.hits > 0 and self.hits >= SHARE * self.expected and self.hits >= PURITY * (self.hits + self.misses)


def _fit(pattern: Pattern, shot: range, fresh: set[int]) -> Fit:
    counts = [0] * pattern.cycle  # held frames, by their place in a cycle
    for place in shot[1:]:
        counts[place % pattern.cycle] += place not in fresh
    held = sum(counts)

    def hits(phase: int) -> int:
        return sum(counts[(phase + i) % pattern.cycle] for i in pattern.held)

    phase = max(range(pattern.cycle), key=hits)
    expected = sum((place - phase) % pattern.cycle in pattern.held for place in shot[1:])
    return Fit(phase, hits(phase), held - hits(phase), expected)


def _spread(
    source: Source, positions: Sequence[int], shots: list[range], pattern: Pattern, phases, rate: Fraction
) -> Source:
    """Ticks are a whole part of the distance between two frames of the film."""
    fine = len(pattern.shown) * PLACES  # ticks in a step of the rate
    step = pattern.cycle * PLACES  # from one frame of the film to the next
    ticks, repeats, number = [], set(source.duplicates), 0
    for i, place in enumerate(positions):
        while place not in shots[number]:
            number += 1
        phase = phases[number]
        if phase is None:
            tick = place * fine
        else:
            cycle, offset = divmod(place - phase, pattern.cycle)
            before = [rank for rank, shown in enumerate(pattern.shown) if shown <= offset][-1]
            behind = offset - pattern.shown[before] if i else 0
            tick = (phase + cycle * pattern.cycle) * fine + before * step + behind * step // PLACES
            if behind and place > shots[number][0]:
                repeats.add(i)
        ticks.append(tick if not ticks else max(tick, ticks[-1] + 1))
    length = source.duration * rate
    end = max(round(length * fine) - ticks[0], ticks[-1] - ticks[0] + 1)
    return replace(
        source,
        ticks=tuple(tick - ticks[0] for tick in ticks),
        time_base=1 / (rate * fine),
        end=end,
        fps=rate * len(pattern.shown) / pattern.cycle,
        duplicates=frozenset(repeats),
    )
