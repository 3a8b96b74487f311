"""Protocols: which frames of a clip are given to a method and which it has to find between them.

davis7 and fcvg follow what their names say, since the paper's clip lists and code are not public: DAVIS-7 asks for 7
frames between two that are 8 apart (VIDIM, Jain et al. 2024, cuts such clips out of DAVIS), FCVG (Zhu et al. 2025) for
the 23 inner ones of 25. Every clip is used whole and at its own resolution; figures of papers that cut, crop or resize
otherwise are not comparable.

keyframes8 and keyframes24 show some of the true frames as keyframes and ask for those between: how well the motion
through good keyframes is found, apart from where keyframes come from. neighbours2, neighbours4 and neighbours8 show the
frames of a clip that lie as far before and after the pair as its two frames from each other: what whoever retimes a
clip has."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Protocol:
    """A window is the frames i .. i + gap: its two ends are given, i + offset are asked for. No frame is asked for
    twice. Limited windows do not share frames, neighbours included."""

    name: str
    gap: int  # frames from one end to the other
    offsets: tuple[int, ...]  # ascending, strictly between 0 and gap
    windows_at_most: int | None  # per clip; None: as many as fit, from the first frame on
    shared_ends: bool = False  # where a window ends the next one begins: every gap-th frame is given
    keyframes: tuple[int, ...] = ()  # offsets of true frames between the ends that methods may look at
    neighbours: tuple[int, ...] = ()  # of the frames before and after the window that methods may look at

    @property
    def size(self) -> int:
        """Frames that a window spans, both ends included, and its neighbours."""
        return max((self.gap, *self.shown)) - self.lead + 1

    @property
    def lead(self) -> int:
        """Offset of the first frame that is needed, 0 or below."""
        return min((0, *self.shown))

    @property
    def times(self) -> tuple[Fraction, ...]:
        """tau of every offset."""
        return tuple(Fraction(offset, self.gap) for offset in self.offsets)

    @property
    def shown(self) -> tuple[int, ...]:
        """Offsets of all frames that methods may look at beside the ends."""
        return self.keyframes or self.neighbours

    @property
    def shown_times(self) -> tuple[Fraction, ...]:
        return tuple(Fraction(offset, self.gap) for offset in self.shown)

    @property
    def middle(self) -> int:
        """Position in `offsets` of the one nearest to the window's centre, the frame that contact sheets show."""
        return min(range(len(self.offsets)), key=lambda position: abs(2 * self.offsets[position] - self.gap))


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("gap7", gap=8, offsets=(1, 2, 3, 4, 5, 6, 7), windows_at_most=3),
        Protocol("gap24", gap=24, offsets=(4, 8, 12, 16, 20), windows_at_most=2),
        Protocol("davis7", gap=8, offsets=(1, 2, 3, 4, 5, 6, 7), windows_at_most=None, shared_ends=True),
        Protocol("keyframes8", gap=8, offsets=(1, 3, 5, 7), windows_at_most=3, keyframes=(2, 4, 6)),
        Protocol("keyframes24", 24, offsets=(2, 6, 10, 14, 18, 22), windows_at_most=2, keyframes=(4, 8, 12, 16, 20)),
        Protocol("neighbours2", gap=2, offsets=(1,), windows_at_most=3, neighbours=(-2, 4)),
        Protocol("neighbours4", gap=4, offsets=(1, 2, 3), windows_at_most=3, neighbours=(-4, 8)),
        Protocol("neighbours8", gap=8, offsets=(1, 2, 3, 4, 5, 6, 7), windows_at_most=3, neighbours=(-8, 16)),
        Protocol("fcvg", gap=24, offsets=tuple(range(1, 24)), windows_at_most=None),
    )
}


def windows(frames: int, protocol: Protocol) -> list[int]:
    """First frames i of the windows in a clip of `frames` frames; empty when the clip is shorter than one window. A
    limited number is spread evenly: the first window starts with the clip, the last one ends with it, a single one is
    centred."""
    if protocol.windows_at_most is None:
        step = protocol.gap if protocol.shared_ends else protocol.size
        return list(range(0, frames - protocol.gap, step))
    count = min(protocol.windows_at_most, frames // protocol.size)
    slack = frames - protocol.size
    if count <= 1:
        return [slack // 2 - protocol.lead] * count
    return [index * slack // (count - 1) - protocol.lead for index in range(count)]
