"""Video files made by code, with pictures, times and sounds that are known, and a renderer that needs no networks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from rdvfi_core.video.clip import FileClip
from rdvfi_core.video.colour import to_integers
from rdvfi_core.video.convert import Choices, convert, make_job
from rdvfi_core.video.parts import render_part
from rdvfi_core.video.reader import VideoFile

RATE = 48000
LOSSLESS = {"codec": "ffv1", "pixel_format": "bgr0", "options": {}}
CLICK = 240  # samples: 5 ms of 4 kHz


def pattern(index: float, height: int = 64, width: int = 96, shift: float = 2.0) -> np.ndarray:
    """(height, width, 3) floats in [0, 1]: a smooth texture that moves right by `shift` pixels a frame."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    x = x - shift * index
    waves = [np.sin(x / 5 + y / 9), np.cos(y / 6 - x / 8), np.sin((x + 2 * y) / 11)]
    return np.stack(waves, -1) * 0.35 + 0.5


def integers(pixels: np.ndarray, bits: int = 8) -> np.ndarray:
    top, kind = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    return np.round(np.clip(pixels, 0, 1) * top).astype(kind)


def clicks(seconds: float, at: Sequence[float], rate: int = RATE, hum: float = 0.0) -> np.ndarray:
    """(1, N) float32: short bursts that start at these seconds, over a hum of 220 Hz."""
    samples = np.arange(int(seconds * rate))
    sound = hum * np.sin(2 * np.pi * 220 * samples / rate)
    burst = 0.9 * np.sin(2 * np.pi * 4000 * np.arange(CLICK) / rate)
    for second in at:
        start = int(second * rate)
        sound[start : start + CLICK] = burst[: max(0, len(sound) - start)]
    return sound.astype(np.float32)[None]


