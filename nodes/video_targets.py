"""Where RDVFI Interpolate Video writes to.

Core's Save Video copies the packets of a file into another container, unless it is told which one: that loses the alpha
of VP9 and whole frames of Matroska, or fails (ProRes). So an MP4 that goes on to another node lies in the temp folder
and is left to Save Video; all other files are saved by our node itself."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import InputImpl, io, ui

from ..rdvfi_core.timeline import Timeline
from ..rdvfi_core.video.convert import Choices, convert, make_job, open_clip
from ..rdvfi_core.video.reader import VideoFile
from ..rdvfi_core.video.survey import Survey
from .file_names import filled
from .networks import interrupted


@dataclass(frozen=True)
class Target:
    path: Path
    subfolder: str = ""  # of ComfyUI's output folder
    is_saved: bool = False

    @classmethod
    def of(cls, container: str, prefix: str, survey: Survey, hidden) -> Target:
        """prefix: as in core's savers. hidden: the node's."""
        if container == "mp4" and is_taken(hidden):
            folder = Path(folder_paths.get_temp_directory())
            os.makedirs(folder, exist_ok=True)
            return cls(folder / f"rdvfi_{uuid4().hex}.mp4")
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filled(prefix, hidden), folder_paths.get_output_directory(), survey.width, survey.height
        )
        return cls(Path(folder) / f"{name}_{counter:05}_.{container}", subfolder, True)

    @property
    def note(self) -> str:  # for the user
        if not self.is_saved:
            return ""
        return f"Saved as {Path(self.subfolder) / self.path.name} in ComfyUI's output folder."

    def tags(self, hidden) -> dict[str, str]:
        """The workflow, for a file that no other node will put it into. hidden: the node's."""
        return workflow_tags((hidden.extra_pnginfo or {}) | {"prompt": hidden.prompt}) if self.is_saved else {}

    def video(self) -> InputImpl.VideoFromFile:
        return SavedVideo(str(self.path)) if self.is_saved else InputImpl.VideoFromFile(str(self.path))

    def shown(self) -> dict | None:
        """For the page, the history and the gallery: a file that is saved. A GIF is a picture, not a video."""
        if not self.is_saved:
            return None
        file = ui.SavedResult(self.path.name, self.subfolder, io.FolderType.output)
        moving = self.path.suffix != ".gif"
        return ui.PreviewVideo([file]).as_dict() if moving else {"images": [file], "animated": (False,)}


def is_taken(hidden) -> bool:
    """Whether a node of the graph takes the video, and so may save it."""
    link = [hidden.unique_id, 0]
    return any(link in node.get("inputs", {}).values() for node in (hidden.prompt or {}).values())


def workflow_tags(found: dict | None) -> dict[str, str]:
    """As core's savers write them: text as it is, all else as JSON."""
    given = {} if args.disable_metadata else found or {}
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items() if v is not None}


class SavedVideo(InputImpl.VideoFromFile):
    """A video that is saved already, for other nodes."""

    def save_to(self, path, format="auto", codec="auto", metadata=None, **more):
        """Save Video's "auto" would copy packets into an MP4; it gets frames that are encoded for one."""
        source = self.get_stream_source()
        copied = "auto" == getattr(format, "value", format) == getattr(codec, "value", codec)
        if copied and isinstance(path, str) and Path(path).suffix != Path(source).suffix:
            return encode(source, path, workflow_tags(metadata))
        return super().save_to(path, format=format, codec=codec, metadata=metadata, **more)


def encode(source: str, path: str, tags: dict[str, str]) -> None:
    """The same frames and sound in another container."""
    clip, frames = open_clip(VideoFile(source, deinterlace=False), None, "keep", should_stop=interrupted)
    job = make_job(clip, frames, Timeline.multiplied(1, hold_end=True), path, Choices(), tags=tags)
    nothing_between = None  # every frame is a copy
    for note in job.notes + convert(nothing_between, job, should_stop=interrupted, resumable=False):
        logging.warning("Save Video: %s", note)
