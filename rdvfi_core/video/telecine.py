"""Film on interlaced video: of five frames two are woven from two frames of the film, and in each group one upper and
one lower field are shown twice. They are recognised by that, and FFmpeg's fieldmatch puts the film's frames together
again."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np

RATES = 29, 31  # frames a second of such video
REPEATS = 0.6  # a field's change, as a part of the other one's, below which it is the same field again
NOISE = 0.5  # of 255: mean change of fields in which nothing moves
EVERY = 8  # columns that are looked at
LEAST, SHARE, OFTEN = 4, 0.7, 0.4  # repeats that follow each other as they must; of all; of those that there would be


class FieldRepeats:
    """Frames are given one by one, in order."""

    def __init__(self):
        self._before: np.ndarray | None = None
        self._number = self._moving = 0
        self._found: list[tuple[int, int]] = []  # (number of the frame, 0 for its upper and 1 for its lower field)

    def see(self, frame: av.VideoFrame) -> None:
        luma = _luma(frame)
        if luma is not None and self._before is not None and luma.shape == self._before.shape:
            changed = np.abs(luma - self._before)
            fields = [float(changed[first::2].mean()) for first in (0, 1)]
            if max(fields) > NOISE:
                self._moving += 1
                if min(fields) < REPEATS * max(fields):
                    self._found.append((self._number, fields.index(min(fields))))
        self._before = luma
        self._number += 1

    @property
    def order(self) -> str:
        """ "tff" or "bff" where the frames are telecine, by the field that comes first; else nothing. Upper and lower
        fields repeat in turns, two frames apart and three: the first one of the shorter distance comes first."""
        gaps = [(later - number, kind) for (number, kind), (later, other) in pairwise(self._found) if kind != other]
        fitting = [sum(gap == (2 if kind == first else 3) for gap, kind in gaps) for first in (0, 1)]
        most = max(fitting)
        enough = most >= LEAST and most >= OFTEN * self._moving * 2 / 5 and most >= SHARE * (len(self._found) - 1)
        return ("tff", "bff")[fitting.index(most)] if enough else ""


def _luma(frame: av.VideoFrame) -> np.ndarray | None:  # (H, W / EVERY) int16 at 8 bits
    name = frame.format.name
    if not name.startswith(("yuv", "nv", "p0", "gray")) or name.startswith("yuyv"):
        return None
    deep = frame.format.components[0].bits > 8
    plane, kind = frame.planes[0], np.dtype("<u2" if deep else np.uint8)
    lines = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    picked = lines[: frame.height - frame.height % 2, : frame.width : EVERY]
    shift = frame.format.components[0].bits - 8 if deep and not name.startswith("p0") else 8 * deep
    return (picked >> shift).astype(np.int16)