def write(
    path: Path,
    frames: Sequence[np.ndarray],  # (H, W, 3 or 4), floats in [0, 1]
    fps: Fraction = Fraction(24),
    ticks: Sequence[int] | None = None,  # times in 1/1000 s instead of a constant rate
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: np.ndarray | None = None,  # (1, N) at RATE
    sound_codec: str = "aac",
    rotation: int = 0,
    matrix_shown: Sequence[int] | None = None,  # FFmpeg's display matrix, nine numbers
    full_range: bool = False,
    matrix: int = 1,
    metadata: dict[str, str] | None = None,
    bits: int = 8,
    primaries: int = 2,  # unspecified
    transfer: int = 2,
    fields: str = "",  # "tff" or "bff": frames are marked as two fields, the upper or the lower one first
) -> Path:
    kind = {(8, 3): "rgb24", (8, 4): "rgba", (16, 3): "rgb48le", (16, 4): "rgba64le"}[bits, frames[0].shape[-1]]
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=fps, options=options or {"crf": "8", "g": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base = 1 / fps if ticks is None else Fraction(1, 1000)
        planar = pixel_format.startswith("yuv")
        if planar:
            context.colorspace, context.color_range = matrix, 2 if full_range else 1
            context.color_primaries, context.color_trc = primaries, transfer
        if (rotation or matrix_shown is not None) and not hasattr(stream, "set_display_matrix"):
            pytest.skip("PyAV writes what turns a picture from 18.1 on")
        if rotation:
            stream.set_display_rotation(rotation)
        if matrix_shown is not None:
            stream.set_display_matrix(matrix_shown)
        size = stream.height, stream.width
        mark = setfield(*size, pixel_format, context.time_base, fields) if fields else None
        audio = container.add_stream(sound_codec, rate=RATE, layout="mono") if sound is not None else None
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(integers(pixels, bits), format=kind)
            if planar:
                frame = frame.reformat(
                    format=pixel_format,
                    src_color_range=2,
                    dst_color_range=2 if full_range else 1,
                    dst_colorspace={1: 1, 6: 5, 9: 9}[matrix],
                    interpolation=0x4 | 0x2000 | 0x4000 | 0x40000,
                )
            frame.pts, frame.time_base = i if ticks is None else ticks[i], context.time_base
            container.mux(stream.encode(mark(frame) if mark else frame))
        container.mux(stream.encode())
        if audio is not None:
            put_sound(container, audio, sound)
    return path


def setfield(height: int, width: int, pixel_format: str, time_base: Fraction, fields: str):
    """PyAV shows these flags of a frame, but has FFmpeg's filter write them."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=time_base)
    graph.link_nodes(source, graph.add("setfield", fields), graph.add("buffersink")).configure()

    def mark(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        return graph.pull()

    return mark


def put_sound(container, stream, sound: np.ndarray) -> None:
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=RATE, frame_size=size)
    frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(part))
    container.mux(stream.encode())


def read_sound(path: Path) -> tuple[np.ndarray, float]:
    """((N,) floats, seconds at which the first of them is heard), of the first audio stream."""
    with av.open(str(path)) as container:
        parts, start = [], None
        for frame in container.decode(audio=0):
            start = frame.time if start is None else start
            parts.append(frame.to_ndarray() if frame.format.is_planar else frame.to_ndarray().reshape(1, -1))
        rate = container.streams.audio[0].rate
    sound = np.concatenate(parts, -1).astype(float).mean(0)
    assert rate == RATE
    return sound / max(1e-9, np.abs(sound).max()), start


def bursts(sound: np.ndarray, start: float = 0.0) -> list[float]:
    """Seconds at which something loud begins."""
    loud = np.flatnonzero(np.abs(sound) > 0.4)
    firsts = [index for i, index in enumerate(loud) if i == 0 or index - loud[i - 1] > RATE // 20]
    return [start + index / RATE for index in firsts]


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def decoded(path: Path | VideoFile) -> np.ndarray:  # (T, H, W, 3 or 4) uint8, upright
    video = path if isinstance(path, VideoFile) else VideoFile(path)
    survey, _ = video.survey()
    with video.frames(survey) as frames:
        return np.stack([to_integers(frame) for frame in frames])


class CrossFade:
    """Stands for `Interpolator` and counts the pairs that it is given."""

    def __init__(self):
        self.fitted = 0

    def pairs_at_once(self, height, width):
        return 1

    def fit_pairs(self, pairs, seed=0, keyframes="auto", *, should_stop=None):
        self.fitted += len(pairs)
        return [self for _ in pairs]

    def continued(self, *beside):
        return self

    def stream_pair(self, pair, trajectory, times, *, should_stop=None):
        start, end = pair.with_planes
        for tau in times:
            yield torch.lerp(start[0], end[0], float(tau))


def clip_of(path, cuts=(), duplicates=(), **trim) -> tuple:
    video = VideoFile(path, **trim)
    survey, _ = video.survey()
    return FileClip(video, survey), survey.source(cuts, duplicates)


def fade_or_die(part, path: Path) -> None:
    """In a worker process: dies once, then renders."""
    mark = path.parent.parent / "died"
    if part.plan[0].time > 0 and not mark.exists():
        mark.touch()
        os._exit(1)
    render_part(CrossFade(), part, path)


def fade_to_bytes(part, suffix: str, weights: str | None) -> bytes:
    """On a Ray worker. Leaves empty files beside the output, "begun NODE PART ..." and "done NODE PART ...", and stands
    still in the second part of a node as long as a file "hold NODE" lies there."""
    import ray

    folder, node = Path(part.name).parent, ray.get_runtime_context().get_node_id()
    mark = f"{node} {Path(part.name).stem}@{float(part.plan[0].time)} {time.monotonic_ns()}"
    (folder / f"begun {mark}").touch()
    while (folder / f"hold {node}").exists() and len(list(folder.glob(f"begun {node} *"))) > 1:
        time.sleep(0.05)
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / f"part{suffix}"
        render_part(CrossFade(), part, path)
        (folder / f"done {mark}").touch()
        return path.read_bytes()


def marks(folder: Path, kind: str) -> list[tuple[str, str]]:
    """(node, part) of what `fade_to_bytes` has left, by time."""
    found = sorted(folder.glob(f"{kind} *"), key=lambda path: path.stat().st_mtime_ns)
    return [tuple(path.name.split(" ")[1:3]) for path in found]


def packets(path) -> list[tuple]:
    """(stream, time, bytes) of every packet: the same for files that differ in nothing but their muxer's dates."""
    with av.open(str(path)) as container:
        return [(p.stream.index, p.pts, p.dts, p.duration, bytes(p)) for p in container.demux() if p.size]


def run(path, output, timeline, renderer=None, tags=None, **choices) -> list[str]:
    job = make_job(*clip_of(path), timeline, output, Choices(**choices), tags=tags)
    return job.notes + convert(renderer or CrossFade(), job)


def length_of(path, kind: str) -> float:
    """Seconds at which the last packet ends."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return max(float((p.pts + p.duration) * p.time_base) for p in container.demux(stream) if p.size)
