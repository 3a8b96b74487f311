"""Numbered frames as a clip: image files of one size, at a rate that the user gives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from math import gcd
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..callbacks import Progress
from .colour import Colour
from .inputs import number_of
from .reader import SMALL_SIDE
from .survey import Survey
from .timemap import TimeMap

KEPT = 4  # frames: those of two pairs
TICKS = 1000  # of a frame: times that are off by one tick are taken as rounded
ORIENTATION = 0x0112  # of EXIF
# EXIF orientation -> (planes are transposed, axes that are mirrored afterwards)
UPRIGHT = {2: (False, [2]), 3: (False, [1, 2]), 4: (False, [1]), 5: (True, []), 6: (True, [2]), 7: (True, [1, 2]),
           8: (True, [1])}  # fmt: skip


@dataclass(frozen=True)
class FrameFiles:
    """paths: in order. A frame that is missing, by its number, leaves a longer way between those beside it."""

    paths: tuple[Path, ...]
    fps: Fraction

    @property
    def name(self) -> str:
        return str(self.paths[0])

    def survey(
        self, look: Callable[[Iterator[Tensor], Sequence[int]], object], progress: Progress | None = None
    ) -> tuple[Survey, object]:
        """Decodes everything once, as `VideoFile.survey`. ValueError for frames that do not belong together."""
        ticks, missing = self._ticks()
        size, bits, alpha, colour = None, 8, False, None

        def small() -> Iterator[Tensor]:
            nonlocal size, bits, alpha, colour
            for done, path in enumerate(self.paths, 1):
                frame = decoded(path)
                shape = upright_size(frame, path)
                if size not in (None, shape):
                    raise ValueError(
                        f"{path} is {shape[1]}x{shape[0]}, the frames before it are {size[1]}x{size[0]}; give all of "
                        "them one size."
                    )
                size, colour = shape, colour or Colour.of(frame)
                bits = max(bits, *(component.bits for component in frame.format.components))
                image = upright(path, frame, 8, True)
                alpha = alpha or bool((image[3] < 1).any())
                if progress is not None:
                    progress(done, len(self.paths))
                scale = min(1, SMALL_SIDE / max(shape))
                image = image[:3].lerp(torch.ones(()), 1 - image[3:])
                yield F.interpolate(image[None], tuple(max(16, round(side * scale)) for side in shape), mode="area")[0]

        frames = small()
        found = look(frames, ticks)
        for _ in frames:
            pass
        survey = Survey(
            height=size[0],
            width=size[1],
            bits=bits,
            alpha=alpha,
            colour=colour,
            sample_aspect=Fraction(1),
            ticks=ticks,
            time_base=1 / self.fps / TICKS,
            end=ticks[-1] + TICKS,
            fps=self.fps,
            seekable=True,
            notes=missing,
        )
        return survey, found

    def _ticks(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """When each frame is shown, by its number, and what is missing. Numbers may rise in steps."""
        numbers = [number_of(path) for path in self.paths]
        if None in numbers:
            return tuple(TICKS * i for i in range(len(numbers))), ()
        steps = [b - a for a, b in pairwise(numbers)]
        if 0 in steps:
            first = steps.index(0)
            raise ValueError(f"{self.paths[first]} and {self.paths[first + 1]} have the same number; remove one.")
        step = reduce(gcd, steps, 0) or 1
        places = [(number - numbers[0]) // step for number in numbers]
        gaps = places[-1] + 1 - len(places)
        if gaps > len(places):
            raise ValueError(
                f"Of the frames {numbers[0]} to {numbers[-1]} more are missing than there are, beside {self.name}; "
                "give one sequence."
            )
        note = (
            f"{gaps} of the frames {numbers[0]} to {numbers[-1]} beside {self.name} are missing; motion leads across."
        )
        return tuple(TICKS * place for place in places), (note,) if gaps else ()


@dataclass(frozen=True)
class SequenceClip:
    """A `Clip`."""

    files: FrameFiles
    survey: Survey

    def frames(self, wanted: Callable[[int], bool] | None) -> Frames:
        return Frames(self.files.paths, self.survey)

    def extras(self, time_map: TimeMap | None, audio: str) -> None:
        return None

    def identity(self) -> str:
        return identity_of(self.files.paths)

    def without_alpha(self) -> SequenceClip:
        return replace(self, survey=replace(self.survey, alpha=False))


class Frames(Sequence[Tensor]):
    """(3 or 4, H, W) float32 in [0, 1], upright, by their number, read when they are asked for."""

    def __init__(self, paths: tuple[Path, ...], survey: Survey):
        self._paths, self._survey = paths, survey
        self._kept: OrderedDict[int, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        if index not in self._kept:
            path = self._paths[index]
            if len(self._kept) == KEPT:
                self._kept.popitem(last=False)
            self._kept[index] = upright(path, decoded(path), self._survey.depth, self._survey.alpha)
        self._kept.move_to_end(index)
        return self._kept[index]

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, *error) -> None:
        self._kept.clear()


def decoded(path: Path) -> av.VideoFrame:
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0))
    except (av.FFmpegError, OSError, StopIteration, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it holds no picture"
        raise ValueError(f"{path} cannot be read as an image ({reason}); give an intact file.") from error


def upright(path: Path, frame: av.VideoFrame, bits: int, alpha: bool) -> Tensor:  # (3 or 4, H, W) float32 in [0, 1]
    """alpha: is kept; else what it hides becomes white."""
    pixels = frame.to_ndarray(format="rgba" if bits == 8 else "rgba64le")
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1) / (2**bits - 1)
    if not alpha:
        image = image[:3].lerp(torch.ones(()), 1 - image[3:])
    turned, mirrored = UPRIGHT.get(orientation(path), (False, []))
    return (image.transpose(1, 2) if turned else image).flip(mirrored)


def upright_size(frame: av.VideoFrame, path: Path) -> tuple[int, int]:
    turned, _ = UPRIGHT.get(orientation(path), (False, []))
    return (frame.width, frame.height) if turned else (frame.height, frame.width)


def orientation(path: Path) -> int:
    try:
        with Image.open(path) as file:
            return file.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 1  # what FFmpeg reads and Pillow does not carries no EXIF


def identity_of(paths: tuple[Path, ...]) -> str:
    """Another one for other files."""
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return sha256(repr(facts).encode()).hexdigest()
