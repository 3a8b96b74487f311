"""RDVFI Sample Flow: the motion at any time. RDVFI Warp And Fuse: the frame there."""

from __future__ import annotations

import comfy.model_management as mm
import torch
from comfy_api.latest import io

from ..rdvfi_core.conventions import uniform_times
from ..rdvfi_core.inputs import check_times
from ..rdvfi_core.pixels.flow_viz import flow_to_rgb
from ..rdvfi_core.timeline import parse_times
from ..rdvfi_core.trajectory.trajectory import MAPS, Trajectory
from .images import Pair, as_image, check_room, empty_frames
from .networks import interrupted, loaded
from .progress import Progress
from .types import CATEGORY, FlowType, FlowValue, Model, TrajectoryType, TrajectoryValue

PLANES = 24  # for each time: the flow's 10, pictures of both ways while they are joined, and two masks


class RDVFISampleFlow(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFISampleFlow",
            display_name="RDVFI Sample Flow",
            category=CATEGORY,
            description="Where the pixels of a frame at any time come from in the two images, and whether they are "
            "seen there. Flow pictures: hue is the direction, saturation the length.",
            search_aliases=["optical flow", "occlusion mask", "motion vectors", "retime"],
            inputs=[
                TrajectoryType.Input("trajectory", tooltip="From RDVFI Fit Trajectory."),
                io.Int.Input(
                    "frames",
                    default=3,
                    min=1,
                    max=4096,
                    tooltip="Number of times, evenly between the two images. Not used where times are given.",
                ),
                io.String.Input(
                    "times",
                    default="",
                    tooltip="Times from 0 (start image) to 1 (end image), such as 0.25, 1/3, 0.9. Empty: use frames.",
                ),
                io.Combo.Input(
                    "method",
                    options=["cubic", "linear"],
                    default="cubic",
                    advanced=True,
                    tooltip="How paths run where keyframes or frames around the pair bend them: along cubics, or "
                    "straight for comparison.",
                ),
            ],
            outputs=[
                FlowType.Output(display_name="flow", tooltip="For RDVFI Warp And Fuse."),
                io.Image.Output(display_name="to_start", tooltip="Motion from each frame to the start image."),
                io.Image.Output(display_name="to_end", tooltip="Motion from each frame to the end image."),
                io.Mask.Output(display_name="seen_in_start", tooltip="1 where a pixel is visible in the start image."),
                io.Mask.Output(display_name="seen_in_end", tooltip="1 where a pixel is visible in the end image."),
            ],
        )

    @classmethod
    def validate_inputs(cls, times: str) -> bool | str:
        try:
            _times(times, 1)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, trajectory: TrajectoryValue, frames: int, times: str, method: str) -> io.NodeOutput:
        when = _times(times, frames)
        check_room(len(when), *trajectory.to0.shape[-2:], PLANES)
        source = on_device(trajectory)
        flows, bar = [], Progress(len(when))
        for tau in when:
            interrupted()
            flows.append(FlowValue.of(source.sample(tau, method)))
            bar.step()
        pictures = [as_image(torch.cat([flow_to_rgb(getattr(f, side)) for f in flows])) for side in ("to0", "to1")]
        masks = [torch.cat([getattr(f, side)[:, 0] for f in flows]) for side in ("visible0", "visible1")]
        return io.NodeOutput(flows, *pictures, *masks)


class RDVFIWarpFuse(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIWarpFuse",
            display_name="RDVFI Warp And Fuse",
            category=CATEGORY,
            description="Warps both images to every time of the flow, at full resolution, and fuses them.",
            search_aliases=["frame interpolation", "vfi", "warp image", "synthesis"],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.Image.Input("start_image", tooltip="The first image (time 0). Its size may differ from the one that "
                               "the trajectory was fitted on, its aspect may not."),
                io.Image.Input("end_image", tooltip="The second image (time 1), of the same size."),
                FlowType.Input("flow", tooltip="From RDVFI Sample Flow."),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="One per time; at 0 and 1 the images themselves.")
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, model, start_image, end_image, flow: list[FlowValue]) -> io.NodeOutput:
        pair = Pair.of(start_image, end_image)
        bar, out = Progress(len(flow)), empty_frames(len(flow), *pair.like.size, pair.like.channels)
        interpolator = loaded(model, *pair.like.size)
        flows = [value.flow() for value in flow]
        for i, frame in enumerate(
            interpolator.fuse(pair.start, pair.end, flows, should_stop=interrupted, planes=pair.planes)
        ):
            out[i] = pair.restore(frame, flow[i].tau)
            bar.step(frame)
        return io.NodeOutput(out)


def on_device(value: TrajectoryValue) -> Trajectory:
    """Where ComfyUI computes, with room made for it and for one flow."""
    device = mm.get_torch_device()
    mm.free_memory(2 * sum(getattr(value, name).nbytes for name in MAPS), device)
    return value.trajectory().to(device)


def _times(text: str, frames: int) -> list[float]:
    listed = parse_times(text)
    return check_times(listed) if listed else list(uniform_times(frames))
