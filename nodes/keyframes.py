"""RDVFI Keyframes, and RDVFI Keyframes From Frames. Keyframes travel as a LATENT (1, C, N, h, w) that also knows when
its frames are and what its channels mean."""

from __future__ import annotations

import comfy.model_management as mm
import torch
from comfy_api.latest import io
from torch import Tensor

from ..rdvfi_core.conventions import KEYFRAMES, spanning_times, uniform_times
from ..rdvfi_core.keyframes import MOST_KEYFRAMES, Keyframes, check_times
from ..rdvfi_core.timeline import parse_times
from .images import Pair, Pictures
from .networks import interrupted, loaded
from .types import CATEGORY, Model

KEY = "rdvfi"  # of a LATENT's dict: {"times": (N,), "space": name}
BUILT_IN_SPACE = "rdvfi"


class RDVFIKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIKeyframes",
            display_name="RDVFI Keyframes",
            category=CATEGORY,
            description="Sparse latent keyframes between two images, at low resolution. With a generator's weights "
            "they are imagined in one step; without, both images are warped along straight motion.",
            search_aliases=["in-between", "tween", "inbetween", "latent keyframes", "generative inbetweening"],
            inputs=[
                Model.Input("model", tooltip="From RDVFI Load Model."),
                io.Image.Input("start_image", tooltip="The first image (time 0)."),
                io.Image.Input("end_image", tooltip="The second image (time 1), of the same size."),
                io.Int.Input(
                    "count",
                    default=KEYFRAMES,
                    min=1,
                    max=MOST_KEYFRAMES,
                    advanced=True,
                    tooltip="Number of keyframes, evenly between the two images.",
                ),
                io.Combo.Input(
                    "source",
                    options=["auto", "straight", "generated"],
                    default="auto",
                    advanced=True,
                    tooltip="auto: generated where the weights hold a generator, else straight. straight: both images "
                    "warped along straight motion. generated: refuse weights without a generator.",
                ),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=50,
                    advanced=True,
                    tooltip="Sampling steps of the generator. It is trained for one.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Noise of the generator. Straight keyframes do not depend on it.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="keyframes",
                    tooltip="For RDVFI Fit Trajectory, or VAE Decode with the vae of RDVFI Load Model.",
                )
            ],
        )

    @classmethod
    def execute(cls, model, start_image, end_image, count, source, steps, seed) -> io.NodeOutput:
        pair = Pair.of(start_image, end_image)
        found = loaded(model).keyframes(pair.start, pair.end, count, seed, source, steps, interrupted)
        return io.NodeOutput(to_latent(found))


class RDVFIKeyframesFromFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIKeyframesFromFrames",
            display_name="RDVFI Keyframes From Frames",
            category=CATEGORY,
            description="Makes keyframes of frames that exist already: the decoded frames or the latents of any video "
            "generator. Motion then follows these frames, and only the two end images are warped.",
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
            samples, known = video(frames), frames.get(KEY)
            if known is not None and known["space"] == BUILT_IN_SPACE:
                chosen, when = choose(samples.shape[2], count, ends_included, _times(times), known["times"])
                return io.NodeOutput(to_latent(Keyframes(samples.movedim(1, 2)[:, chosen], when, BUILT_IN_SPACE)))
            frames = decoded(frames["samples"], vae)
        pictures = Pictures.of(frames, "frames")
        chosen, when = choose(len(pictures), count, ends_included, _times(times))
        rgb = torch.cat([pictures.rgb(i) for i in chosen])
        return io.NodeOutput(to_latent(loaded(model).encode_frames(rgb, when)))


def choose(
    frames: int, count: int, ends_included: bool, times: list[float], known: tuple[float, ...] | None = None
) -> tuple[list[int], tuple[float, ...]]:
    """Which of the frames become keyframes, and their times. `times`, or else those that the frames bring along, or
    else even spacing."""
    if times:
        if len(times) != frames:
            raise ValueError(f"There are {len(times)} times for {frames} frames; give one for each, or none.")
    elif known is not None:
        times = known
    elif ends_included:
        if frames < 3:
            raise ValueError(f"There are {frames} frames, both ends included; give at least 3 to have one between.")
        times = spanning_times(frames)
    else:
        times = uniform_times(frames)
    check_times(times)
    inner = [i for i, time in enumerate(times) if 0 < time < 1]
    if not inner:
        raise ValueError("None of the frames lies between the start and end images; give frames from between.")
    if 0 < count < len(inner):
        inner = [inner[round((i + 1) * (len(inner) + 1) / (count + 1)) - 1] for i in range(count)]
    return inner, tuple(float(times[i]) for i in inner)


def to_latent(keyframes: Keyframes) -> dict:
    samples = keyframes.latents.movedim(1, 2).to(mm.intermediate_device())
    return {"samples": samples, KEY: {"times": keyframes.times, "space": keyframes.space}}


def from_latent(latent: dict, model, size: tuple[int, int], vae=None) -> Keyframes:
    """The keyframes of a LATENT in the built-in space, on a motion grid of `size`. Latents of another space cross over
    through RGB: `vae` decodes them, and the frames at their times are encoded anew."""
    samples = video(latent)
    known = latent.get(KEY)
    if known is not None and len(known["times"]) == samples.shape[2]:
        times = known["times"]
    else:
        times = latent_times(samples.shape[2])
    if known is not None and known["space"] == BUILT_IN_SPACE:
        return Keyframes(samples.movedim(1, 2), tuple(times), BUILT_IN_SPACE)
    frames = decoded(latent["samples"], vae)
    last = samples.shape[2] - 1
    picked = [round(i * (len(frames) - 1) / last) if last else 0 for i in range(last + 1)]
    rgb = frames[picked][..., :3].movedim(-1, 1).float()
    return loaded(model).encode_frames(rgb, times, size)


def decoded(samples: Tensor, vae) -> Tensor:  # a LATENT's samples, as another model made them -> (F, H, W, 3)
    """All frames of the video at once: a VAE that packs several frames into a latent needs all the latents before."""
    if vae is None:
        raise ValueError(
            f"The keyframes are latents with {samples.shape[1]} channels of another model; connect the VAE that "
            "decodes them."
        )
    frames = vae.decode(samples)
    return frames.reshape(-1, *frames.shape[-3:])


def latent_times(count: int) -> tuple[float, ...]:
    """Of latents that bring no times along: the first is the start image, the last is the end image."""
    return uniform_times(1) if count == 1 else spanning_times(count)


def video(latent: dict) -> Tensor:  # (1, C, N, h, w)
    """A LATENT's frames: of a video model, or of an image model whose batch is the time."""
    samples = latent["samples"]
    if samples.ndim == 4:
        return samples.movedim(0, 1)[None]
    if samples.ndim != 5 or len(samples) != 1:
        raise ValueError(
            f"The latent has the shape {tuple(samples.shape)}; give one video (1, C, N, h, w), or frames (N, C, h, w)."
        )
    return samples


def _times(text: str) -> list[float]:
    times = [float(time) for time in parse_times(text or "")]
    if times:
        check_times(times)
    return times
