"""RDVFI Keyframes: what a generator or a diffusion model imagines between two images."""

from __future__ import annotations

from comfy_api.latest import io

from ..rdvfi_core.conventions import KEYFRAMES, motion_size
from ..rdvfi_core.keyframes.keyframes import SOURCES
from ..rdvfi_core.pixels.warp import resize
from . import backbones
from .backbones.request import Request
from .images import Pair, pairs
from .latents import to_latent
from .networks import Networks, interrupted, loaded
from .types import CATEGORY, Model

MOST_LATENTS = 33  # of a backbone's clip: 129 frames of Wan


class RDVFIKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFIKeyframes",
            display_name="RDVFI Keyframes",
            category=CATEGORY,
            description="Sparse latent keyframes between two images, at low resolution: imagined in one step by a "
            "diffusion model (Wan2.1-Fun-InP, Wan first-last-frame, SVD) or by the weights' own generator, else both "
            "images warped along the motion between them.",
            search_aliases=[
                "in-between",
                "tween",
                "inbetween",
                "latent keyframes",
                "generative inbetweening",
                "wan",
                "svd",
            ],
            inputs=[
                io.MultiType.Input(
                    "model",
                    types=[Model, io.Model],
                    tooltip="From RDVFI Load Model, or a diffusion MODEL that makes a clip between two images: "
                    "Wan2.1-Fun-InP, Wan first-last-frame or image-to-video, SVD.",
                ),
                io.Image.Input("start_image", tooltip="The first image (time 0)."),
                io.Image.Input("end_image", tooltip="The second image (time 1), of the same size."),
                io.Int.Input(
                    "count",
                    default=KEYFRAMES,
                    min=1,
                    max=MOST_LATENTS,
                    advanced=True,
                    tooltip="Number of keyframes, evenly between the two images. Of a diffusion MODEL: latents of its "
                    "clip, both images included; 7 are 25 frames of Wan.",
                ),
                io.Combo.Input(
                    "source",
                    options=list(SOURCES),
                    default="auto",
                    advanced=True,
                    tooltip="auto: generated where the weights hold a generator, else as straight. straight: both "
                    "images warped along the motion between them. generated: refuse weights without a generator.",
                ),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=100,
                    advanced=True,
                    tooltip="Sampling steps. One is for models tuned to one step; others need 4 with a distilled LoRA, "
                    "20 or more without.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Noise of the generator. Straight keyframes do not depend on it.",
                ),
                io.Vae.Input(
                    "vae", optional=True, tooltip="Of the diffusion MODEL, which it needs to see the two images."
                ),
                io.Conditioning.Input(
                    "positive", optional=True, tooltip="Text for a diffusion MODEL. Unconnected: no text."
                ),
                io.Conditioning.Input(
                    "negative", optional=True, tooltip="Used where cfg is not 1. Unconnected: no text."
                ),
                io.ClipVisionOutput.Input(
                    "clip_vision_start_image",
                    optional=True,
                    tooltip="CLIP features of the start image, for a diffusion MODEL that reads them. Unconnected: "
                    "zeros.",
                ),
                io.ClipVisionOutput.Input(
                    "clip_vision_end_image",
                    optional=True,
                    tooltip="CLIP features of the end image, for Wan first-last-frame models.",
                ),
                io.Float.Input(
                    "cfg",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    optional=True,
                    advanced=True,
                    tooltip="Guidance of a diffusion MODEL. 1 for one-step and distilled models, and twice as fast.",
                ),
                io.Float.Input(
                    "shift",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Noise shift of Wan for more than one step. 0: the MODEL's own.",
                ),
                io.Int.Input(
                    "long_side",
                    default=0,
                    min=0,
                    max=2048,
                    step=32,
                    optional=True,
                    advanced=True,
                    tooltip="Longer side in pixels of the clip that a diffusion MODEL makes. 0: the motion grid, about "
                    "448x256. Models that were not tuned to it draw better at their own size, such as 832.",
                ),
                io.Int.Input(
                    "fps",
                    default=6,
                    min=1,
                    max=1024,
                    optional=True,
                    advanced=True,
                    tooltip="Frames per second that SVD is told.",
                ),
                io.Int.Input(
                    "motion_bucket",
                    default=127,
                    min=1,
                    max=1023,
                    optional=True,
                    advanced=True,
                    tooltip="How much motion SVD is told to make.",
                ),
                io.Float.Input(
                    "augmentation",
                    default=0.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Noise on the images that SVD sees, and is told about.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="keyframes",
                    tooltip="For RDVFI Fit Trajectory, or VAE Decode with the VAE of the model that made them.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model,
        start_image,
        end_image,
        count,
        source,
        steps,
        seed,
        vae=None,
        positive=None,
        negative=None,
        clip_vision_start_image=None,
        clip_vision_end_image=None,
        cfg=1.0,
        shift=0.0,
        long_side=0,
        fps=6,
        motion_bucket=127,
        augmentation=0.0,
    ) -> io.NodeOutput:
        if isinstance(getattr(model, "model", None), Networks):
            pair = Pair.of(start_image, end_image)
            found = loaded(model).keyframes(pair.start, pair.end, count, seed, source, steps, interrupted)
            return io.NodeOutput(to_latent(found))
        if source == "straight":
            raise ValueError(
                "Straight keyframes need no diffusion MODEL; connect RDVFI Load Model, or set source to auto."
            )
        starts, ends = pairs(start_image, end_image)
        size = keyframe_size(*starts.shape[-2:], long_side)
        request = Request(
            model=model,
            vae=vae,
            starts=resize(starts, *size),
            ends=resize(ends, *size),
            count=count,
            seed=seed,
            steps=steps,
            cfg=cfg,
            shift=shift,
            positive=positive,
            negative=negative,
            clip_start=clip_vision_start_image,
            clip_end=clip_vision_end_image,
            fps=fps,
            motion_bucket=motion_bucket,
            augmentation=augmentation,
        )
        return io.NodeOutput(to_latent(backbones.keyframes(request)))


def keyframe_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """(h, w) of the frames that a backbone makes for images of (height, width): the motion grid, or about so long."""
    if not long_side:
        return motion_size(height, width)
    return motion_size(height, width, round(long_side**2 * min(height, width) / max(height, width)))
