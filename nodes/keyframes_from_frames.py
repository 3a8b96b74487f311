"""RDVFI Keyframes From Frames: frames or latents that exist already."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..rdvfi_core.conventions import KEYFRAMES
from ..rdvfi_core.keyframes.keyframes import check_times, choose
from ..rdvfi_core.timeline import parse_times
from .images import Pictures
from .latents import chosen_from_latent, to_latent
from .networks import loaded
from .types import CATEGORY, Model


class RDVFIKeyframesFromFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIKeyframesFromFrames",
            display_name="RDVFI Keyframes From Frames",
            category=CATEGORY,
            description="Makes keyframes of frames that exist already: the decoded frames or the latents of any video "
            "generator. Motion then follows these frames: the two end images are warped along it, and the frames, at "
            "low resolution, correct them.",
            search_aliases=["retime", "slow motion", "video to keyframes", "vfi"],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.MultiType.Input(
                    "frames",
                    types=[io.Image, io.Latent],
                    tooltip="An IMAGE batch in the order of time, or the LATENT of a video.",
                ),
                io.Vae.Input(
                    "vae", optional=True, tooltip="Decodes frames that are latents of another model. Else not needed."
                ),
                io.Int.Input(
                    "count",
                    default=KEYFRAMES,
                    min=0,
                    max=1000,
                    tooltip="How many frames to keep as keyframes, evenly chosen between the ends. 0 keeps all.",
                ),
                io.Boolean.Input(
                    "ends_included",
                    default=True,
                    advanced=True,
                    tooltip="Whether the first and the last frame stand for the start and end images themselves.",
                ),
                io.String.Input(
                    "times",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Times of all the frames from 0 (start image) to 1 (end image), such as 0.1, 1/2, 0.8. "
                    "Empty: evenly spread.",
                ),
            ],
            outputs=[io.Latent.Output(display_name="keyframes", tooltip="For RDVFI Fit Trajectory.")],
        )

    @classmethod
    def validate_inputs(cls, times: str = "") -> bool | str:
        try:
            _times(times)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, model, frames, count, ends_included, vae=None, times="") -> io.NodeOutput:
        if isinstance(frames, dict):
            return io.NodeOutput(to_latent(chosen_from_latent(frames, model, vae, count, ends_included, _times(times))))
        pictures = Pictures.of(frames, "frames")
        chosen, when = choose(len(pictures), count, ends_included, _times(times))
        rgb = torch.cat([pictures.rgb(i) for i in chosen])
        return io.NodeOutput(to_latent(loaded(model).encode_frames(rgb, when)))


def _times(text: str) -> list[float]:
    times = [float(time) for time in parse_times(text or "")]
    if times:
        check_times(times)
    return times
