"""RDVFI Timeline: which times to render."""

from __future__ import annotations

from fractions import Fraction

from comfy_api.latest import io

from ..rdvfi_core.timeline import (
    AT_CUTS,
    BLUR_SAMPLES,
    MOST_SAMPLES,
    Plan,
    Source,
    SpeedCurve,
    Timeline,
    exact,
    exact_fps,
    parse_times,
)
from .types import CATEGORY, TimelineType, TimelineValue


class RDVFITimeline(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFITimeline",
            display_name="RDVFI Timeline",
            category=CATEGORY,
            description="Which times are rendered: a multiple of the frame rate, slow motion, another frame rate, "
            "single times, or a speed that changes. Times are exact fractions, so nothing drifts in long clips.",
            search_aliases=[
                "retime", "fps", "frame rate", "slow motion", "speed", "ramp", "curve", "loop", "motion blur",
                "resample", "vfi",
            ],
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
                        io.DynamicCombo.Option(
                            "speed curve",
                            [
                                io.Curve.Input(
                                    "curve", default=[(0.0, 1.0), (0.5, 0.25), (1.0, 1.0)],
                                    tooltip="Speed in the course of the output, from its beginning on the left to its "
                                    "end on the right. The top is fastest_speed, the bottom stands still. Only Nodes "
                                    "2.0 shows it; elsewhere, write speeds.",
                                ),
                                io.Float.Input(
                                    "fastest_speed", default=1.0, min=0.01, max=100.0, step=0.05,
                                    tooltip="Speed at the top of the curve: 1 is the clip's own, 4 four times as fast.",
                                ),
                                io.String.Input(
                                    "speeds", default="", optional=True,
                                    tooltip="Place and speed, instead of the drawn curve where anything is written "
                                    "here: 0: 1, 0.5: 1/4, 1: 1 goes down to a quarter of the speed and up again.",
                                ),
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "plan",
                            [
                                io.String.Input(
                                    "plan", default="", multiline=True, dynamic_prompts=False,
                                    tooltip="A whole plan as JSON, as the output plan_json of a node or the command "
                                    "line writes it, edited as you like. It says everything: of the inputs below "
                                    "only source_fps and frames are looked at.",
                                )
                            ],
                        ),
                    ],
                    tooltip="multiplier: smoother, same speed. slow motion: slower, same rate. target fps: another "
                    "rate, same speed. times: single frames. speed curve: speed that changes, same rate. plan: a plan "
                    "that was edited, frame by frame.",
                ),
                io.Float.Input(
                    "source_fps",
                    default=24.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the input clip. RDVFI Interpolate Video asks the video instead.",
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
                io.Boolean.Input(
                    "loop",
                    default=False,
                    optional=True,
                    tooltip="The last frame moves on to the first, so that the clip repeats without a jump. A last "
                    "frame that is the first one again is left out.",
                ),
                io.Float.Input(
                    "shutter_angle",
                    default=0.0,
                    optional=True,
                    min=0.0,
                    max=360.0,
                    step=15.0,
                    tooltip="Motion blur: 180 is a film camera's, 360 exposes for the whole of an output frame, 0 is "
                    "none. Each frame is then the mean of blur_samples frames, and takes as many times longer.",
                ),
                io.Int.Input(
                    "blur_samples",
                    default=BLUR_SAMPLES,
                    optional=True,
                    min=2,
                    max=MOST_SAMPLES,
                    advanced=True,
                    tooltip="Frames that a blurred frame is the mean of. More where fast motion shows as steps.",
                ),
                io.Combo.Input(
                    "at_cuts",
                    options=list(AT_CUTS),
                    default="hold",
                    optional=True,
                    advanced=True,
                    tooltip="Between two shots. hold: the last frame of the first one stays. blend: fades over. gap: "
                    "no output frames.",
                ),
                io.Boolean.Input(
                    "resample_all",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip="No output frame is one of the clip's own: all are made the same way, so that sharpness "
                    "and grain do not pulse.",
                ),
            ],
            outputs=[
                TimelineType.Output(display_name="timeline", tooltip="For RDVFI Interpolate, of images or video."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the output."),
                io.String.Output(display_name="plan", tooltip="The plan as text, where the number of frames is given."),
                io.String.Output(
                    display_name="plan_json",
                    tooltip="The plan as JSON, where the number of frames is given: to be edited and given back in the "
                    "mode plan.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, mode: dict, source_fps: float, frames: int, loop=False, shutter_angle=0.0, blur_samples=BLUR_SAMPLES,
        at_cuts="hold", resample_all=False,
    ) -> io.NodeOutput:  # fmt: skip
        options = {
            "loop": loop,
            "shutter": exact(shutter_angle),
            "blur_samples": blur_samples,
            "at_cuts": at_cuts,
            "resample_all": resample_all,
        }
        if mode["mode"] == "plan":
            plan = Plan.from_json(mode["plan"])
            if frames:
                plan.check_source(frames)
            value = TimelineValue(plan, exact_fps(source_fps))
            return io.NodeOutput(value, float(plan.fps), plan.describe(), plan.to_json())
        value = TimelineValue(make_timeline(mode, options), exact_fps(source_fps))
        source = Source.constant(frames, value.source_fps)
        fps = float(value.timeline.output_fps(source))
        if not frames:
            return io.NodeOutput(value, fps, f"Output at {fps:.6g} fps.", "")
        plan = value.timeline.plan(source)
        return io.NodeOutput(value, fps, plan.describe(), plan.to_json())


def make_timeline(mode: dict, options: dict) -> Timeline:
    kind = mode["mode"]
    if kind == "target fps":
        return Timeline.resampled(exact_fps(mode["fps"]), **options)
    if kind == "times":
        return Timeline.at(parse_times(mode["positions"]), **options)
    if kind == "speed curve":
        written = mode.get("speeds") or ""  # None where a saved graph does not have it
        drawn = mode["curve"], exact(mode["fastest_speed"])
        return Timeline.curved(SpeedCurve.parse(written) if written.strip() else speed_curve(*drawn), **options)
    if kind == "slow motion":
        return Timeline.slowed(mode["factor"], **options)
    return Timeline.multiplied(mode["factor"], **options)


def speed_curve(drawn: dict | list, fastest: Fraction) -> SpeedCurve:
    """From the value of core's curve widget, whose y goes from 0 to 1. What the mouse drew is rounded to 1 / 10000, so
    that times stay readable."""
    points, interpolation = drawn, "monotone_cubic"
    if isinstance(drawn, dict):
        points, interpolation = drawn["points"], drawn.get("interpolation", interpolation)
    return SpeedCurve.of([(round(exact(x), 4), round(exact(y), 4) * fastest) for x, y in points], interpolation)
