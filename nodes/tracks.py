"""RDVFI Tracks: paths of points, for core's track nodes."""

from __future__ import annotations

import json

import comfy.model_management as mm
import torch
from comfy_api.latest import io
from torch import Tensor

from ..rdvfi_core.conventions import spanning_times
from .images import one_picture
from .types import CATEGORY, TrajectoryType, TrajectoryValue


class RDVFITracks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFITracks",
            display_name="RDVFI Tracks",
            category=CATEGORY,
            description="Paths of single points along a trajectory, for Wan-Move and the core node that draws tracks.",
            search_aliases=["point tracking", "motion paths", "wan move", "trajectory"],
            inputs=[
                TrajectoryType.Input("trajectory", tooltip="From RDVFI Fit Trajectory."),
                io.Image.Input("image", tooltip="An image of the size in whose pixels the tracks are wanted."),
                io.Int.Input("frames", default=25, min=2, max=4096, tooltip="Length of each track, ends included."),
                io.Int.Input(
                    "columns",
                    default=12,
                    min=1,
                    max=256,
                    tooltip="Points per row of an even grid; rows follow from the aspect. Not used with points.",
                ),
                io.String.Input(
                    "points",
                    default="",
                    advanced=True,
                    tooltip="Single points in pixels as JSON, such as [[120, 80], [300.5, 200]]. Empty: a grid.",
                ),
                io.Combo.Input(
                    "source",
                    options=["start", "end"],
                    default="start",
                    advanced=True,
                    tooltip="The image in which the points lie.",
                ),
            ],
            outputs=[
                io.Tracks.Output(display_name="tracks", tooltip="Positions in pixels, and when they are visible.")
            ],
        )

    @classmethod
    def validate_inputs(cls, points: str) -> bool | str:
        try:
            _points(points)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, trajectory: TrajectoryValue, image, frames, columns, points, source) -> io.NodeOutput:
        height, width = one_picture(image[:1], "image").size
        motion = trajectory.trajectory()
        grid_height, grid_width = motion.to0.shape[-2:]
        scale = torch.tensor((grid_width / width, grid_height / height))
        given = _points(points)
        chosen = _grid(width, height, columns) if given is None else given
        outside = ((chosen < 0) | (chosen > torch.tensor((width - 1.0, height - 1.0)))).any(1)
        if outside.any():
            x, y = chosen[outside][0].tolist()
            raise ValueError(f"The point ({x:g}, {y:g}) lies outside the image of {width}x{height}; move it inside.")
        paths, seen = motion.tracks(
            ((chosen + 0.5) * scale - 0.5)[None], spanning_times(frames), source=int(source == "end")
        )
        device = mm.intermediate_device()
        path = ((paths[0] + 0.5) / scale - 0.5).to(device)
        return io.NodeOutput({"track_path": path, "track_visibility": seen[0].to(device)})


def _grid(width: int, height: int, columns: int) -> Tensor:  # (P, 2) px, x then y
    rows = max(1, round(columns * height / width))
    x = (torch.arange(columns) + 0.5) * width / columns - 0.5
    y = (torch.arange(rows) + 0.5) * height / rows - 0.5
    return torch.stack((x.repeat(rows), y.repeat_interleave(columns)), 1)


def _points(text: str) -> Tensor | None:  # (P, 2)
    if not text.strip():
        return None
    try:
        points = torch.tensor(json.loads(text), dtype=torch.float32)
    except (ValueError, TypeError) as error:
        raise ValueError(f"points is no JSON list of numbers ({error}); write [[120, 80], [300, 200]].") from error
    if points.ndim != 2 or points.shape[1] != 2 or not points.isfinite().all():
        raise ValueError(f"points has the shape {tuple(points.shape)}; write pairs such as [[120, 80], [300, 200]].")
    return points
