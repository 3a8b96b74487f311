"""Times that go on where a stream's own jump: recordings that were joined, a receiver that was reset.

Broadcast formats allow such jumps, and players go on playing; a gap of hours is no wish for a still picture. What is
told apart as in FFmpeg: more than 10 s ahead or a tenth of a second back is a jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

MAY_JUMP = 0x200  # FFmpeg's AVFMT_TS_DISCONT
AHEAD, BACK = Fraction(10), Fraction(1, 10)  # seconds


@dataclass(frozen=True)
class Joint:
    """Where times jump."""

    at: Fraction  # second that the file gives to what comes next
    shift: Fraction  # seconds to be added to the file's times from there on


def may_jump(container) -> bool:
    return bool(container.format.flags & MAY_JUMP)


class Clock:
    """Of one stream, packet by packet. known: the joints of the film, which its sound and subtitles follow, the first
    one at its beginning; none for the film itself, whose joints are found."""

    def __init__(self, active: bool, known: Sequence[Joint] = ()):
        self._active, self._known = active, list(known)
        self.joints: list[Joint] = []
        self._last: Fraction | None = None  # second of the packet before, as the file gives it
        self._shift, self._end = 0, 0  # in ticks: of the packets now, and where those before end with it

    def close(self, packet: av.Packet) -> None:
        """Moves a packet's times."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if not self._active or stamp is None:
            return
        second, base = stamp * packet.time_base, packet.time_base
        if self._known:
            self._follow(second, base)
        elif self._last is None:
            self.joints.append(Joint(second, Fraction(0)))
        elif self._jumps(second):
            self._shift = self._end - (packet.pts if packet.pts is not None else stamp)
            self.joints.append(Joint(second, self._shift * base))
        self._last = second
        packet.pts = None if packet.pts is None else packet.pts + self._shift
        packet.dts = None if packet.dts is None else packet.dts + self._shift
        self._end = max(self._end, (stamp + self._shift if packet.pts is None else packet.pts) + (packet.duration or 1))

    def _jumps(self, second: Fraction) -> bool:
        return second - self._last > AHEAD or self._last - second > BACK

    def _follow(self, second: Fraction, base: Fraction) -> None:
        """To the joint that this is next to, if it is one: sound and subtitles may have gaps of their own."""
        if self._last is not None and not self._jumps(second):
            return
        nearest = min(self._known[len(self.joints) :], key=lambda joint: abs(joint.at - second), default=None)
        if nearest is None or (self._last is not None and abs(nearest.at - second) >= abs(self._last - second)):
            return
        self.joints = self._known[: self._known.index(nearest, len(self.joints)) + 1]
        self._shift = round(nearest.shift / base)
