"""What a job reads its frames from: a file that has been surveyed. The nodes have another kind, frames in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Protocol

from torch import Tensor

from .reader import VideoFile
from .survey import Survey
from .timemap import TimeMap
from .tracks import Extras


class Clip(Protocol):
    survey: Survey

    def frames(self, wanted: Callable[[int], bool] | None) -> AbstractContextManager[Sequence[Tensor]]:
        """(3 or 4, H, W) each, in [0, 1]."""

    def extras(self, time_map: TimeMap | None, audio: str) -> Extras | None:
        """What goes along with the pictures."""

    def identity(self) -> str:
        """Another one for another content, so that parts of an earlier run are not mixed in."""

    def without_alpha(self) -> Clip: ...


@dataclass(frozen=True)
class FileClip:
    video: VideoFile
    survey: Survey

    def frames(self, wanted: Callable[[int], bool] | None) -> AbstractContextManager[Sequence[Tensor]]:
        return self.video.frames(self.survey, wanted)

    def extras(self, time_map: TimeMap | None, audio: str) -> Extras:
        return Extras(self.video, self.survey, time_map, audio)

    def identity(self) -> str:
        part = f"{self.video.start} {self.video.duration} {self.survey.interlaced} {self.survey.telecine}"
        if isinstance(self.video.file, BytesIO):
            return f"memory {len(self.video.file.getbuffer())} {part}"
        path = Path(self.video.file).resolve()
        stat = path.stat()
        return f"{path} {stat.st_size} {stat.st_mtime_ns} {part}"

    def without_alpha(self) -> FileClip:
        return replace(self, survey=replace(self.survey, alpha=False))
