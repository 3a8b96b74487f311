"""How well cuts are found: clips joined at random, with what looks like a cut and is none inside them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..callbacks import Progress
from ..clips import Clip, ClipError, list_clips
from ..scan import scan

JOINS = 300
SHOTS = 6  # per sequence, of which each is a piece of another clip
SHORTEST, LONGEST = 10, 24  # frames of a shot
WIDTH = 320  # px that frames are shrunk to, to save time
TREATMENTS = ("plain", "fast", "flash", "fade", "pan", "grey", "dark", "pale", "slide", "dropped")
ALIKE = 0.5  # of the sequences: all their shots are treated alike, such as night after night
DARK, PALE = (0.0, 0.12), (0.8, 0.95)  # between which light is left
LINES, NEW_LINE = 6, 4  # of a slide; frames from one to the next where they come one by one
LETTERS = "aaabcddeeeeefghiiijklmnnnoooprrsssttttuvwy"
MOST_DROPPED = 4  # frames in a row
FASTEST = 4  # frames of the clip from one frame of the shot to the next, where it is fast
FADE = 6  # frames to black, and as many back


@dataclass
class CutScores:
    """Of all sequences together."""

    found: int = 0  # cuts that are
    invented: Counter = field(default_factory=Counter)  # "cuts" that are none, by the treatment of their shot
    missed: Counter = field(default_factory=Counter)  # cuts not found, by the treatments on both sides
    shots: Counter = field(default_factory=Counter)
    frames: int = 0

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.invented.total())

    @property
    def recall(self) -> float:
        return self.found / max(1, self.found + self.missed.total())

    def to_markdown(self) -> str:
        lines = [
            f"{self.found + self.missed.total()} cuts in {self.frames} frames: precision {self.precision:.4f}, recall "
            f"{self.recall:.4f}.",
            "",
            "| shot | shots | invented cuts in it | missed cuts before it |",
            "|---|---:|---:|---:|",
        ]
        lines += (f"| {t} | {self.shots[t]} | {self.invented[t]} | {self.missed[t]} |" for t in TREATMENTS)
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        return json.dumps({"precision": self.precision, "recall": self.recall} | vars(self), indent=1)


@dataclass(frozen=True)
class Shot:
    treatment: str
    frames: list[Tensor]  # (3, h, w)
    lengths: list[int] = field(default_factory=list)  # how long each is shown, where that differs


def cut_scores(folder: Path, seed: int = 0, joins: int | None = None, progress: Progress | None = None) -> CutScores:
    """Sequences of SHOTS shots from different clips, until there were so many joins (None: JOINS)."""
    joins = JOINS if joins is None else joins
    drawn, clips, scores = random.Random(seed), list_clips(folder), CutScores()
    if len(clips) < 2:
        raise ValueError(f"{folder} holds one clip; joining takes at least 2.")
    done = 0
    while done < joins:
        shots = list(_shots(clips, min(SHOTS, joins - done + 1), drawn))
        starts = np.cumsum([len(shot.frames) for shot in shots]).tolist()
        lengths = [length for shot in shots for length in shot.lengths or [1] * len(shot.frames)]
        frames = (frame for shot in shots for frame in shot.frames)
        score(shots, scan(frames, ticks=np.cumsum([0, *lengths[:-1]]).tolist()).cuts, scores)
        scores.frames += starts[-1]
        done += len(shots) - 1
        if progress is not None:
            progress(done, joins)
    return scores


def score(shots: Sequence[Shot], found: Sequence[int], scores: CutScores) -> None:
    """Adds what was found in one sequence. A cut after frame i counts where i is the last frame of a shot, exactly."""
    ends = np.cumsum([len(shot.frames) for shot in shots]).tolist()
    true = {end - 1: i + 1 for i, end in enumerate(ends[:-1])}  # -> the shot that follows
    scores.shots.update(shot.treatment for shot in shots)
    scores.found += len(true.keys() & set(found))
    scores.missed.update(shots[shot].treatment for end, shot in true.items() if end not in found)
    for i in set(found) - true.keys():
        scores.invented[shots[next(n for n, end in enumerate(ends) if i < end)].treatment] += 1


def _shots(clips: list[Clip], count: int, drawn: random.Random) -> Iterator[Shot]:
    before, always = None, drawn.choice(TREATMENTS) if drawn.random() < ALIKE else None
    while count:
        clip = drawn.choice([clip for clip in clips if clip is not before])
        treatment, length = always or drawn.choice(TREATMENTS), drawn.randint(SHORTEST, LONGEST)
        step = drawn.randint(2, FASTEST) if treatment == "fast" else 1
        try:
            frames = [_shrunk(frame) for frame in clip.read(range(0, length * step, step))]
        except ClipError:  # too short for this one
            continue
        yield (
            Shot(treatment, *_dropped(frames, drawn))
            if treatment == "dropped"
            else Shot(treatment, _treated(frames, treatment, drawn))
        )
        before, count = clip, count - 1


def _shrunk(pixels: np.ndarray) -> Tensor:  # (H, W, 3) uint8 -> (3, h, WIDTH)
    frame = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    height = max(64, round(frame.shape[2] * WIDTH / frame.shape[3]))
    return F.interpolate(frame, (height, WIDTH), mode="area")[0]


def _treated(frames: list[Tensor], treatment: str, drawn: random.Random) -> list[Tensor]:
    middle = len(frames) // 2
    if treatment == "grey":
        return [frame.mean(0, keepdim=True).expand(3, -1, -1) for frame in frames]
    if treatment == "flash":
        strength = drawn.uniform(0.5, 1.0)
        lit = range(middle, middle + drawn.randint(1, 3))
        return [torch.lerp(f, torch.ones_like(f), strength) if i in lit else f for i, f in enumerate(frames)]
    if treatment == "fade":
        return [frame * min(1.0, abs(i - middle) / FADE) for i, frame in enumerate(frames)]
    if treatment in ("dark", "pale"):
        low, high = DARK if treatment == "dark" else PALE
        return [((low + (high - low) * frame) * 255).round() / 255 for frame in frames]
    if treatment == "slide":
        return _slide(len(frames), *frames[0].shape[1:], drawn)
    if treatment == "pan":
        share, speed = 0.6, drawn.uniform(0.04, 0.12)  # width of the view, and its widths per frame
        height, width = (int(side * share) for side in frames[0].shape[1:])
        return [_view(frame, i * speed, height, width) for i, frame in enumerate(frames)]
    return frames


def _view(frame: Tensor, widths: float, height: int, width: int) -> Tensor:
    """A part of the frame that moves to and fro over it."""
    room = frame.shape[2] - width
    left = widths * width % (2 * room)
    left = round(left if left <= room else 2 * room - left)
    top = (frame.shape[1] - height) // 2
    return frame[:, top : top + height, left : left + width]


def _dropped(frames: list[Tensor], drawn: random.Random) -> tuple[list[Tensor], list[int]]:
    """Frames that are left, and how long each is shown: a recorder that could not keep up. The last ones may be
    missing too."""
    left, lengths = [frames[0]], [1]
    missing = 0
    for frame in frames[1:]:
        if not missing and drawn.random() < 1 / 8:
            missing = drawn.randint(1, MOST_DROPPED)
        if missing:
            missing -= 1
            lengths[-1] += 1
        else:
            left.append(frame)
            lengths.append(1)
    return left, lengths


def _slide(count: int, height: int, width: int, drawn: random.Random) -> list[Tensor]:
    """Dark text on white, still, all at once or line by line."""

    def text(letters: int) -> str:
        return " ".join("".join(drawn.choices(LETTERS, k=drawn.randint(2, 9))) for _ in range(letters // 6))

    page, size = Image.new("RGB", (2 * width, 2 * height), "white"), height // 6
    draw = ImageDraw.Draw(page)
    draw.text((20, 10), text(24).title(), font=ImageFont.load_default(size), fill=(30, 40, 90))
    by_line, pages = drawn.random() < 0.5, []
    for line in range(drawn.randint(2, LINES)):
        place = 30, 20 + size + line * (2 * height - size - 30) // LINES
        draw.text(place, "- " + text(30), font=ImageFont.load_default(size * 2 // 3), fill=(40, 40, 40))
        pages.append(_shrunk(np.asarray(page)))
    return [pages[min(i // NEW_LINE, len(pages) - 1) if by_line else -1] for i in range(count)]
