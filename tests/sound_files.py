"""Video files whose sound has one tone for each channel, and what of it is heard again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from video_files import integers, pattern

from rdvfi_core.video.sound_formats import SoundFormat, sound_frame

FPS = 12
LOW = 100  # hertz, for channels that carry nothing else


def tone(channel: int, name: str = "") -> int:  # hertz
    return LOW if name == "LFE" else 300 + 130 * channel


def tones(layout: str, seconds: float, rate: int, first: float = 0.0) -> np.ndarray:
    """(C, N) floats: a steady tone in each channel, all of them different."""
    at = first + np.arange(round(seconds * rate)) / rate
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    return np.stack([0.3 * np.sin(2 * np.pi * tone(i, name) * at) for i, name in enumerate(names)]).astype(np.float32)


def write_tones(
    path: Path,
    layouts: Sequence[str] = ("stereo",),  # of one sound each
    rate: int = 48000,
    codec: str = "pcm_s16le",
    seconds: float = 1.0,
    first: float = 0.0,  # second at which the file's times begin
    video: tuple[str, str] = ("libx264", "yuv420p"),
    languages: Sequence[str] = (),
    defaults: Sequence[bool] = (),
) -> Path:
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(video[0], rate=FPS)
        pictures.height, pictures.width, pictures.pix_fmt = 64, 64, video[1]
        forms = [SoundFormat(codec, layout, rate) for layout in layouts]
        sounds = [form.add_to(container) for form in forms]
        for sound, language in zip(sounds, languages, strict=False):
            sound.metadata["language"] = language
        for sound, default in zip(sounds, defaults, strict=False):
            sound.disposition = int(default)
        for i in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(integers(pattern(i, 64, 64)), format="rgb24")
            frame.pts, frame.time_base = i + round(first * FPS), Fraction(1, FPS)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        for form, sound in zip(forms, sounds, strict=True):
            block = sound_frame(tones(form.layout, seconds, rate), form.layout, rate, round(first * rate))
            for packet in form.encoded(sound, [block]):
                container.mux(packet)
    return path


def heard(path: Path, place: int = 0) -> tuple[np.ndarray, int, str]:
    """((C, N) floats, rate, layout) of all that a player would play of one sound."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[place]
        layout, rate, count = stream.layout.name, stream.rate, stream.layout.nb_channels
        fit = av.AudioResampler("flt", layout, rate)
        parts = [part for frame in container.decode(stream) for part in fit.resample(frame)]
        blocks = [part.to_ndarray().reshape(-1, count).T for part in (*parts, *fit.resample(None))]
    return np.concatenate(blocks, 1), rate, layout


def loudest(sound: np.ndarray, rate: int) -> list[float]:
    """Hertz of the strongest tone of each channel, 0 for a silent one. sound: (C, N)"""
    padded = 1 << (4 * sound.shape[1]).bit_length()
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.shape[1]), padded))
    silent = np.sqrt((sound**2).mean(1)) < 0.01
    return [0.0 if quiet else float(top) * rate / padded for top, quiet in zip(spectrum.argmax(1), silent, strict=True)]
