"""Codecs, containers, pixel formats and qualities as data, and the choice among them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av

from ..files import check_name
from .hdr import Hdr, HdrOptions

Size = tuple[int, int]  # height, width
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".gif")
QUALITIES = ("draft", "good", "high", "best")
FASTEST_GIF = 50  # a GIF counts in 1/100 s, and viewers slow down what lasts less than 2/100
CHOICES = f"use {', '.join(SUFFIXES)}, or no suffix for a folder of PNGs"


@dataclass(frozen=True)
class Codec:
    """What a codec can carry and how FFmpeg is asked for it."""

    name: str
    encoder: str  # FFmpeg's software encoder
    suffixes: tuple[str, ...]  # "" is a folder of images
    pixels: dict[tuple[int, bool], str]  # (bits, alpha) -> pixel format; what is missing the codec does not carry
    odd: dict[int, str] = field(default_factory=dict)  # bits -> pixel format where a side is odd, if another is needed
    options: dict[str, str] = field(default_factory=dict)
    rate: str = ""  # the option that sets the quality; none for a lossless codec
    rates: tuple[str, str, str, str] = ("", "", "", "")  # its values in the order of QUALITIES
    hardware: dict[str, str] = field(default_factory=dict)  # encoder -> its option for a quality, same values as `rate`
    rgb: bool = False  # stored as RGB, not as luma and chroma
    hdr: HdrOptions | None = None  # none for a codec whose stream has no place for it


_NVENC, _QSV, _VAAPI, _TOOLBOX = "cq", "global_quality", "qp", "q"
CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            "libx264",
            (".mp4", ".mov", ".mkv"),
            {(8, False): "yuv420p", (10, False): "yuv420p10le"},
            odd={8: "yuv444p", 10: "yuv444p10le"},
            options={"preset": "veryfast"},
            rate="crf",
            rates=("27", "20", "15", "9"),
            hardware={"h264_nvenc": _NVENC, "h264_qsv": _QSV, "h264_videotoolbox": _TOOLBOX, "h264_vaapi": _VAAPI},
            hdr=HdrOptions("x264-params", "mastering-display", "cll"),
        ),
        Codec(
            "hevc",
            "libx265",
            (".mp4", ".mov", ".mkv"),
            {(8, False): "yuv420p", (10, False): "yuv420p10le"},
            odd={8: "yuv444p", 10: "yuv444p10le"},
            options={"x265-params": "log-level=error"},
            rate="crf",
            rates=("30", "24", "18", "12"),
            hardware={"hevc_nvenc": _NVENC, "hevc_qsv": _QSV, "hevc_videotoolbox": _TOOLBOX, "hevc_vaapi": _VAAPI},
            hdr=HdrOptions("x265-params", "master-display", "max-cll"),
        ),
        Codec(
            "av1",
            "libsvtav1",
            (".mp4", ".webm", ".mkv"),
            {(8, False): "yuv420p", (10, False): "yuv420p10le"},
            options={"preset": "8"},
            rate="crf",
            rates=("45", "34", "24", "14"),
            hardware={"av1_nvenc": _NVENC, "av1_qsv": _QSV, "av1_vaapi": _VAAPI},
            hdr=HdrOptions("svtav1-params", "mastering-display", "content-light", in_steps=False),
        ),
        Codec(
            "vp9",
            "libvpx-vp9",
            (".webm", ".mkv", ".mp4"),
            {(8, False): "yuv420p", (8, True): "yuva420p"},
            options={"b": "0", "cpu-used": "4", "row-mt": "1"},
            rate="crf",
            rates=("40", "30", "20", "10"),
        ),
        Codec(
            "prores",
            "prores_ks",
            (".mov", ".mkv"),
            {(10, False): "yuv422p10le", (10, True): "yuva444p10le"},
            rate="profile",
            rates=("lt", "standard", "hq", "hq"),
        ),
        Codec(
            "ffv1",
            "ffv1",
            (".mkv",),
            {(8, False): "bgr0", (8, True): "bgra", (16, False): "gbrp16le", (16, True): "gbrap16le"},
            options={"level": "3", "slicecrc": "1", "slices": "4", "g": "1"},
            rgb=True,
        ),
        Codec(
            "png",
            "png",
            ("",),
            {(8, False): "rgb24", (8, True): "rgba", (16, False): "rgb48be", (16, True): "rgba64be"},
            rgb=True,
        ),
        Codec("gif", "gif", (".gif",), {(8, False): "pal8", (8, True): "pal8"}, rgb=True),
    )
}
PREFERRED = {".mp4": "h264", ".mov": "h264", ".mkv": "h264", ".webm": "vp9", ".gif": "gif", "": "png"}
PREFERRED_DEEP = {".mp4": "hevc", ".mov": "hevc", ".mkv": "hevc", ".webm": "av1"}
PREFERRED_ALPHA = {".mov": "prores", ".mkv": "ffv1", ".webm": "vp9"}


@dataclass(frozen=True)
class Format:
    """A choice that has been checked: this encoder exists here and takes these frames."""

    codec: Codec
    suffix: str
    encoder: str
    pixel_format: str
    options: tuple[tuple[str, str], ...]
    bits: int  # of the frames that go in: 8, or more
    alpha: bool
    notes: tuple[str, ...] = ()  # what of the source is not carried, in sentences

    def describe(self) -> str:
        return f"{self.codec.name} ({self.encoder}, {self.pixel_format})"


def choose_format(
    suffix: str,  # of the file, "" for a folder
    size: Size,
    codec: str = "auto",
    quality: str = "high",
    bits: int = 8,  # of the source
    alpha: bool = False,
    hardware: bool = False,
    hdr: Hdr | None = None,  # of the source
) -> Format:
    """The codec that is asked for, or the one that suits the container and the source; as many of the source's bits,
    its alpha and its HDR metadata as it carries. hardware: an encoder on the GPU where one is present, opens, and loses
    nothing of these."""
    if quality not in QUALITIES:
        raise ValueError(f"The quality is {quality!r}; use one of {', '.join(QUALITIES)}.")
    chosen = codec_for(suffix, codec, bits, alpha)
    depths = sorted({depth for depth, _ in chosen.pixels})
    kept = next((depth for depth in depths if depth >= bits), depths[-1])
    with_alpha = alpha and (kept, True) in chosen.pixels
    notes = []
    if alpha and not with_alpha:
        notes.append(
            f"{chosen.name} has no alpha channel: what is transparent becomes white (prores, ffv1, vp9, gif and png "
            "carry it)"
        )
    elif alpha and chosen.name == "gif":
        notes.append("gif has no half transparency: what is less than half opaque becomes transparent, the rest opaque")
    if kept < bits:
        notes.append(f"{chosen.name} keeps {kept} of the source's {bits} bits per channel")
    pixels = chosen.pixels[kept, with_alpha]
    is_odd = any(side % 2 for side in size)
    if is_odd and not with_alpha:
        pixels = chosen.odd.get(kept, pixels)
    level = QUALITIES.index(quality)
    options = dict(chosen.options)
    if chosen.rate:
        options[chosen.rate] = chosen.rates[level]
    if chosen.name == "prores" and with_alpha:
        options["profile"] = "4444"
    encoder = chosen.encoder
    static = hdr is not None and bool(hdr.mastering or hdr.light)
    if static and chosen.hdr is not None:
        chosen.hdr.add(options, hdr)
    elif static:
        notes.append(
            f"{chosen.name} does not carry how the source was graded (mastering display, light level): HDR screens "
            f"will guess it ({', '.join(name for name, codec in CODECS.items() if codec.hdr)} carry it)"
        )
    if hdr is not None and hdr.dynamic:
        notes.append("HDR metadata of single frames (HDR10+, Dolby Vision) is left out: it does not fit other frames")
    if hardware and not is_odd and not static:
        for name, rate in chosen.hardware.items():
            tuned = {rate: chosen.rates[level]}
            pixel = "p010le" if kept > 8 else "yuv420p"
            if opens(name, size, pixel, tuple(tuned.items())):
                encoder, options, pixels = name, tuned, pixel
                break
    if not opens(encoder, size, pixels, tuple(options.items())):
        raise ValueError(
            f"{chosen.name} cannot be written here: FFmpeg's encoder {encoder} is missing or refuses "
            f"{size[1]}x{size[0]} {pixels}; choose another codec."
        )
    return Format(
        chosen, suffix, encoder, pixels, tuple(options.items()), 8 if kept == 8 else 16, with_alpha, tuple(notes)
    )


def codec_for(suffix: str, codec: str = "auto", bits: int = 8, alpha: bool = False) -> Codec:
    """The one of this name, or the one that suits a container; ValueError where it does not go into that."""
    if codec != "auto" and codec not in CODECS:
        raise ValueError(f"The codec {codec!r} is not supported; use one of {', '.join(CODECS)}.")
    if suffix and suffix not in SUFFIXES:
        raise ValueError(f"The suffix {suffix} is not supported; {CHOICES}.")
    chosen = CODECS[_preferred(suffix, bits, alpha) if codec == "auto" else codec]
    if suffix not in chosen.suffixes:
        places = " or ".join(place or "a folder without a suffix" for place in chosen.suffixes)
        raise ValueError(f"{chosen.name} does not go into {suffix or 'a folder'}; write it to {places}.")
    return chosen


def _preferred(suffix: str, bits: int, alpha: bool) -> str:
    if alpha and suffix in PREFERRED_ALPHA:
        return PREFERRED_ALPHA[suffix]
    return (PREFERRED_DEEP if bits > 8 else PREFERRED).get(suffix, PREFERRED[suffix])


@cache
def opens(encoder: str, size: Size, pixel_format: str, options: tuple[tuple[str, str], ...]) -> bool:
    """Whether a frame goes through: an encoder may be listed and yet need a driver or a chip that is not there."""
    if encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only: it prints two dozen lines for every file otherwise
    try:
        context = av.CodecContext.create(encoder, "w")
        context.height, context.width = size
        context.pix_fmt, context.options = pixel_format, dict(options)
        context.framerate, context.time_base = Fraction(24), Fraction(1, 24)
        frame = av.VideoFrame(size[1], size[0], pixel_format)
        frame.pts = 0
        return bool(list(context.encode(frame)) + list(context.encode(None)))
    except (av.FFmpegError, OSError, ValueError, NotImplementedError):
        return False


def check_output(path: str | Path, fps: Fraction) -> Path:
    """The absolute path of an output that can be written at this rate, or a ValueError before any work is done."""
    final = Path(path).expanduser().resolve()
    if not final.parent.is_dir():
        raise ValueError(f"The folder {final.parent} does not exist; create it first.")
    check_name(final)
    if not os.access(final.parent, os.W_OK):
        raise ValueError(f"Nothing can be written into the folder {final.parent}; choose another one.")
    if final.is_dir():
        if any(final.iterdir()):
            raise ValueError(f"The folder {path} is not empty; give a new or an empty one, or old files would mix in.")
        return final
    suffix = final.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise ValueError(f"{path} ends in {suffix}; {CHOICES}.")
    if not suffix and final.exists():
        raise ValueError(f"{path} is an existing file without a suffix; {CHOICES}.")
    if suffix == ".gif" and fps > FASTEST_GIF:
        raise ValueError(f"A GIF plays at most {FASTEST_GIF} frames per second, not {fps}; lower fps or write .mp4.")
    return final


def suffix_of(final: Path) -> str:
    """ "" for a folder, which a path with a suffix may be, if it exists."""
    return "" if final.is_dir() else final.suffix.lower()
