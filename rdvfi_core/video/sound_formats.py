"""Which sound a file can hold, found out before anything is rendered: what the containers copy, and the layout and rate
nearest to the source's that an encoder takes. Every answer comes from writing a moment of silence into memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import chain

import av
import numpy as np

COPIED = {  # codecs that a container takes as they are
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_s24be"},
    ".webm": {"opus", "vorbis"},
}
ENCODERS = {".mp4": "aac", ".mov": "aac", ".mkv": "flac", ".webm": "libopus"}
MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".gif": "gif"}
RATES = {"libopus": (48000,)}  # it takes lower ones too, and stores all of them as this one
BIT_RATE = 96_000  # of a channel
# Of FFmpeg's and so many channels without names. More than eight are mostly tracks of their own.
USUAL = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
KNOWN = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")  # to every encoder
ALIKE = {"SL": "BL", "SR": "BR", "DL": "FL", "DR": "FR", "BIL": "FL", "BIR": "FR"}  # speakers that are nearly there


@dataclass(frozen=True)
class SoundFormat:
    """Of an encoder."""

    encoder: str
    layout: str  # FFmpeg's name
    rate: int  # samples a second

    @property
    def channels(self) -> int:
        return av.AudioLayout(self.layout).nb_channels

    def add_to(self, container) -> av.AudioStream:
        """A stream that is open for frames."""
        stream = container.add_stream(self.encoder, rate=self.rate, layout=self.layout)
        if self.encoder != "flac":
            stream.bit_rate = BIT_RATE * self.channels
        stream.codec_context.open()
        return stream

    def encoded(self, stream, frames: Iterable[av.AudioFrame]) -> Iterator[av.Packet]:
        """frames: packed floats of this layout and rate."""
        context = stream.codec_context
        fit = av.AudioResampler(context.format, self.layout, self.rate, frame_size=context.frame_size or 1024)
        for frame in chain(frames, [None]):  # None: what the resampler still holds
            for block in fit.resample(frame):
                yield from stream.encode(block)
        yield from stream.encode(None)


def sound_format(suffix: str, layout: str, rate: int) -> SoundFormat | None:
    """The nearest to the source's layout and rate that goes into the container; None where no layout does."""
    encoder, usual = ENCODERS[suffix], usual_layout(layout)
    nearest = sorted(KNOWN, key=lambda known: _distance(usual, known))
    # PyAV frees twice what describes a layout without a name of its own.
    own = () if "channels" in usual else (usual,)
    for name in dict.fromkeys((*own, *nearest)):
        form = SoundFormat(encoder, name, _rate(encoder, rate))
        if converts(layout, name) and _writes(suffix, form):
            return form
    return None


def usual_layout(layout: str) -> str:
    """A name for channels that have none ("2 channels")."""
    unnamed = re.fullmatch(r"(\d+) channels", layout)
    return USUAL.get(int(unnamed[1]), layout) if unnamed else layout


def converter(source: str, source_rate: int, kind: str, layout: str, rate: int) -> av.filter.Graph:
    """Takes frames of one format (kind: of samples), gives packed floats of `layout` at `rate`. Channels that are mixed
    do not become louder than the loudest."""
    graph = av.filter.Graph()
    base = Fraction(1, source_rate)
    start = graph.add_abuffer(sample_rate=source_rate, format=kind, layout=usual_layout(source), time_base=base)
    resample = graph.add("aresample", f"{rate}:rematrix_maxval=1.0")
    form = graph.add("aformat", f"sample_fmts=flt:channel_layouts={layout}")
    graph.link_nodes(start, resample, form, graph.add("abuffersink")).configure()
    return graph


def pulled(graph: av.filter.Graph, channels: int) -> list[np.ndarray]:
    """(C, N) blocks of packed floats that are ready."""
    blocks = []
    while True:
        try:
            blocks.append(graph.pull().to_ndarray().reshape(-1, channels).T)
        except (av.BlockingIOError, av.EOFError):
            return blocks


def sound_frame(block: np.ndarray, layout: str, rate: int, position: int) -> av.AudioFrame:
    """Of a (C, N) block of floats, packed: PyAV does not count the planes of eight channels."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T).reshape(1, -1), "flt", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
    return frame


@cache
def converts(source: str, layout: str) -> bool:
    """Whether FFmpeg knows how to mix one layout into another."""
    try:
        converter(source, 48000, "flt", layout, 48000)
    except (av.FFmpegError, ValueError):
        return False
    return True


def takes(suffix: str, stream) -> bool:
    """Whether the container holds this stream of another file, as it is."""
    if suffix in COPIED and stream.type == "audio" and stream.codec_context.name not in COPIED[suffix]:
        return False
    try:
        with av.open(BytesIO(), "w", format=MUXERS[suffix]) as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


@cache
def _writes(suffix: str, form: SoundFormat) -> bool:
    """And says afterwards what it is: of the layouts that AAC can describe, decoders name the common ones only."""
    silence = sound_frame(np.zeros((form.channels, form.rate // 4), np.float32), form.layout, form.rate, 0)
    file = BytesIO()
    try:
        with av.open(file, "w", format=MUXERS[suffix]) as container:
            for packet in form.encoded(form.add_to(container), [silence]):
                container.mux(packet)
        with av.open(BytesIO(file.getvalue())) as container:
            return container.streams.audio[0].layout.name == form.layout
    except (av.FFmpegError, ValueError):
        return False


def _rate(encoder: str, rate: int) -> int:
    """The nearest that loses little: the same, the next higher one, or half of it and so on."""
    rates = RATES.get(encoder) or av.codec.Codec(encoder, "w").audio_rates
    if not rates or rate in rates:
        return rate
    higher = [known for known in rates if known > rate]
    even = [known for known in rates if rate % known == 0]
    return min(higher) if higher else max(even or rates)


def _distance(source: str, target: str) -> tuple[int, int, int]:
    """Channels that have to be mixed into others, those that stay silent, and of two that are alike the richer one."""
    there = {channel.name for channel in av.AudioLayout(target).channels}
    named = {channel.name for channel in av.AudioLayout(source).channels}
    wanted = {name if name in there or ALIKE.get(name) in named else ALIKE.get(name, name) for name in named}
    return len(wanted - there), len(there - wanted) if wanted & there else 0, -len(there)
