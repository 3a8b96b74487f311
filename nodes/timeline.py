"""RDVFI Timeline: which times to render."""

from __future__ import annotations

from comfy_api.latest import io

from ..rdvfi_core.timeline import Timeline, exact_fps, parse_times
from .types import CATEGORY, TimelineType


class RDVFITimeline(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFITimeline",
            display_name="RDVFI Timeline",
            category=CATEGORY,
            description="Which times RDVFI Interpolate renders: a multiple of the frame rate, slow motion, another "
            "frame rate, or single times. Times are exact fractions, so nothing drifts in long clips.",
            search_aliases=["retime", "fps", "frame rate", "slow motion", "speed", "resample", "vfi"],
            inputs=[
                io.DynamicCombo.Input(
                    "mode",
                    options=[
                        io.DynamicCombo.Option(
                            "multiplier",
                            [
                                io.Float.Input(
                                    "factor", default=2.0, min=1.0, max=256.0, step=0.5,
                                    tooltip="Output frames for each input frame, at as many times the rate.",
                                )
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "slow motion",
                            [
                                io.Float.Input(
                                    "factor", default=4.0, min=1.0, max=256.0, step=0.5,
                                    tooltip="How many times longer the clip becomes, at the same rate.",
                                )
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "target fps",
                            [
                                io.Float.Input(
                                    "fps", default=60.0, min=0.01, max=1000.0, step=0.001,
                                    tooltip="Rate of the output; the duration stays. 23.976 and 29.97 mean 24000/1001 "
                                    "and 30000/1001.",
                                )
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "times",
                            [
                                io.String.Input(
                                    "positions", default="0, 0.5, 1",
                                    tooltip="Positions in the clip, counted in its frames from 0: 1.5 lies between the "
                                    "second and the third. Numbers or fractions, in any order.",
                                )
                            ],
                        ),
                    ],
                    tooltip="multiplier: smoother, same speed. slow motion: slower, same rate. target fps: another "
                    "rate, same speed. times: single frames.",
                ),
                io.Float.Input(
                    "source_fps",
                    default=24.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the input clip.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=10_000_000,
                    advanced=True,
                    tooltip="Number of frames of the clip, to see the whole plan as text before anything is computed. "
                    "0: not known yet.",
                ),
            ],
            outputs=[
                TimelineType.Output(display_name="timeline", tooltip="For RDVFI Interpolate."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the output."),
                io.String.Output(display_name="plan", tooltip="The plan as text, where the number of frames is given."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, mode: dict, source_fps: float, frames: int) -> io.NodeOutput:
        timeline = make_timeline(mode, source_fps)
        fps = float(timeline.fps)
        text = timeline.plan(frames).describe() if frames else f"Output at {fps:.6g} fps."
        return io.NodeOutput(timeline, fps, text)


def make_timeline(mode: dict, source_fps: float) -> Timeline:
    source, kind = exact_fps(source_fps), mode["mode"]
    if kind == "target fps":
        return Timeline.resampled(source, exact_fps(mode["fps"]))
    if kind == "times":
        return Timeline.at(parse_times(mode["positions"]), source)
    return Timeline.multiplied(mode["factor"], source, slow_motion=kind == "slow motion")
