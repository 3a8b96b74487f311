"""The source's sound, read once from front to back: packets as they are, or samples in one format without gaps."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from .clock import Clock
from .reader import VideoFile
from .sound_formats import SoundFormat, converter, pulled
from .survey import Survey

BLOCK = 16384  # samples
GAP = Fraction(1, 20)  # seconds: a smaller step in the times of the source's sound is jitter


class Changed(ValueError):
    """The stream does not go on as its header says."""


def copied_packets(
    video: VideoFile, survey: Survey, kind: str, index: int, until: Fraction
) -> Iterator[tuple[Fraction, av.Packet]]:
    """(second of the output, packet) of the index-th stream of a kind, "audio" or "subtitles", untouched, at speed 1.
    until: what begins at or after this second of the output is left out."""
    with video.open() as container:
        stream = getattr(container.streams, kind)[index]
        head = None
        for packet in _intact(container, stream, survey):
            if packet.pts is None or not packet.size:
                continue
            if kind == "audio" and stream.codec_context.name == "aac":
                before, head = head, _adts(packet)
                if before not in (None, head):
                    raise Changed("its channels or its rate change")
            second = packet.pts * stream.time_base - survey.start
            if second < until:  # what is before 0 primes the decoder
                yield second, packet


def samples(container, stream, survey: Survey, form: SoundFormat) -> Iterator[np.ndarray]:
    """(C, N) floats without gaps, the first sample with the first picture, whatever format the stream has and changes
    to."""
    heard, start = None, survey.start
    for at, block in _converted(container, stream, survey, form):
        if heard is None:
            heard = min(0, round((at - start) * form.rate)) if at is not None else 0
        lead = round((at - start) * form.rate) - heard if at is not None else 0
        while lead > GAP * form.rate or (lead > 0 and heard == 0):
            silence = np.zeros((form.channels, min(lead, BLOCK)), np.float32)
            heard, lead = heard + silence.shape[1], lead - silence.shape[1]
            yield silence
        if heard < 0:  # it begins before the picture: what is not seen is not heard
            early = min(-heard, block.shape[1])
            block, heard = block[:, early:], heard + early
        heard += block.shape[1]
        if block.shape[1]:
            yield block


def _converted(container, stream, survey: Survey, form: SoundFormat) -> Iterator[tuple[Fraction | None, np.ndarray]]:
    """(second of the file where it is known, (C, N) block). A stream that changes gets another converter."""
    graph, kind = None, None
    for frame in _decoded(container, stream, survey):
        own = frame.layout.name, frame.sample_rate, frame.format.name
        if own != kind:
            if graph is not None:
                graph.push(None)
                yield from ((None, block) for block in pulled(graph, form.channels))
            graph, kind = converter(*own, form.layout, form.rate), own
        at = None if frame.pts is None else frame.pts * frame.time_base
        graph.push(frame)
        for block in pulled(graph, form.channels):
            yield at, block
            at = None
    if graph is not None:
        graph.push(None)
        yield from ((None, block) for block in pulled(graph, form.channels))


def _decoded(container, stream, survey: Survey) -> Iterator[av.AudioFrame]:
    for packet in _intact(container, stream, survey):
        try:
            yield from packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError:
            continue  # the gap that it leaves is filled with silence


def _intact(container, stream, survey: Survey) -> Iterator[av.Packet]:
    """Up to where the file breaks off, which the survey has said; where its times jump, with the film's."""
    packets, clock = container.demux(stream), Clock(len(survey.joints) > 1, survey.joints)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        clock.close(packet)
        yield packet


def _adts(packet: av.Packet) -> tuple[int, int] | None:
    """What the head of an AAC packet of a broadcast says of its kind, rate and channels; a container that says it for
    all of them has packets without."""
    head = bytes(packet)[:4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    return head[2] & 0xFD, head[3] & 0xC0


class Window:
    """Samples by their number, read once from front to back; the last second and a half is kept."""

    def __init__(self, blocks: Iterator[np.ndarray], channels: int):
        self._blocks, self._channels = blocks, channels
        self._held, self._first = np.zeros((channels, 0), np.float32), 0
        self._ended = False

    def read(self, start: int, end: int, keep: int) -> np.ndarray:  # (C, end - start), silent outside the sound
        """keep: no sample before this one will be asked for again."""
        parts = [self._held]
        length = self._first + self._held.shape[1]
        while length < end and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            parts.append(block)
            length += block.shape[1]
        held = np.concatenate(parts, 1) if len(parts) > 1 else self._held
        found = np.zeros((self._channels, end - start), np.float32)
        low, high = max(start, self._first), min(end, length)
        if low < high:
            found[:, low - start : high - start] = held[:, low - self._first : high - self._first]
        drop = min(max(0, keep - self._first), held.shape[1])
        self._held, self._first = held[:, drop:].copy() if drop else held, self._first + drop
        return found
