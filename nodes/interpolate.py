"""RDVFI Interpolate: a clip in, a clip at other times out, pair by pair."""

from __future__ import annotations

from comfy_api.latest import io

from ..rdvfi_core.timeline import Plan, Timeline, exact_fps
from .images import Pair, Pictures, empty_frames
from .networks import interrupted, loaded
from .progress import Progress
from .types import CATEGORY, Model, TimelineType


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
                    "timeline", optional=True, tooltip="From RDVFI Timeline: a rate, slow motion or single times."
                ),
                io.Combo.Input(
                    "keyframes",
                    options=["auto", "straight", "generated"],
                    default="auto",
                    advanced=True,
                    tooltip="auto: imagined keyframes where the weights hold a generator, else straight motion.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=False,  # else the page draws a new seed, and so a new clip, for every run
                    advanced=True,
                    tooltip="Noise of generated keyframes.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The output frames."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the output, for Create Video."),
                io.Int.Output(display_name="frame_count", tooltip="Number of output frames."),
                io.String.Output(display_name="plan", tooltip="Which output frame comes from where, as text."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, images, multiplier, source_fps, keyframes, seed, timeline: Timeline | None = None
    ) -> io.NodeOutput:
        pictures = Pictures.of(images, "images")
        plan = (timeline or Timeline.multiplied(multiplier, exact_fps(source_fps))).plan(len(pictures))
        frames = render_plan(model, pictures, plan, keyframes, seed)
        return io.NodeOutput(frames, float(plan.fps), len(plan), plan.describe())


def render_plan(model, pictures: Pictures, plan: Plan, keyframes: str, seed: int):
    """(len(plan), H, W, C). One pair is held at a time; nothing but the output grows with the number of frames."""
    out, bar, done = empty_frames(len(plan), pictures), Progress(len(plan)), 0
    for i, taus in plan.pairs():
        pair = Pair.neighbours(pictures, i)
        if all(tau.denominator == 1 for tau in taus):
            for tau in taus:
                interrupted()
                out[done] = pictures.images[i + int(tau)]
                done += 1
                bar.step()
            continue
        trajectory = loaded(model).fit(pair.start, pair.end, seed, keyframes, should_stop=interrupted)
        interpolator = loaded(model, *pictures.size)
        for frame in interpolator.stream(
            pair.start, pair.end, trajectory, taus, should_stop=interrupted, planes=pair.planes
        ):
            out[done] = pictures.restore(frame)
            done += 1
            bar.step(frame)
    return out
