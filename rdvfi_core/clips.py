"""Clips below a folder, in any nesting: video files and folders of frames, as RGB frames that are decoded only when
they are asked for.

Rotation metadata is ignored: frames come as they are stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

VIDEO_SUFFIXES = frozenset((".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif"))
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png"))
MASKS = "Annotations"  # DAVIS: pictures beside JPEGImages that are no frames


class ClipError(ValueError):
    """A clip that cannot be used; the message is the reason, in words for the report."""


@dataclass(frozen=True)
class Clip:
    path: Path  # a video file or a folder of frames
    root: Path | None = None  # the folder that was searched

    @property
    def name(self) -> str:
        """The path below the folder that was searched: names are unique."""
        return self.path.relative_to(self.root or self.path.parent).as_posix()

    def count(self) -> int:
        """Frames that can really be decoded: what a video's header says about its length is often wrong."""
        return sum(1 for _ in self._loaders())

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """The frames with these indices in ascending order, each (H, W, 3) uint8 RGB, in one pass over the clip. A
        frame is converted only when it is taken."""
        wanted = set(indices)
        size = None
        for index, load in enumerate(self._loaders()):
            if index not in wanted:
                continue
            frame = load()
            if size not in (None, frame.shape):
                raise ClipError(f"frame {index} is {_size(frame.shape)}, the frames before it are {_size(size)}")
            size = frame.shape
            yield frame
            wanted.remove(index)
            if not wanted:
                return
        raise ClipError(f"it ends before frame {min(wanted)}")

    def _loaders(self) -> Iterator[Callable[[], np.ndarray]]:
        """One function per frame, in order, that returns it; whatever goes wrong inside becomes a ClipError."""
        opened = _image_loaders(self.path) if self.path.is_dir() else _video_loaders(self.path)
        try:
            for load in opened:
                yield partial(_load, load)
        except (av.FFmpegError, OSError) as error:
            raise ClipError(unreadable(error)) from error


def list_clips(folder: Path) -> list[Clip]:
    """The clips below `folder` at any depth, sorted by their path: video files, and folders that hold jpg or png
    frames. What a folder of frames holds besides, linked folders of folders, and DAVIS' masks are not looked at."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give one that holds clips.")
    clips = [Clip(path, folder) for path in _clips_below(folder)]
    if not clips:
        raise ValueError(
            f"{folder} holds no clips; put video files ({', '.join(sorted(VIDEO_SUFFIXES))}) "
            "or folders of jpg or png frames into it."
        )
    return clips


def _clips_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name == MASKS:
            continue
        if not path.is_dir():
            if path.suffix.lower() in VIDEO_SUFFIXES:
                yield path
        elif frame_files(path):
            yield path
        elif not path.is_symlink():  # which may lead back up
            yield from _clips_below(path)


def frame_files(folder: Path) -> list[Path]:
    """Frames in the order of the numbers in their names, so that frame 10 follows frame 9 without leading zeros."""
    images = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
    return sorted(images, key=lambda path: [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", path.name)])


def _image_loaders(folder: Path) -> Iterator[Callable[[], np.ndarray]]:
    for path in frame_files(folder):
        yield partial(open_frame, path)


def open_frame(path: Path) -> np.ndarray:  # (H, W, 3) uint8 RGB
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _video_loaders(path: Path) -> Iterator[Callable[[], np.ndarray]]:
    with av.open(path) as container:
        if not container.streams.video:
            raise ClipError("it has no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield partial(frame.to_ndarray, format="rgb24")


def _load(load: Callable[[], np.ndarray]) -> np.ndarray:
    try:
        return load()
    except (av.FFmpegError, OSError) as error:
        raise ClipError(unreadable(error)) from error


def unreadable(error: Exception) -> str:
    """The decoder's complaint without the file's path, which the report's reader has already."""
    return f"unreadable: {getattr(error, 'strerror', None) or type(error).__name__}"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
