"""What a frame carries beside its pixels."""

from __future__ import annotations

import av


def side_data(frame: av.VideoFrame) -> dict[str, bytes]:
    """By FFmpeg's names. Empty where there is a kind that this PyAV has no name for: it then shows none of them."""
    try:
        return {data.type.name: bytes(data) for data in frame.side_data}
    except ValueError:
        return {}
