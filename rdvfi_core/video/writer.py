"""Frames into a file or a folder of PNGs, one by one, encoded in a thread.

Output is written under another name beside its final one and renamed when it is complete: a run that fails or is
interrupted leaves nothing under the final name."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from torch import Tensor

from ..files import beside
from .colour import PLANAR, Colour, tag, to_rgb, to_stored
from .formats import Format, Size, check_output, choose_format, suffix_of
from .sound_formats import MUXERS
from .threads import Behind, waiting

DISK_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
HVC1 = "hvc1"  # the kind of HEVC that Apple's players insist on
IMAGE_NAME = "{:05d}.png"


@contextmanager
def open_writer(path: str | Path, size: Size, fps: Fraction) -> Iterator[FrameWriter]:
    """with open_writer("out.mp4", (height, width), fps) as writer: writer.write(frame)

    .mp4, .mov and .mkv (H.264), .webm (VP9), .gif, or a folder of 00000.png, 00001.png, ... if the path has no suffix
    or is a folder. Output has exactly the frames' size; H.264 stores odd sides only with full chroma (4:4:4), so they
    are kept so."""
    final = check_output(path, fps)
    form = choose_format(suffix_of(final), size)
    with complete_or_nothing(final, path) as partial_path, FrameWriter(partial_path, form, size, fps, path) as writer:
        yield writer


@contextmanager
def complete_or_nothing(final: Path, name: str | Path) -> Iterator[Path]:
    """A path beside `final` to write to, which becomes `final` if all goes well, and is removed if not. name: what the
    user knows it by."""
    partial_path = beside(final, f".{os.getpid()}.partial")
    try:
        yield partial_path
        with one_sentence(name):
            if final.is_dir():
                final.rmdir()  # it is empty, and not every system renames onto a folder
            partial_path.replace(final)
    finally:
        remove(partial_path)


class FrameWriter:
    """Takes frames in order and at a constant rate; exact times of another kind come in when files are joined."""

    def __init__(
        self,
        path: Path,
        form: Format,
        size: Size,
        fps: Fraction,
        name: str | Path | None = None,  # what the user knows the file by
        colour: Colour | None = None,
        aspect: Fraction = Fraction(1),  # of a pixel
    ):
        self._name, self._shape, self._bits = name or path, (4 if form.alpha else 3, *size), form.bits
        kind = _Video if form.suffix else _PngFolder
        with one_sentence(self._name):
            self._encoder = kind(path, form, size, fps, colour or Colour(), aspect)
        self._thread = Behind(self._encode, waiting())

    def write(self, frame: Tensor) -> None:  # (3, H, W) float in [0, 1], (4, H, W) for a format with alpha
        if tuple(frame.shape) != self._shape:
            raise ValueError(f"A frame of shape {tuple(frame.shape)} does not fit a video of {self._shape}.")
        with one_sentence(self._name):
            self._thread.put(frame)

    def _encode(self, frame: Tensor) -> None:
        self._encoder.add(to_rgb(frame, self._bits))

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if kind is None:
                with one_sentence(self._name):
                    self._thread.finish()
                    self._encoder.finish()
        finally:
            self._thread.close()
            self._encoder.close()


class _PngFolder:
    def __init__(self, folder: Path, form: Format, size: Size, fps: Fraction, colour: Colour, aspect: Fraction):
        self._folder, self._count = folder, 0
        self._context = av.CodecContext.create(form.encoder, "w")
        self._context.height, self._context.width = size
        self._context.pix_fmt, self._context.time_base = form.pixel_format, 1 / fps
        folder.mkdir()

    def add(self, frame: av.VideoFrame) -> None:
        frame.pts = self._count
        for packet in self._context.encode(frame.reformat(format=self._context.pix_fmt)):
            (self._folder / IMAGE_NAME.format(self._count)).write_bytes(bytes(packet))
        self._count += 1

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Video:
    def __init__(self, file: Path, form: Format, size: Size, fps: Fraction, colour: Colour, aspect: Fraction):
        self._time_base, self._count = 1 / fps, 0
        file.touch()  # PyAV opens it only with the first packet: late to learn that the folder is write-protected
        self._container = av.open(str(file), "w", format=MUXERS[form.suffix])
        self._stream = self._container.add_stream(form.encoder, rate=fps, options=dict(form.options))
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = form.pixel_format
        context = self._stream.codec_context
        context.time_base = self._time_base
        if aspect != 1:
            context.sample_aspect_ratio = aspect
        if form.pixel_format == "pal8":
            self._convert = _palette_converter(size, form.alpha, self._time_base)
        elif form.codec.rgb:
            # Viewers show a plain PNG alike, but not one whose tags they make what they like of.
            tagged = colour if colour.is_hdr or form.codec.name != "png" else None
            if tagged is not None:
                context.color_primaries, context.color_trc = tagged.primaries, tagged.transfer
            self._convert = partial(_reformat, pixel_format=form.pixel_format, colour=tagged)
        else:
            stored = colour.stored()
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = stored.tags
            self._convert = partial(to_stored, pixel_format=form.pixel_format, colour=stored)
        if form.codec.name == "hevc" and form.suffix != ".mkv":
            context.codec_tag = HVC1

    def add(self, frame: av.VideoFrame) -> None:
        frame.pts, frame.time_base = self._count, self._time_base
        self._container.mux(self._stream.encode(self._convert(frame)))
        self._count += 1

    def finish(self) -> None:
        self._container.mux(self._stream.encode())
        self._container.close()

    def close(self) -> None:
        """Lets go of the file, whatever state it is in; after `finish` there is nothing left to do."""
        with suppress(OSError, av.FFmpegError):
            self._container.close()


def _reformat(frame: av.VideoFrame, pixel_format: str, colour: Colour | None) -> av.VideoFrame:
    stored = frame.reformat(format=pixel_format)
    return stored if colour is None else tag(stored, colour)


def _palette_converter(size: Size, alpha: bool, time_base: Fraction) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """RGB to 256 colours chosen for every frame by itself: a palette for all of them would need all of them at once.
    Where there is alpha, one of them is transparent."""
    graph = av.filter.Graph()
    source = graph.add_buffer(height=size[0], width=size[1], format=PLANAR[8, alpha], time_base=time_base)
    copies, sink = graph.add("split"), graph.add("buffersink")
    palette, paint = graph.add("palettegen", "stats_mode=single"), graph.add("paletteuse", "new=1")
    source.link_to(copies)
    copies.link_to(palette, 0, 0)
    copies.link_to(paint, 1, 0)
    palette.link_to(paint, 0, 1)
    paint.link_to(sink)
    graph.configure()

    def convert(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        return graph.pull()

    return convert


@contextmanager
def one_sentence(path: str | Path) -> Iterator[None]:
    """A failure to write, said with the output's name and what to do."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        if isinstance(error, WriteError):
            raise
        full = error.errno in DISK_FULL
        cure = "make room or write to another disk" if full else "choose another place or another format"
        raise WriteError(f"{path} could not be written ({error.strerror or error}); {cure}.") from error


class WriteError(OSError):
    """Output that could not be written; the message is the whole sentence."""


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
