"""How a stored picture is turned and mirrored to stand upright, from its display matrix."""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

import av
import numpy as np

from .side_data import side_data

DISPLAY_MATRIX = "DISPLAYMATRIX"


@dataclass(frozen=True)
class Orientation:
    """Applied in this order. Angles between quarter turns go to the nearest one, as no player shows a picture askew."""

    transposed: bool = False  # rows become columns
    mirrored: bool = False  # left and right change places
    flipped: bool = False  # top and bottom change places

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        matrix = side_data(frame).get(DISPLAY_MATRIX, b"")
        return cls.of_matrix(unpack_from("=9i", matrix)) if len(matrix) >= 36 else cls.turned_by(frame.rotation)

    @classmethod
    def of_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """FFmpeg's nine numbers: the stored (x, y) is shown at (a x + c y, b x + d y) and moved; a, b, c and d are the
        first, second, fourth and fifth."""
        a, b, _, c, d = matrix[:5]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @classmethod
    def turned_by(cls, degrees: float) -> Orientation:
        """Counter-clockwise."""
        return (cls(), cls(True, False, True), cls(False, True, True), cls(True, True, False))[round(degrees / 90) % 4]

    def upright(self, plane: np.ndarray) -> np.ndarray:  # (H, W), or (W, H) where it is transposed: a view
        plane = plane.T if self.transposed else plane
        return plane[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) upright of one that is stored, or the other way round."""
        return (width, height) if self.transposed else (height, width)
