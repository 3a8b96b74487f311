"""Whether a file holds what its header promises. Headers count other things than frames that are shown: what is cut off
by an edit list, chunks that a recorder left empty, other streams that are longer. None of these is damage."""

from __future__ import annotations

from fractions import Fraction

import av

from .decoding import Damage

SLACK = Fraction(1, 2)  # seconds by which a duration may be wrong
SHORT = Fraction(3, 2)  # frames by which the last one may end early


def missing(name: str, container, stream, first: int, end: int, shown: int, seen: Damage) -> list[str]:
    """Sentences. first, end: ticks at which the pictures begin and end. shown: frames."""
    base = seen.time_base
    if stream.frames:
        frame = Fraction(end - first, max(1, shown))  # ticks
        # A duration may be that of what is left of an AVI.
        counted = stream.frames / (stream.average_rate * base) if stream.average_rate else 0
        is_short = first + max(stream.duration or 0, counted) > end + SHORT * frame
        if seen.packets + 1 < stream.frames and is_short:
            return [f"{name}: {shown} of {stream.frames - seen.discarded} frames can be decoded; the rest is missing."]
        whole = seen.packets - seen.discarded
        wanted = shown + seen.undecodable + seen.backward
        # Of interlaced film a packet may hold one field alone.
        if whole > max(wanted + 1, wanted * 1.02) and not seen.interlaced:
            return [f"{name}: {shown} of {whole} frames can be decoded; the rest is damaged."]
        return []
    promised = _promised_end(container, stream, first * base)
    if promised - SLACK > end * base and not _others_go_on(container, stream, promised - SLACK):
        begun, lasts = float(promised - first * base), float((end - first) * base)
        return [f"{name} should last {begun:.2f} s, but its video ends after {lasts:.2f} s."]
    return []


def _promised_end(container, stream, first: Fraction) -> Fraction:
    """Second of the file."""
    if stream.duration:
        return first + stream.duration * stream.time_base
    tag = stream.metadata.get("DURATION", "")  # Matroska's, of each stream
    try:
        hours, minutes, seconds = tag.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    except ValueError:
        return Fraction(max(0, container.start_time or 0) + (container.duration or 0), av.time_base)


def _others_go_on(container, stream, second: Fraction) -> bool:
    """Whether another stream reaches this second of the file: then it is whole, and its video just ends earlier."""
    if len(container.streams) < 2:
        return False
    try:
        container.seek(max(0, int((second - 1) * av.time_base)))
        for packet in container.demux():
            if packet.stream_index != stream.index and packet.pts is not None:
                if (packet.pts + (packet.duration or 0)) * packet.time_base >= second:
                    return True
    except (av.FFmpegError, OSError):
        pass
    return False
