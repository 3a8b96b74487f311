"""RDVFI Guides: where points of the start image are in the end image, drawn by hand on a canvas in the node."""

from __future__ import annotations

from comfy_api.latest import io

from .guide_text import check_aspect, parse_guides
from .images import Pair
from .page_files import page_pictures
from .types import CATEGORY, GuidesType


class RDVFIGuides(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIGuides",
            display_name="RDVFI Guides",
            category=CATEGORY,
            description="Corrects motion by hand: drag a point of the start image to where it is in the end image.",
            search_aliases=["correct motion", "drag", "point editor", "spline", "control points", "optical flow"],
            inputs=[
                io.Image.Input("start_image", tooltip="The first image (time 0): guides begin in it."),
                io.Image.Input("end_image", tooltip="The second image (time 1), of the same size: guides end in it."),
                io.String.Input(
                    "guides",
                    default="",
                    tooltip="What was drawn, as JSON: points as [time, x, y], where x and y go from 0 to 1 across the "
                    "image. Written by the canvas; may be written by hand.",
                ),
            ],
            outputs=[
                GuidesType.Output(display_name="guides", tooltip="For RDVFI Fit Trajectory and RDVFI Interpolate.")
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, guides: str | None) -> bool | str:
        try:
            parse_guides(guides or "")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, start_image, end_image, guides: str) -> io.NodeOutput:
        found, pair = parse_guides(guides), Pair.of(start_image, end_image)
        height, width = pair.like.size
        check_aspect(found, width, height)
        start, end = (page_pictures(pictures, [0]) for pictures in pair.pictures)
        shown = {"start": start, "end": end, "size": [width, height]}
        return io.NodeOutput(found | {"size": found["size"] or [width, height]}, ui={"rdvfi_guides": [shown]})
