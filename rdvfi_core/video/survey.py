"""What decoding a whole clip has shown of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from ..timeline import Source
from .clock import Joint
from .colour import Colour
from .hdr import Hdr
from .orientation import Orientation


@dataclass(frozen=True)
class Survey:
    """Sizes are upright."""

    height: int
    width: int
    bits: int  # per channel, as stored
    alpha: bool
    colour: Colour
    sample_aspect: Fraction  # of a pixel, upright
    ticks: tuple[int, ...]  # when frames are shown, in `time_base`
    time_base: Fraction
    end: int  # tick at which the last frame stops being shown
    fps: Fraction | None  # nominal
    seekable: bool
    hdr: Hdr | None = None
    orientation: Orientation = Orientation()  # of the stored picture
    interlaced: bool = False  # there are frames of two fields, and they are to be made whole pictures
    telecine: str = ""  # of film on interlaced video, whose own frames are to be put together, the order of fields
    joints: tuple[Joint, ...] = ()  # where the file's times jump; the frames' times do not
    notes: tuple[str, ...] = field(default=())  # what is missing or damaged, in sentences

    @property
    def depth(self) -> int:
        """Bits of RGB that lose nothing of it: 8 or 16."""
        return 8 if self.bits <= 8 else 16

    def source(self, cuts: Iterable[int] = (), duplicates: Iterable[int] = ()) -> Source:
        return Source.timed(self.ticks, self.time_base, self.end, self.fps, cuts, duplicates)

    @property
    def start(self) -> Fraction:
        """Seconds of the file at which its first frame is shown; the source's times count from there."""
        return self.ticks[0] * self.time_base
