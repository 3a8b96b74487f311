"""The file behind a VIDEO, where its frames are the video's own.

What a VIDEO can do differs from version to version of ComfyUI, and other packs have their own: each is asked for what
it offers, none for its version."""

from __future__ import annotations

from fractions import Fraction

import av
from comfy_api.latest import Input

from ..rdvfi_core.video.reader import VideoFile
from .images import check_room

WHEN_EDITED = "another node changed its frames without writing them: save the video with Save Video, and load that file"
COPIES = 2  # of the frames that core holds while it decodes them


def stored_file(video: Input.Video, deinterlace: bool) -> VideoFile | None:
    """To be read frame by frame, trimmed as the video is. None where only `get_components` gives its frames: they are
    in memory already, or ValueError where they would not fit into it."""
    source = getattr(type(video), "get_stream_source", Input.Video.get_stream_source)
    if source is Input.Video.get_stream_source:  # which would encode the frames into memory
        return None
    if is_edited(video):
        width, height = video.get_dimensions()
        check_room(COPIES * video.get_frame_count(), height, width, cure=WHEN_EDITED)
        return None
    start, duration = (Fraction(str(seconds)) for seconds in video.get_active_trim_window())
    return VideoFile(video.get_stream_source(), start, duration or None, deinterlace)


def is_edited(video: Input.Video) -> bool:
    """Whether the video holds a crop or another change of its frames that its stream does not show."""
    pending = getattr(video, "has_pending_frame_edits", None)
    if pending is not None:
        return bool(pending())
    try:
        with av.open(video.get_stream_source()) as container:
            stream = container.streams.video[0]
            stored = stream.width, stream.height
        return tuple(video.get_dimensions()) not in (stored, stored[::-1])
    except (av.FFmpegError, OSError, IndexError, ValueError):
        return False  # no video: the reader says so
