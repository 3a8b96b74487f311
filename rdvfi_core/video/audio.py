"""The source's sound for the output's times: stretched with its pitch kept, by FFmpeg's atempo.

A changing speed is followed in pieces of constant speed, a quarter of a second each, cross-faded into each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from .reader import VideoFile
from .samples import BLOCK, Window, samples
from .sound_formats import SoundFormat, pulled, sound_frame
from .survey import Survey
from .timemap import Piece, TimeMap

CHOICES = ("auto", "stretch", "drop")
PLEASANT = (Fraction(1, 4), Fraction(4))  # speeds at which stretched sound is still worth hearing: "auto" drops others
AUDIBLE = (Fraction(1, 16), Fraction(16))  # beyond these a piece is silent
FADE = 512  # samples of the cross-fade between two pieces


def stretched_frames(
    video: VideoFile, survey: Survey, index: int, time_map: TimeMap, form: SoundFormat
) -> Iterator[av.AudioFrame]:
    """Exactly the output's duration, in packed floats of the format's layout and rate."""
    with video.open() as container:
        stream = container.streams.audio[index]
        window = Window(samples(container, stream, survey, form), form.channels)
        position = 0
        for block in _joined(window, time_map.pieces(), form):
            yield sound_frame(block, form.layout, form.rate, position)
            position += block.shape[1]


def _joined(window: Window, pieces: Iterable[Piece], form: SoundFormat) -> Iterator[np.ndarray]:
    """Blocks of the output's sound. Each piece is made a little too long, and its excess fades into the next one."""
    rate, up = form.rate, np.linspace(0, 1, FADE, endpoint=False, dtype=np.float32)
    excess = None
    for piece in pieces:
        count = round(piece.end * rate) - round(piece.start * rate)
        made, over = 0, []
        for block in _exactly(_piece(window, piece, form), count + FADE if count else 0, BLOCK):
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


def _piece(window: Window, piece: Piece, form: SoundFormat) -> Iterator[np.ndarray]:
    """At constant speed, for as long as it is asked."""
    rate, channels, speed = form.rate, form.channels, piece.speed
    position = round(piece.source_start * rate)
    if not AUDIBLE[0] <= speed <= AUDIBLE[1]:
        while True:
            yield np.zeros((channels, BLOCK), np.float32)
    if speed == 1:
        while True:
            yield window.read(position, position + BLOCK, position)
            position += BLOCK
    graph, lead = _tempo(float(speed), form)
    position -= lead
    pushed = 0
    while True:
        block = window.read(position, position + BLOCK, position - rate)
        graph.push(sound_frame(block, form.layout, rate, pushed))
        position, pushed = position + BLOCK, pushed + BLOCK
        yield from pulled(graph, channels)


def _tempo(speed: float, form: SoundFormat) -> tuple[av.filter.Graph, int]:
    """A chain of atempo filters, each between 0.5 and 2, and by how many source samples its output runs ahead: between
    none (a steady tone) and half a window (silence with a click in it) for each filter, so a quarter is taken."""
    rate = form.rate
    stages = max(1, math.ceil(abs(math.log2(speed)) - 1e-9))
    factor = speed ** (1 / stages)
    graph = av.filter.Graph()
    start = graph.add_abuffer(sample_rate=rate, format="flt", layout=form.layout, time_base=Fraction(1, rate))
    tempos = [graph.add("atempo", f"{factor:.9f}") for _ in range(stages)]
    graph.link_nodes(start, *tempos, graph.add("abuffersink")).configure()
    quarter = 2 ** math.ceil(math.log2(rate / 24)) / 4
    return graph, round(sum(quarter * factor**stage for stage in range(stages)))


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
