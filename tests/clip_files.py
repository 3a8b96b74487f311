"""Clips on disk, for tests that read them, and what to draw on them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def write_video(path: Path, frames: np.ndarray) -> None:
    """Nearly lossless, so that scores are those of the frames and not of a codec."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 20_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def texture(seed: int, height: int, width: int) -> Tensor:  # (3, height, width) in [0, 1]
    """Coloured noise over three octaves: different for each seed."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(3, 1, 1, generator=generator) * 0.4 + 0.3
    for cell, strength in ((40, 0.2), (12, 0.15), (5, 0.12)):
        coarse = torch.randn(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        picture = picture + strength * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]
    return picture.clamp(0, 1)
