"""RDVFI Interpolate: a clip in, a clip at other times out, pair by pair."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ..rdvfi_core.retime import render
from ..rdvfi_core.scan import CUT_THRESHOLD, scan
from ..rdvfi_core.timeline import Plan, Source, Timeline, exact_fps
from .clip_inputs import motion_inputs, reading_inputs
from .images import Pictures, check_room, empty_frames
from .networks import Loaded, interrupted
from .preview import Preview
from .progress import Progress
from .types import CATEGORY, Model, TimelineType, TimelineValue

TO_A_FILE = "lower the multiplier or the rate, or use RDVFI Interpolate Video, which writes to a file"


class RDVFIInterpolate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIInterpolate",
            display_name="RDVFI Interpolate",
            category=CATEGORY,
            description="Puts frames between the frames of a clip. The clip's own frames pass through untouched.",
            search_aliases=[
                "frame interpolation", "vfi", "rife", "film", "slow motion", "in-between", "tween", "retime", "fps",
            ],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.Image.Input("images", tooltip="Two frames or more, in the order of time. Alpha moves along."),
                io.Int.Input(
                    "multiplier",
                    default=2,
                    min=1,
                    max=256,
                    tooltip="Output frames for each input frame. Not used where a timeline is connected.",
                ),
                io.Float.Input(
                    "source_fps",
                    default=24.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    tooltip="Frames per second of the input; only the output fps depends on it. Not used where a "
                    "timeline is connected.",
                ),
                TimelineType.Input(
                    "timeline",
                    optional=True,
                    tooltip="From RDVFI Timeline: a rate, slow motion, single times or an edited plan.",
                ),
                *motion_inputs(),
                *reading_inputs(optional=True),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The output frames."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the output, for Create Video."),
                io.Int.Output(display_name="frame_count", tooltip="Number of output frames."),
                io.String.Output(display_name="plan", tooltip="Which output frame comes from where, as text."),
                io.String.Output(
                    display_name="plan_json",
                    tooltip="The same as JSON: edited, it goes into RDVFI Timeline, in the mode plan.",
                ),
            ],
            has_intermediate_output=True,  # the preview comes again when nothing has to run again
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, images, multiplier, source_fps, keyframes, seed, cuts="detect", cut_threshold=CUT_THRESHOLD,
        duplicates="auto", timeline: TimelineValue | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        pictures = Pictures.of(images, "images")
        wish = timeline or TimelineValue(Timeline.multiplied(multiplier), exact_fps(source_fps))
        if isinstance(wish.timeline, Plan):
            plan = wish.timeline
            plan.check_source(len(pictures))
            check_room(len(plan), *pictures.size, pictures.channels, TO_A_FILE)
        else:
            count = wish.timeline.frame_count(Source.constant(len(pictures), wish.source_fps))
            check_room(count, *pictures.size, pictures.channels, TO_A_FILE)
            threshold = cut_threshold if cuts == "detect" else None
            found = scan(pictures, threshold, duplicates, should_stop=interrupted)
            source = Source.constant(len(pictures), wish.source_fps, found.cuts, found.duplicates)
            plan = wish.timeline.plan(replace(source, closes=found.closes))
        preview = Preview(plan, *pictures.size)
        frames = render_plan(model, pictures, plan, keyframes, seed, preview)
        text = "\n".join((pictures.note, plan.describe())).lstrip()
        return io.NodeOutput(frames, float(plan.fps), len(plan), text, plan.to_json(), ui=preview.shown())


def render_plan(model, pictures: Pictures, plan: Plan, keyframes: str, seed: int, preview: Preview):
    """(len(plan), H, W, C). One pair is held at a time, and the motion of the next one; nothing but the output
    grows with the number of frames."""
    out, bar = empty_frames(len(plan), *pictures.size, pictures.channels), Progress(len(plan))
    frames = render(Loaded(model, pictures.size), plan, pictures, seed, keyframes, should_stop=interrupted)
    with preview:
        for i, frame in enumerate(frames):
            out[i] = frame.movedim(0, -1)
            preview.write(frame[None])
            bar.step(frame if len(frame) >= 3 else frame.expand(3, -1, -1))
    return out
