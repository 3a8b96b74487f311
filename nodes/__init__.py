"""The graph nodes: schema, conversion and memory management. The mathematics is in `rdvfi_core`."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .flow import RDVFISampleFlow, RDVFIWarpFuse
from .interpolate import RDVFIInterpolate
from .keyframes import RDVFIKeyframes
from .keyframes_from_frames import RDVFIKeyframesFromFrames
from .load import RDVFILoadModel, register_folder
from .sample import RDVFISampleClip
from .timeline import RDVFITimeline
from .tracks import RDVFITracks
from .trajectory import RDVFIFitTrajectory, RDVFILoadTrajectory, RDVFISaveTrajectory
from .video import RDVFIInterpolateVideo
from .viewer import RDVFITrajectoryViewer


class RDVFIExtension(ComfyExtension):
    async def on_load(self) -> None:
        register_folder()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            RDVFILoadModel,
            RDVFIInterpolate,
            RDVFIInterpolateVideo,
            RDVFITimeline,
            RDVFIKeyframes,
            RDVFIKeyframesFromFrames,
            RDVFIFitTrajectory,
            RDVFISampleFlow,
            RDVFIWarpFuse,
            RDVFITracks,
            RDVFITrajectoryViewer,
            RDVFISaveTrajectory,
            RDVFILoadTrajectory,
            RDVFISampleClip,
        ]
