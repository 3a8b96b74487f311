"""Protocols: which frames of a clip are given to a method and which it has to find between them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Protocol:
    """A window is the frames i .. i + gap: its two ends are given, i + offset are asked for. Windows share no frame."""

    name: str
    gap: int  # frames from one end to the other
    offsets: tuple[int, ...]  # ascending, strictly between 0 and gap
    windows_at_most: int  # per clip

    @property
    def size(self) -> int:
        """Frames that a window spans, both ends included."""
        return self.gap + 1

    @property
    def times(self) -> tuple[Fraction, ...]:
        """tau of every offset."""
        return tuple(Fraction(offset, self.gap) for offset in self.offsets)

    @property
    def middle(self) -> int:
        """Position in `offsets` of the one nearest to the window's centre, the frame that contact sheets show."""
        return min(range(len(self.offsets)), key=lambda position: abs(2 * self.offsets[position] - self.gap))


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("gap7", gap=8, offsets=(1, 2, 3, 4, 5, 6, 7), windows_at_most=3),
        Protocol("gap24", gap=24, offsets=(4, 8, 12, 16, 20), windows_at_most=2),
    )
}


def windows(frames: int, protocol: Protocol) -> list[int]:
    """First frames of the windows in a clip of `frames` frames, spread evenly: the first window starts with the clip,
    the last one ends with it, a single one is centred. Empty when the clip is shorter than one window."""
    count = min(protocol.windows_at_most, frames // protocol.size)
    slack = frames - protocol.size
    if count <= 1:
        return [slack // 2] * count
    return [index * slack // (count - 1) for index in range(count)]
