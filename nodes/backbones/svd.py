"""RDVFI-U: the frames of a clip between two images, in one step of Stable Video Diffusion.

SVD sees an image's latent beside the noise of every frame. Here the first frame's is I0, the last one's is I1, and
those between are zeros. Frames are the batch of the UNet, so a call makes one clip."""

from __future__ import annotations

import comfy.model_base
import torch
from torch import Tensor

from ...rdvfi_core.keyframes.keyframes import Keyframes
from ...rdvfi_core.keyframes.known_ends import svd_rows
from ...rdvfi_core.keyframes.latents import SVD, latent_times
from ..networks import interrupted
from .request import Conditioning, Request, check_width, noise_like, sample, with_values

INPUT_CHANNELS = 8  # noise 4, image latent 4
EMBEDDING_WIDTH = 1024  # of the CLIP image embedding


def is_of_family(model) -> bool:
    return isinstance(model.model, comfy.model_base.SVD_img2vid)


def check(request: Request) -> None:
    kind = type(request.model.model)
    cure = "connect Stable Video Diffusion (svd or svd_xt)."
    if kind is not comfy.model_base.SVD_img2vid:
        raise ValueError(f"The MODEL is a {kind.__name__}, which turns around an object; {cure}")
    channels = request.model.model.model_config.unet_config["in_channels"]
    if channels != INPUT_CHANNELS:
        raise ValueError(f"The MODEL reads {channels} channels, SVD reads {INPUT_CHANNELS}; {cure}")
    _check_vae(request.vae)
    if request.count < 3:
        raise ValueError(
            f"count is {request.count}; an SVD clip needs at least 3 frames, of which the first and the last are the "
            "images."
        )
    if len(request.starts) > 1:
        raise ValueError(f"SVD makes one clip at a time, but there are {len(request.starts)} pairs; give one pair.")
    check_width(request.positive, EMBEDDING_WIDTH, "positive", "SVD's CLIP vision")
    check_width(request.negative, EMBEDDING_WIDTH, "negative", "SVD's CLIP vision")


def encode(request: Request) -> Tensor:  # (T, 4, h/8, w/8)
    """One row for every frame: ComfyUI would repeat fewer rows, not leave frames out between them."""
    interrupted()
    ends = torch.cat((request.starts, request.ends))
    if request.augmentation > 0:
        noise = torch.randn(ends.shape, generator=torch.Generator().manual_seed(request.seed))
        ends = ends + request.augmentation * noise.to(ends)
    return svd_rows(*request.vae.encode(ends.movedim(1, -1)).split(1), request.count)


def denoise(request: Request, rows: Tensor) -> Keyframes:
    """rows: of `encode`."""
    positive = with_values(request.positive or image_embedding(request), conditions(request, rows))
    negative = None
    if request.cfg != 1:
        unconditional = request.negative or _embedding(torch.zeros(1, EMBEDDING_WIDTH))
        negative = with_values(unconditional, conditions(request, torch.zeros_like(rows)))
    noise = noise_like((request.count, SVD.channels, *request.latent_size), request.seed)
    latents = sample(request, request.model, positive, negative, noise, "karras")
    return Keyframes(latents[None], latent_times(request.count, SVD.temporal_stride), SVD.name)


def conditions(request: Request, rows: Tensor) -> dict:
    """What core's SVD_img2vid_Conditioning adds to a CONDITIONING."""
    return {
        "concat_latent_image": rows,
        "fps": request.fps,
        "motion_bucket_id": request.motion_bucket,
        "augmentation_level": request.augmentation,
    }


def image_embedding(request: Request) -> Conditioning:
    """Of the start image, as SVD was trained; zeros, its unconditional input, where there is none."""
    if request.clip_start is None:
        return _embedding(torch.zeros(1, EMBEDDING_WIDTH))
    return _embedding(request.clip_start.image_embeds)


def _embedding(embedding: Tensor) -> Conditioning:  # (1, 1024)
    conditioning = [[embedding[:, None], {}]]
    check_width(conditioning, EMBEDDING_WIDTH, "clip_vision_start_image", "SVD's CLIP vision")
    return conditioning


def _check_vae(vae) -> None:
    if vae is None:
        raise ValueError("SVD needs its VAE to see the two images; connect the VAE of its checkpoint.")
    channels, dimensions = getattr(vae, "latent_channels", None), getattr(vae, "latent_dim", None)
    if (channels, dimensions) != (SVD.channels, 2):
        name = type(getattr(vae, "first_stage_model", vae)).__name__
        channels = f" with {channels} channels" if channels else ""
        raise ValueError(f"The VAE is a {name}{channels}, SVD's latents have 4; connect the VAE of its checkpoint.")
