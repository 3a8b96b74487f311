"""Paths of an even grid of the start image's pixels, as a small file that a page can draw from.

The file holds where each path is at the knots; between them it is the same cubic as everywhere else (`cubic`), so who
reads it has the paths at any tau, not a selection of times.

    bytes 0-3       b"RDVP"
    bytes 4-7       N, length of the header, uint32, little-endian like all that follows
    header          JSON, with blanks up to a multiple of 4: version, times (M,), columns, rows,
                    and [w, h] of the motion grid
    places          uint16 (M, P, 2), x then y, for P = rows * columns paths, row by row
    round_trip      uint8 (P,)
    seen            bits (M, P), each knot's beginning with a new byte, the lowest bit first
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..pixels.warp import sample_at
from .trajectory import Trajectory

MAGIC, VERSION = b"RDVP", 1
LARGEST = 2 * 2**20  # bytes
LOWEST, SPAN = -1.0, 3.0  # relative places that fit: one picture beyond each edge; others stay at these bounds
STEPS_A_PIXEL = 8  # of round_trip, which ends at 255 / 8 px


@dataclass(frozen=True, eq=False)
class PathSamples:
    times: tuple[float, ...]  # (M,) of the knots
    columns: int
    rows: int
    grid: tuple[int, int]  # (w, h) of the motion grid
    places: Tensor  # (M, P, 2) x then y, relative: (px + 0.5) / w, so that they hold for an image of any size
    seen: Tensor  # (M, P) bool: the knot shows there what the start image shows where the path begins
    round_trip: Tensor  # (P,) px of the motion grid between a path's origin and where the end image says it came from

    def to_bytes(self) -> bytes:
        header = {"version": VERSION, "times": self.times, "columns": self.columns, "rows": self.rows}
        text = json.dumps(header | {"grid": self.grid}).encode()
        text += b" " * (-len(text) % 4)
        places = ((self.places - LOWEST) / SPAN).clamp(0, 1).mul(65535).round().cpu().numpy().astype("<u2")
        error = self.round_trip.mul(STEPS_A_PIXEL).round().clamp(0, 255).cpu().numpy().astype(np.uint8)
        seen = np.packbits(self.seen.cpu().numpy(), axis=1, bitorder="little")
        parts = (MAGIC, struct.pack("<I", len(text)), text, places.tobytes(), error.tobytes(), seen.tobytes())
        return b"".join(parts)


def sample_paths(trajectory: Trajectory, largest: int = LARGEST) -> PathSamples:
    """Of every s-th pixel both ways, with the smallest s whose file has at most so many bytes; of one pair."""
    if len(trajectory.to0) != 1:
        raise ValueError(f"The trajectory is of {len(trajectory.to0)} pairs; split it, and give one.")
    height, width = trajectory.to0.shape[-2:]
    stride = _stride(height, width, len(trajectory.times), largest)
    x, y = (torch.arange(stride // 2, side, stride, dtype=torch.float32) for side in (width, height))
    points = torch.stack((x.repeat(len(y)), y.repeat_interleave(len(x))), 1)[None].to(trajectory.to0)  # (1, P, 2)
    paths, seen = trajectory.tracks(points, trajectory.times)
    size = paths.new_tensor((width, height))
    return PathSamples(
        trajectory.times, len(x), len(y), (width, height), (paths[0] + 0.5) / size, seen[0],
        _round_trip(trajectory, points, paths[:, -1])[0],
    )  # fmt: skip


def _stride(height: int, width: int, knots: int, largest: int) -> int:
    header = 256 + 32 * knots  # at most
    for stride in range(1, min(height, width)):
        paths = len(range(stride // 2, width, stride)) * len(range(stride // 2, height, stride))
        if header + knots * (4 * paths + (paths + 7) // 8) + paths <= largest:
            return stride
    raise ValueError(f"Paths through {knots} knots do not fit into {largest:,} bytes; use fewer keyframes.")


def _round_trip(trajectory: Trajectory, points: Tensor, ends: Tensor) -> Tensor:  # (1, P, 2) px each -> (1, P)
    """Along the path to the end image, and by that image's own flow back."""
    back = sample_at(trajectory.to0[:, -1], ends.mT[:, :, None])[:, :, 0].mT
    return torch.linalg.vector_norm(ends + back - points, dim=-1)
