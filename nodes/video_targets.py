"""Where RDVFI Interpolate Video writes to.

Core's Save Video writes MP4 and nothing else: it copies the packets of any other file into one, which loses the alpha
of VP9 and whole frames of Matroska, or fails (ProRes). So an MP4 goes to the temp folder and is left to Save Video;
other files are saved by our node itself."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import InputImpl

from ..rdvfi_core.video.reader import Survey


@dataclass(frozen=True)
class Target:
    path: Path
    note: str = ""  # for the user
    is_saved: bool = False

    @classmethod
    def of(cls, container: str, prefix: str, survey: Survey) -> Target:
        """prefix: as in core's savers."""
        if container == "mp4":
            folder = Path(folder_paths.get_temp_directory())
            os.makedirs(folder, exist_ok=True)
            return cls(folder / f"rdvfi_{uuid4().hex}.mp4")
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, folder_paths.get_output_directory(), survey.width, survey.height
        )
        file = f"{name}_{counter:05}_.{container}"
        return cls(Path(folder) / file, f"Saved as {Path(subfolder) / file} in ComfyUI's output folder.", True)

    def tags(self, hidden) -> dict[str, str]:
        """The workflow, for a file that no other node will put it into. hidden: the node's."""
        if not self.is_saved or args.disable_metadata:
            return {}
        found = {**(hidden.extra_pnginfo or {})}
        if hidden.prompt is not None:
            found["prompt"] = hidden.prompt
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}

    def video(self) -> InputImpl.VideoFromFile:
        return SavedVideo(str(self.path)) if self.is_saved else InputImpl.VideoFromFile(str(self.path))


class SavedVideo(InputImpl.VideoFromFile):
    """A video that is no MP4, for nodes that look at its frames."""

    def save_to(self, path, *choices, **more):
        source = Path(self.get_stream_source())
        if isinstance(path, str) and Path(path).suffix != source.suffix:
            raise ValueError(
                f"Save Video writes MP4 only and would damage this {source.suffix} video, which is saved already, as "
                f"{source.name}; remove Save Video, or set the container of RDVFI Interpolate Video to mp4."
            )
        return super().save_to(path, *choices, **more)
