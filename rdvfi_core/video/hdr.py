"""Static HDR metadata (HDR10): the display that a film was graded on, and its brightest light.

Encoders write them into the stream where FFmpeg's options for them reach; containers have boxes of their own for both,
which PyAV cannot write. Transfer and primaries are no part of this: they are tags, as of any video (`colour`)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from struct import unpack_from

import av

from .side_data import side_data

MASTERING, LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
DYNAMIC = ("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "DOVI_METADATA", "DOVI_RPU_BUFFER")
CHROMATICITY, LUMINANCE = 50000, 10000  # the standard's steps in one, and in a candela per square metre


@dataclass(frozen=True)
class Hdr:
    """What a frame says. `mastering`: x and y (CIE 1931) of red, green, blue and white, then the darkest and the
    brightest light in cd/m^2. `light`: of the brightest pixel and of the brightest frame, in the same unit."""

    mastering: tuple[Fraction, ...] = ()  # 10
    light: tuple[int, ...] = ()  # 2
    dynamic: bool = False  # there is more, frame by frame: HDR10+, Dolby Vision

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Hdr | None:
        found = side_data(frame)
        mastering, light = found.get(MASTERING, b""), found.get(LIGHT, b"")
        levels = unpack_from("=2I", light) if len(light) >= 8 else ()
        hdr = cls(_mastering(mastering), levels, any(name in found for name in DYNAMIC))
        return hdr if hdr != cls() else None


@dataclass(frozen=True)
class HdrOptions:
    """How an encoder is told: `option` is one of FFmpeg's, which holds the encoder's own, joined by colons."""

    option: str
    mastering: str
    light: str
    in_steps: bool = True  # numbers in the standard's steps, else as they are

    def add(self, options: dict[str, str], hdr: Hdr) -> None:
        """To the options of an encoder."""
        said = [options[self.option]] if self.option in options else []
        if hdr.mastering:
            scales = [CHROMATICITY] * 8 + [LUMINANCE] * 2 if self.in_steps else [1] * 10
            steps = [number * scale for number, scale in zip(hdr.mastering, scales, strict=True)]
            red, green, blue, white, (darkest, brightest) = (
                [str(round(step)) if self.in_steps else f"{float(step):.6g}" for step in steps[i : i + 2]]
                for i in range(0, 10, 2)
            )
            named = {"G": green, "B": blue, "R": red, "WP": white, "L": (brightest, darkest)}
            said.append(f"{self.mastering}=" + "".join(f"{name}({a},{b})" for name, (a, b) in named.items()))
        if hdr.light:
            said.append(f"{self.light}={hdr.light[0]},{hdr.light[1]}")
        if said:
            options[self.option] = ":".join(said)


def _mastering(data: bytes) -> tuple[Fraction, ...]:
    """FFmpeg's AVMasteringDisplayMetadata: ten fractions and two flags."""
    if len(data) < 88:
        return ()
    numbers = unpack_from("=22i", data)
    pairs = list(zip(numbers[:20:2], numbers[1:20:2], strict=True))
    if not (numbers[20] and numbers[21] and all(denominator for _, denominator in pairs)):
        return ()  # half of it is worth nothing: encoders take it whole
    return tuple(Fraction(numerator, denominator) for numerator, denominator in pairs)
