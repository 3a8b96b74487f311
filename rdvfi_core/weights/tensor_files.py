"""Safetensors files as they lie on disk: what is in them, and new files made of their tensors under other names,
without loading any. A file is 8 bytes with the header's length, the header (JSON), and the tensors' bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..callbacks import Progress, ShouldStop, check_stop
from ..files import whole_file

METADATA = "__metadata__"
CHUNK = 16 * 2**20  # bytes that are copied at once
ALIGNMENT = 8  # of the first tensor's bytes


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    path: Path
    dtype: str  # as the format calls it: F32, BF16, ...
    shape: tuple[int, ...]
    begin: int  # bytes from the start of the file
    size: int


@dataclass(frozen=True)
class TensorFile:
    path: Path
    tensors: dict[str, Stored]
    metadata: dict[str, str]


def read_header(path: str | Path) -> TensorFile:
    """What the file holds. A file that is no safetensors file, or not a whole one, is refused."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no file {path}; check the name.")
    try:
        with safe_open(path, framework="pt"):  # checks that the header describes exactly the bytes that follow it
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path.name} is truncated or no safetensors file ({error}); copy it again.") from error
    metadata = header.pop(METADATA, {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = Stored(path, entry["dtype"], tuple(entry["shape"]), 8 + length + begin, end - begin)
    return TensorFile(path, tensors, metadata)


def write(
    path: str | Path,
    tensors: Mapping[str, Stored],
    metadata: Mapping[str, str],
    progress: Progress | None = None,  # (MiB done, MiB in all)
    should_stop: ShouldStop | None = None,
) -> None:
    """Copies the tensors' bytes in pieces. The file gets its name when it is complete."""
    header, offset = {METADATA: dict(metadata)}, 0
    for name, stored in tensors.items():
        header[name] = {
            "dtype": stored.dtype,
            "shape": list(stored.shape),
            "data_offsets": [offset, offset + stored.size],
        }
        offset += stored.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with whole_file(path) as unfinished, unfinished.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        done = 0
        for stored in tensors.values():
            with stored.path.open("rb") as source:
                source.seek(stored.begin)
                left = stored.size
                while left:
                    check_stop(should_stop, "The writing of the file")
                    piece = source.read(min(CHUNK, left))
                    out.write(piece)
                    left -= len(piece)
                    done += len(piece)
                    if progress is not None:
                        progress(done // 2**20, offset // 2**20)
