"""RDVFI Trajectory Viewer: the paths of a trajectory, on a canvas in the node. The page draws, from two kinds of files:
the paths (`rdvfi_core.trajectory.path_samples`) and the pictures beneath them."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ..rdvfi_core.trajectory.path_samples import sample_paths
from .flow import on_device
from .images import Pictures, as_image
from .page_files import page_file, page_pictures
from .types import CATEGORY, TrajectoryType, TrajectoryValue

MOST_FRAMES = 49  # of a clip on the page; of a longer one as many, evenly chosen
SAME_ASPECT = 1.15  # of a picture and of the grid of its paths, whose sides are multiples of 32


class RDVFITrajectoryViewer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFITrajectoryViewer",
            display_name="RDVFI Trajectory Viewer",
            category=CATEGORY,
            description="Shows where every pixel goes: particles run along their paths while you move through time.",
            search_aliases=["motion", "optical flow", "point tracks", "trajectory", "particles", "inspect"],
            inputs=[
                TrajectoryType.Input("trajectory", tooltip="From RDVFI Fit Trajectory or RDVFI Load Trajectory."),
                io.Image.Input(
                    "start_image",
                    optional=True,
                    tooltip="Lies beneath the paths. Not connected: the trajectory's own small picture of it.",
                ),
                io.Image.Input(
                    "end_image", optional=True, tooltip="The same of the end. A wipe shows it beside the start."
                ),
                io.Image.Input(
                    "frames",
                    optional=True,
                    tooltip="Frames from the start to the end, evenly spaced, such as those of RDVFI Interpolate: the "
                    "one at the shown time lies beneath the paths.",
                ),
                io.Image.Input(
                    "other",
                    optional=True,
                    tooltip="Frames of the same span from elsewhere, for a wipe between both. One image stays.",
                ),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, trajectory: TrajectoryValue, start_image=None, end_image=None, frames=None, other=None
    ) -> io.NodeOutput:
        paths = sample_paths(on_device(trajectory))
        known = as_image(trajectory.colour[0])
        given = {"start": start_image, "end": end_image, "frames": frames, "other": other}
        given |= {"start": known[:1]} if start_image is None else {}
        given |= {"end": known[-1:]} if end_image is None else {}
        shown = {name: _shown(images, name, paths.grid) for name, images in given.items() if images is not None}
        return io.NodeOutput(ui={"rdvfi_viewer": [{"paths": page_file(paths.to_bytes(), ".paths"), **shown}]})


def _shown(images: Tensor, name: str, grid: tuple[int, int]) -> list:
    pictures = Pictures.of(images, name)
    height, width = pictures.size
    stretch = width / height / (grid[0] / grid[1])
    if not 1 / SAME_ASPECT < stretch < SAME_ASPECT:
        raise ValueError(
            f"{name} is {width}x{height} and the trajectory is of images with the aspect of {grid[0]}x{grid[1]}; give "
            "the images that it was fitted on."
        )
    count = min(len(pictures), MOST_FRAMES)
    return page_pictures(pictures, [round(i * (len(pictures) - 1) / max(count - 1, 1)) for i in range(count)])
