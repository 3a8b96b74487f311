"""RDVFI Sample Clip: something to try the other nodes on, without any file."""

from __future__ import annotations

from comfy_api.latest import io

from ..rdvfi_core.conventions import spanning_times
from ..rdvfi_core.scenes.sample import sample_scene
from .images import empty_frames
from .networks import interrupted
from .types import CATEGORY


class RDVFISampleClip(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFISampleClip",
            display_name="RDVFI Sample Clip",
            category=CATEGORY,
            description="A rendered clip: a thrown disc, a swinging bar and a card over a panning background. To try a "
            "workflow before Load Image or Load Video takes its place.",
            search_aliases=["test clip", "example frames", "demo"],
            inputs=[
                io.Int.Input("frames", default=2, min=2, max=240, tooltip="Frames of the clip, both ends included."),
                io.Int.Input("width", default=640, min=64, max=4096, step=2, tooltip="Width in pixels."),
                io.Int.Input("height", default=360, min=64, max=4096, step=2, tooltip="Height in pixels."),
                io.Int.Input(
                    "hold",
                    default=1,
                    min=1,
                    max=4,
                    optional=True,
                    advanced=True,
                    tooltip="Frames that each picture stays for: 2 is an animation on twos.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="All frames."),
                io.Image.Output(display_name="start_image", tooltip="The first frame."),
                io.Image.Output(display_name="end_image", tooltip="The last frame."),
            ],
        )

    @classmethod
    def execute(cls, frames: int, width: int, height: int, hold: int = 1) -> io.NodeOutput:
        clip = empty_frames(frames, height, width)
        scene, times = sample_scene(height, width), spanning_times(frames)
        for i in range(frames):
            interrupted()
            clip[i] = clip[i - 1] if i % hold else scene.render(times[i]).image[0].movedim(0, -1)
        return io.NodeOutput(clip, clip[:1], clip[-1:])
