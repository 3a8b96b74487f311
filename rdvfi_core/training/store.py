"""Clips of a folder of any layout, read at random places without decoding more than is asked for.

Frames of pictures are files; frames of a video are found by their time stamps, which demuxing alone tells, and reached
by seeking. Frames that were decoded are kept while memory lasts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from ..clips import Clip, ClipError, frame_files, list_clips, open_frame, unreadable

FRAMES_KEPT = 10 * 2**30  # bytes of decoded frames, over all loading processes


class ClipStore:
    """The clips that are anywhere below `folder`, by index, in an order that depends on their names alone. Nothing is
    read at the start but names; what turns out to be unusable is named in the log once, with the reason, and counted
    in `left_out`."""

    def __init__(self, folder: Path | str, shortest: int, memory: int = FRAMES_KEPT):
        self.folder, self.shortest, self.memory = Path(folder), shortest, memory
        self.clips = list_clips(self.folder)
        self.left_out: dict[int, str] = {}  # index -> reason
        self._times: dict[int, list[int]] = {}  # of a video's frames, in units of its stream
        self._lengths: dict[int, int] = {}
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Frames of a clip, 0 if it cannot be used at all."""
        if index not in self._lengths:
            try:
                found = self._count(index)
                if found < self.shortest:
                    raise ClipError(f"it has {found} frames, fewer than {self.shortest}")
            except ClipError as error:
                self._leave_out(index, error)
                found = 0
            self._lengths[index] = found
        return self._lengths[index]

    def frames(self, index: int, wanted: Sequence[int]) -> np.ndarray | None:
        """(len(wanted), H, W, 3) uint8 of rising frame numbers, or None if they cannot be read."""
        try:
            if not all((index, frame) in self._kept for frame in wanted):
                found = self._read(index, wanted)
            else:
                found = {frame: self._kept[index, frame] for frame in wanted}
            sizes = {frame.shape for frame in found.values()}
            if len(sizes) > 1:
                raise ClipError("its frames differ in size")
            return np.stack([found[frame] for frame in wanted])
        except (ClipError, av.FFmpegError, OSError) as error:
            self._leave_out(index, error)
            return None

    def check(self) -> None:
        """Refuses a folder in which nothing can be used; otherwise stops at the first clip that can."""
        for index in range(len(self)):
            if self.length(index) and self.frames(index, [0]) is not None:
                return
        reasons = "; ".join(f"{self._name(i)}: {reason}" for i, reason in list(self.left_out.items())[:3])
        raise ValueError(f"None of the {len(self)} clips in {self.folder} can be used ({reasons}); give other ones.")

    def _count(self, index: int) -> int:
        clip = self.clips[index]
        if clip.path.is_dir():
            return len(frame_files(clip.path))
        self._times[index] = _time_stamps(clip)
        return len(self._times[index]) or clip.count()

    def _read(self, index: int, wanted: Sequence[int]) -> dict[int, np.ndarray]:
        path = self.clips[index].path
        if path.is_dir():
            files = frame_files(path)
            found = {frame: open_frame(files[frame]) for frame in wanted}
        elif not self._times[index]:
            found = dict(zip(wanted, self.clips[index].read(wanted), strict=True))
        else:
            found = _decode_span(path, self._times[index], wanted[0], wanted[-1])
            missing = [frame for frame in wanted if frame not in found]
            if missing:
                raise ClipError(f"frame {missing[0]} cannot be decoded")
        for frame, pixels in found.items():
            if pixels.nbytes > self.memory:
                break
            if (index, frame) not in self._kept:
                self.memory -= pixels.nbytes
                self._kept[index, frame] = pixels
        return found

    def _leave_out(self, index: int, error: Exception) -> None:
        if index not in self.left_out:
            self.left_out[index] = str(error) if isinstance(error, ClipError) else unreadable(error)
            told = f"{self._name(index)} is left out: {self.left_out[index]}"
            logging.getLogger(__name__).warning("%s (%d of %d so far)", told, len(self.left_out), len(self))

    def _name(self, index: int) -> str:
        return self.clips[index].name


def _time_stamps(clip: Clip) -> list[int]:
    """Of all frames, rising: packets are read, not decoded. Some formats store none; their frames are counted off."""
    try:
        with av.open(clip.path) as container:
            if not container.streams.video:
                raise ClipError("it has no video stream")
            found = [packet.pts for packet in container.demux(container.streams.video[0]) if packet.pts is not None]
    except (av.FFmpegError, OSError) as error:
        raise ClipError(unreadable(error)) from error
    return sorted(set(found))


def _decode_span(path: Path, times: list[int], first: int, last: int) -> dict[int, np.ndarray]:
    """All frames from `first` to `last` that can be decoded, by number."""
    numbers = {times[number]: number for number in range(first, last + 1)}
    found = {}
    with av.open(path) as container:
        stream = container.streams.video[0]
        container.seek(times[first], stream=stream, backward=True)
        for frame in container.decode(stream):
            number = numbers.get(frame.pts)
            if number is not None and number not in found:  # of two frames with one time stamp, the first
                found[number] = frame.to_ndarray(format="rgb24")
            if frame.pts is not None and frame.pts >= times[last]:
                break
    return found
