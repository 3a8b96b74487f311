"""Image files in, video files and folders of PNGs out. Frames pass one by one: memory does not grow with their number.

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
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

Size = tuple[int, int]  # height, width
VIDEO_SUFFIXES = (".mp4", ".webm", ".gif")
FASTEST_GIF = 50  # a GIF counts in 1/100 s, and viewers slow down what lasts less than 2/100
BT709 = 1  # its number as colour matrix, primaries and transfer, in the standard that all containers share
CAREFUL = (
    0x4 | 0x4000 | 0x40000
)  # swscale's BICUBIC, FULL_CHR_H_INP and ACCURATE_RND, which older PyAV has no names for
DISK_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def read_image(path: str | Path) -> Tensor:  # (3, H, W) float32 in [0, 1]
    """An image file as RGB, upright as its EXIF data says. Transparency is composited on white; grey (8 or 16 bits)
    and palette images become RGB. Colour profiles are not applied, and Pillow reads 16-bit RGB at 8 bits."""
    if not Path(path).is_file():
        raise ValueError(f"{path} is not a file; give an image file.")
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "unknown format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ValueError(f"{path} cannot be read as an image ({reason}); give an intact PNG, JPEG or WebP.") from error
    return torch.from_numpy(_to_rgb(picture)).permute(2, 0, 1).contiguous()


def check_output(path: str | Path, fps: Fraction) -> Path:
    """The absolute path of an output that can be written at this rate, or a ValueError before any work is done."""
    final = Path(path).expanduser().resolve()
    choices = f"use {', '.join(VIDEO_SUFFIXES)}, or no suffix for a folder of PNGs"
    if not final.parent.is_dir():
        raise ValueError(f"The folder {final.parent} does not exist; create it first.")
    if final.is_dir():
        if any(final.iterdir()):
            raise ValueError(f"The folder {path} is not empty; give a new or an empty one, or old files would mix in.")
        return final
    suffix = final.suffix.lower()
    if suffix and suffix not in VIDEO_SUFFIXES:
        raise ValueError(f"{path} ends in {suffix}; {choices}.")
    if not suffix and final.exists():
        raise ValueError(f"{path} is an existing file without a suffix; {choices}.")
    if suffix == ".gif" and fps > FASTEST_GIF:
        raise ValueError(f"A GIF plays at most {FASTEST_GIF} frames per second, not {fps}; lower fps or write .mp4.")
    return final


@contextmanager
def open_writer(path: str | Path, size: Size, fps: Fraction) -> Iterator[FrameWriter]:
    """with open_writer("out.mp4", (height, width), fps) as writer: writer.write(frame)

    .mp4 (H.264), .webm (VP9), .gif, or a folder of 00000.png, 00001.png, ... if the path has no suffix or is a folder.
    Output has exactly the frames' size; H.264 stores odd sides only with full chroma (4:4:4), so they are kept so."""
    final = check_output(path, fps)
    partial_path = final.with_name(f".{final.name}.{os.getpid()}.partial")
    is_folder = final.is_dir() or not final.suffix
    try:
        with _one_sentence(path):
            encoder = _PngFolder(partial_path) if is_folder else _Video(partial_path, final.suffix.lower(), size, fps)
        try:
            yield FrameWriter(encoder, path, size)
            with _one_sentence(path):
                encoder.finish()
        finally:
            encoder.close()
        with _one_sentence(path):
            if final.is_dir():
                final.rmdir()  # it is empty, and not every system renames onto a folder
            partial_path.replace(final)
    finally:
        _remove(partial_path)


class FrameWriter:
    """Takes frames in order; made by `open_writer`."""

    def __init__(self, encoder: _PngFolder | _Video, path: str | Path, size: Size):
        self._encoder, self._path, self._size = encoder, path, size

    def write(self, frame: Tensor) -> None:  # (3, H, W) float in [0, 1]
        if tuple(frame.shape) != (3, *self._size):
            raise ValueError(f"A frame of shape {tuple(frame.shape)} does not fit a video of {(3, *self._size)}.")
        pixels = to_bytes(frame)
        with _one_sentence(self._path):
            self._encoder.add(pixels)


def to_bytes(image: Tensor) -> np.ndarray:
    """(3, H, W) float in [0, 1] -> (H, W, 3) uint8, rounded: what came from 8 bits returns to the same 8 bits."""
    return image.float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()


class _PngFolder:
    def __init__(self, folder: Path):
        self._folder, self._count = folder, 0
        folder.mkdir()

    def add(self, pixels: np.ndarray) -> None:
        Image.fromarray(pixels).save(self._folder / f"{self._count:05d}.png")
        self._count += 1

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Video:
    def __init__(self, file: Path, suffix: str, size: Size, fps: Fraction):
        codec, pixel_format, options = _codec(suffix, size)
        self._time_base, self._count = 1 / fps, 0
        file.touch()  # PyAV opens it only with the first packet: late to learn that the folder is write-protected
        self._container = av.open(str(file), "w", format=suffix[1:])
        self._stream = self._container.add_stream(codec, rate=fps, options=options)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = pixel_format
        if suffix == ".gif":
            self._convert = _palette_converter(size, self._time_base)
        else:
            self._convert = partial(_to_yuv, pixel_format=pixel_format)
            context = self._stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709

    def add(self, pixels: np.ndarray) -> None:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
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


def _codec(suffix: str, size: Size) -> tuple[str, str, dict[str, str]]:
    """Encoder, pixel format and options."""
    if suffix == ".mp4":
        odd = any(side % 2 for side in size)
        return "libx264", "yuv444p" if odd else "yuv420p", {"crf": "16"}
    if suffix == ".webm":
        return "libvpx-vp9", "yuv420p", {"crf": "20", "b": "0", "cpu-used": "4", "row-mt": "1"}
    return "gif", "pal8", {}


def _to_yuv(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """RGB to BT.709 in limited range, as the stream is tagged; swscale alone would take BT.601."""
    return frame.reformat(
        format=pixel_format,
        src_color_range="JPEG",
        dst_color_range="MPEG",
        dst_colorspace="ITU709",
        interpolation=CAREFUL,
    )


def _palette_converter(size: Size, time_base: Fraction) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """RGB to 256 colours chosen for every frame by itself: a palette for all of them would need all of them at once."""
    graph = av.filter.Graph()
    source = graph.add_buffer(height=size[0], width=size[1], format="rgb24", time_base=time_base)
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


def _to_rgb(picture: Image.Image) -> np.ndarray:  # (H, W, 3) float32
    if picture.mode == "F" or picture.mode.startswith("I"):  # one channel: floats, or integers of 16 bits
        grey = np.asarray(picture).astype(np.float32) / (1 if picture.mode == "F" else 65535)
        return np.repeat(grey[..., None], 3, axis=-1)
    if picture.has_transparency_data:
        colour = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    return np.asarray(picture.convert("RGB")).astype(np.float32) / 255


@contextmanager
def _one_sentence(path: str | Path) -> Iterator[None]:
    """A failure to write, said with the output's name and what to do."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        full = error.errno in DISK_FULL
        cure = "make room or write to another disk" if full else "choose another place or another format"
        raise OSError(f"{path} could not be written ({error.strerror or error}); {cure}.") from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
