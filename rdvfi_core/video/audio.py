"""The source's sound for the output's times: its packets as they are where the speed is 1, or samples stretched with
their pitch kept, by FFmpeg's atempo.

A changing speed is followed in pieces of constant speed, a quarter of a second each, cross-faded into each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from .reader import Survey, VideoFile
from .timemap import Piece, TimeMap

CHOICES = ("auto", "stretch", "drop")
PLEASANT = (Fraction(1, 4), Fraction(4))  # speeds at which stretched sound is still worth hearing: "auto" drops others
AUDIBLE = (Fraction(1, 16), Fraction(16))  # beyond these a piece is silent
COPIED = {  # codecs that a container takes as they are
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_s24be"},
    ".webm": {"opus", "vorbis"},
}
ENCODERS = {".mp4": "aac", ".mov": "aac", ".mkv": "flac", ".webm": "libopus"}
OPUS_RATE = 48000
BLOCK = 16384  # samples
FADE = 512  # samples of the cross-fade between two pieces
GAP = Fraction(1, 20)  # seconds: a smaller step in the times of the source's sound is jitter


def can_copy(codec: str, suffix: str) -> bool:
    return suffix == ".mkv" or codec in COPIED.get(suffix, ())


def copied_packets(
    video: VideoFile, survey: Survey, kind: str, index: int, until: Fraction
) -> Iterator[tuple[Fraction, av.Packet]]:
    """(second of the output, packet) of the index-th stream of a kind, "audio" or "subtitles", untouched, at speed 1.
    until: what begins at or after this second of the output is left out."""
    with video.open() as container:
        stream = getattr(container.streams, kind)[index]
        for packet in _intact(container, stream):
            if packet.pts is None or not packet.size:
                continue
            second = packet.pts * stream.time_base - survey.start
            if second < until:  # what is before 0 primes the decoder
                yield second, packet


def stretched_frames(
    video: VideoFile, survey: Survey, index: int, time_map: TimeMap, rate: int
) -> Iterator[av.AudioFrame]:
    """Exactly the output's duration, in floats, at `rate` samples a second."""
    with video.open() as container:
        stream = container.streams.audio[index]
        layout = stream.codec_context.layout.name
        channels = stream.codec_context.layout.nb_channels
        window = _Window(_samples(container, stream, survey.start, rate, layout, channels), channels)
        position = 0
        for block in _joined(window, time_map.pieces(), rate, layout):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
            position += block.shape[1]
            yield frame


def _samples(container, stream, start: Fraction, rate: int, layout: str, channels: int) -> Iterator[np.ndarray]:
    """(C, N) blocks without gaps, the first sample at second `start` of the file."""
    resampler, heard = av.AudioResampler(format="fltp", layout=layout, rate=rate), None
    for packet in _intact(container, stream):
        try:
            frames = packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError:
            continue  # the gap that it leaves is filled with silence
        for frame in frames:
            at = None if frame.pts is None else frame.pts * frame.time_base - start
            for part in resampler.resample(frame):
                block = part.to_ndarray()
                if heard is None:
                    heard = min(0, round(at * rate)) if at is not None else 0
                lead = round(at * rate) - heard if at is not None else 0
                while lead > GAP * rate or (lead > 0 and heard == 0):
                    silence = np.zeros((channels, min(lead, BLOCK)), np.float32)
                    heard, lead = heard + silence.shape[1], lead - silence.shape[1]
                    yield silence
                at = None
                if heard < 0:  # it begins before the picture: what is not seen is not heard
                    early = min(-heard, block.shape[1])
                    block, heard = block[:, early:], heard + early
                heard += block.shape[1]
                if block.shape[1]:
                    yield block


def _intact(container, stream) -> Iterator[av.Packet]:
    """Up to where the file breaks off, which the survey has said."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        yield packet


class _Window:
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


def _joined(window: _Window, pieces: Iterable[Piece], rate: int, layout: str) -> Iterator[np.ndarray]:
    """Blocks of the output's sound. Each piece is made a little too long, and its excess fades into the next one."""
    up = np.linspace(0, 1, FADE, endpoint=False, dtype=np.float32)
    excess = None
    for piece in pieces:
        count = round(piece.end * rate) - round(piece.start * rate)
        made, over = 0, []
        for block in _exactly(_piece(window, piece, rate, layout), count + FADE if count else 0, BLOCK):
            if excess is not None:
                faded = min(FADE, block.shape[1])
                block[:, :faded] = block[:, :faded] * up[:faded] + excess[:, :faded] * (1 - up[:faded])
                excess = None
            if made < count:
                yield block[:, : count - made]
            over.append(block[:, max(0, count - made) :])
            made += block.shape[1]
        if over:
            excess = np.concatenate(over, 1)


def _piece(window: _Window, piece: Piece, rate: int, layout: str) -> Iterator[np.ndarray]:
    """At constant speed, for as long as it is asked."""
    position, speed = round(piece.source_start * rate), piece.speed
    channels = window.read(0, 0, 0).shape[0]
    if not AUDIBLE[0] <= speed <= AUDIBLE[1]:
        while True:
            yield np.zeros((channels, BLOCK), np.float32)
    if speed == 1:
        while True:
            yield window.read(position, position + BLOCK, position)
            position += BLOCK
    graph, lead = _tempo(float(speed), rate, layout)
    position -= lead
    pts = 0
    while True:
        block = window.read(position, position + BLOCK, position - rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
        graph.push(frame)
        position, pts = position + BLOCK, pts + BLOCK
        while True:
            try:
                yield graph.pull().to_ndarray()
            except (av.BlockingIOError, av.EOFError):
                break


def _tempo(speed: float, rate: int, layout: str) -> tuple[av.filter.Graph, int]:
    """A chain of atempo filters, each between 0.5 and 2, and by how many source samples its output runs ahead: between
    none (a steady tone) and half a window (silence with a click in it) for each filter, so a quarter is taken."""
    stages = max(1, math.ceil(abs(math.log2(speed)) - 1e-9))
    factor = speed ** (1 / stages)
    graph = av.filter.Graph()
    last = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate))
    quarter, lead = 2 ** math.ceil(math.log2(rate / 24)) / 4, 0.0
    for stage in range(stages):
        tempo = graph.add("atempo", f"{factor:.9f}")
        last.link_to(tempo)
        last = tempo
        lead += quarter * factor**stage
    last.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph, round(lead)


def _exactly(blocks: Iterator[np.ndarray], count: int, least: int) -> Iterator[np.ndarray]:
    """The first `count` samples, in blocks of at least `least` where there are so many."""
    waiting, held = [], 0
    for block in blocks if count else ():
        waiting.append(block)
        held += block.shape[1]
        if held >= min(count, least):
            joined = np.concatenate(waiting, 1)[:, :count]
            count, waiting, held = count - joined.shape[1], [], 0
            yield joined
            if not count:
                return
