"""Which of a file's video streams is the film."""

from __future__ import annotations

from av.stream import Disposition

STILLS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image

PICTURES = {"mjpeg", "png", "bmp", "tiff", "webp"}  # codecs of covers


def film_of(container):
    """The stream that players show: no cover or other still picture, the default one, else the largest. None where the
    file has no video at all."""

    def rank(stream) -> tuple:
        context = stream.codec_context
        if context is None:  # of a codec that FFmpeg does not know
            return (False,)
        default = bool(stream.disposition & Disposition.default)
        return True, is_film(stream), default, context.width * context.height, -stream.index

    return max(container.streams.video, key=rank, default=None)


def is_film(stream) -> bool:
    """Not a still picture, as far as the header tells: Matroska does not say how many frames there are."""
    if stream.codec_context is None or stream.disposition & STILLS:
        return False
    return stream.frames > 1 or (not stream.frames and stream.codec_context.name not in PICTURES)
