"""Clips on disk, for tests that read them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def write_video(path: Path, frames: np.ndarray) -> None:
    """Nearly lossless, so that scores are those of the frames and not of a codec."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 20_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
