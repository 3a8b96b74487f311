"""Frames out of packets, whatever state the file is in: what cannot be decoded is counted and left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from .clock import Clock, Joint, may_jump

TINY = 8  # bytes: a smaller packet holds the place of a frame that came with the one before, or of none
# Decoders that look at the alpha layer of a WebM; the usual ones do not.
LIVE_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

WHOLE = (("bwdif", "send_frame:auto:interlaced"),)


@dataclass
class Damage:
    """What went wrong on the way through a file."""

    time_base: Fraction = Fraction(1)
    length: int = 0  # ticks, of the last frame
    promised: int = 0  # frames, by the header
    packets: int = 0
    discarded: int = 0  # packets that the container itself marks as not shown
    undecodable: int = 0
    corrupt: int = 0
    backward: int = 0
    cut_short: bool = False
    counted: bool = False  # frames have no times of their own
    in_order: bool = False  # frames have the times of packets, which come in another order
    interlaced: int = 0  # frames that are marked as two fields
    may_be_telecine: bool = False  # by the rate
    joints: Sequence[Joint] = ()  # where its times jump; the first one is its beginning
    transparent: bool = False  # of a GIF, whose format does not tell

    def notes(self, name: str) -> list[str]:
        found = []
        if self.undecodable:
            found.append(f"{name}: {self.undecodable} damaged pieces were left out.")
        if self.corrupt:
            found.append(f"{name}: {self.corrupt} frames are damaged and used as they are.")
        if self.backward:
            found.append(f"{name}: {self.backward} frames that go back in time were left out.")
        if self.cut_short:
            found.append(f"{name} breaks off; what comes before is used.")
        if len(self.joints) > 1:
            found.append(f"{name}: its times jump at {len(self.joints) - 1} places; they go on without a gap.")
        return found


def decoder_of(stream) -> Callable:
    name = LIVE_ALPHA.get(stream.codec_context.name)
    if name and stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
        return av.CodecContext.create(name, "r").decode
    stream.thread_type = "AUTO"
    return stream.codec_context.decode


def deinterlaced(
    frames: Iterable[tuple[int, av.VideoFrame]], telecine: str = ""
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(tick, frame) for (tick, frame): frames that are marked as two fields become the picture at the first one's time,
    by FFmpeg's bwdif, which also looks at the frame before and the one after. telecine: its order of fields; those of
    one frame of the film are put together first, and what is still combed then is left to bwdif."""
    matched = (("fieldmatch", f"order={telecine}:mode=pc:combmatch=full"),) if telecine else ()
    graph, shape, ticks = None, None, deque()

    def finished() -> Iterator[tuple[int, av.VideoFrame]]:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield ticks.popleft(), frame

    for tick, frame in frames:
        if shape != (frame.width, frame.height, frame.format.name):  # a stream may change in the middle
            if graph is not None:
                graph.push(None)
                yield from finished()
            shape = frame.width, frame.height, frame.format.name
            graph = _deinterlacer(*shape, frame.time_base, (*matched, *WHOLE))
        ticks.append(tick)
        frame.pts = tick
        graph.push(frame)
        yield from finished()
    if graph is not None:
        graph.push(None)
        yield from finished()


def _deinterlacer(width: int, height: int, pixel_format: str, time_base: Fraction, filters) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=time_base)
    graph.link_nodes(source, *(graph.add(*each) for each in filters), graph.add("buffersink")).configure()
    return graph


def decoded(container, stream, decode: Callable, seen: Damage) -> Iterator[av.VideoFrame]:
    clock = Clock(may_jump(container))
    seen.joints = clock.joints
    # AVI says when packets are decoded, and not when frames are shown: in the same order, at the same times.
    seen.in_order = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
    times: deque[int] = deque()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError):
            seen.cut_short = True
            packet = None  # what the decoder still holds
        if packet is not None:
            clock.close(packet)
            seen.packets += packet.size > TINY
            seen.discarded += packet.is_discard and packet.size > TINY
            if seen.in_order and packet.size and packet.dts is not None:
                times.append(packet.dts)
        try:
            for frame in decode(packet if packet is None or packet.size else None):
                if times:
                    frame.pts = times.popleft()
                yield frame
        except av.EOFError:
            return
        except av.FFmpegError:
            seen.undecodable += 1
            if times:
                times.pop()
        if packet is None:
            return
