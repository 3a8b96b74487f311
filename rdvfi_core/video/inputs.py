"""What a user names on the command line: video files, folders, wildcards, numbered frames."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from PIL import Image

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .gif .mpg .mpeg .ts .m2ts .mts .wmv .flv .ogv .3gp .mxf .vob .y4m".split()
)
IMAGE_SUFFIXES = frozenset(".png .jpg .jpeg .tif .tiff .bmp .webp".split())
NUMBERED = re.compile(r"%0?\d*d")  # as FFmpeg writes numbered frames: frame_%04d.png
NUMBER = re.compile(r"\d+(?=\D*$)")  # the last one in a name
Named = Path | tuple[Path, ...]  # a video file, or the frames of a sequence in their order


def gathered(names: list[str]) -> list[Named]:
    """Videos and sequences of frames, in the order given. A wildcard stands for the files that match it, sorted, since
    not every shell fills it in; a folder for the videos in it, or for its frames if it holds none. ValueError in one
    sentence for what is not there."""
    found = []
    for is_frame, paths in groupby((path for name in names for path in _named(name)), key=is_image):
        found += _sequences(paths) if is_frame else paths  # noqa: B031 - one of the two
    return found


def one_of(name: str) -> Named:
    """The one video or sequence of this name."""
    found = gathered([name])
    if len(found) > 1:
        raise ValueError(f"{name} stands for {len(found)} videos; name one of them, or use the command batch.")
    return found[0]


def is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_animated(path)


def _is_animated(path: Path) -> bool:
    """A PNG or a WebP that is a video; the pages of a TIFF are none."""
    try:
        with Image.open(path, formats=("PNG", "WEBP")) as file:
            return getattr(file, "is_animated", False)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False  # nor is it a still picture, which whoever opens it says


def titles(inputs: list[Named]) -> list[str]:
    """The name of a video without its suffix. Frames are called like their folder, and where it holds several
    sequences, by what the frames' names have in common."""
    folders = Counter(named[0].parent for named in inputs if not isinstance(named, Path))

    def title(frames: tuple[Path, ...]) -> str:
        folder = frames[0].resolve().parent.name or "frames"
        if folders[frames[0].parent] == 1:
            return folder
        return NUMBER.sub("", frames[0].stem).strip(" ._-") or folder

    return [named.stem if isinstance(named, Path) else title(named) for named in inputs]


def number_of(path: Path) -> int | None:
    number = NUMBER.search(path.stem)
    return None if number is None else int(number[0])


def _named(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return [path]
    pattern = str(path)
    if NUMBERED.search(path.name):
        pattern = str(path.with_name(NUMBERED.sub("*", path.name)))
        files = [found for found in _matching(pattern) if number_of(found) is not None]
    elif glob.has_magic(pattern):
        files = [p for found in _matching(pattern) for p in (_in_folder(found) if found.is_dir() else [found])]
    else:
        return [path]  # whoever opens it says what is wrong
    if not files:
        raise ValueError(f"{name} matches no file; correct it, or name the files.")
    return files


def _matching(pattern: str) -> Iterator[Path]:
    return (Path(found) for found in sorted(glob.glob(pattern), key=_natural))


def _in_folder(folder: Path) -> list[Path]:
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    for suffixes in (VIDEO_SUFFIXES, IMAGE_SUFFIXES):
        if found := [path for path in files if path.suffix.lower() in suffixes]:
            return sorted(found, key=lambda path: _natural(path.name))
    raise ValueError(f"The folder {folder} holds neither videos nor frames; name another one.")


def _natural(name: str) -> list:
    """Frame 10 follows frame 9, with leading zeros or without."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _sequences(paths: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    """Images that differ in nothing but their number belong together."""

    def kind(path: Path) -> tuple:
        return path.parent, NUMBER.sub("", path.stem), path.suffix

    for _, frames in groupby(sorted(paths, key=lambda path: (kind(path), number_of(path) or 0)), key=kind):
        yield tuple(frames)
