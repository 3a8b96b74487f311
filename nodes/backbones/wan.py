"""RDVFI-D: the seven latents of a 25-frame clip between two images, in one step of Wan2.1-Fun-InP.

The clip [I0, grey, ..., grey, I1] is encoded as one video: the VAE is causal, so a latent depends on all frames before
it. The model sees the clip's latents and a mask of what is known beside the noise (36 channels)."""

from __future__ import annotations

import comfy.clip_vision
import comfy.ldm.wan.vae
import comfy.model_base
import comfy.taesd.taehv
import torch
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from torch import Tensor

from ...rdvfi_core.keyframes.keyframes import Keyframes
from ...rdvfi_core.keyframes.known_ends import CLIP_WIDTH, wan_clip, wan_mask
from ...rdvfi_core.keyframes.latents import WAN21, frames_of, latent_times
from ..networks import interrupted
from .request import Conditioning, Request, check_width, noise_like, sample, with_values

INPUT_CHANNELS = 36  # noise 16, mask 4, image latents 16


def is_of_family(model) -> bool:
    return isinstance(model.model, comfy.model_base.WAN21)


def check(request: Request) -> None:
    _check_model(request.model)
    _check_vae(request.vae)
    if request.count < 3:
        raise ValueError(
            f"count is {request.count}; a Wan clip needs at least 3 latent frames, of which the first and the last are "
            "the images."
        )
    width = request.model.model.diffusion_model.text_dim
    check_width(request.positive, width, "positive", "Wan's text encoder umt5")
    check_width(request.negative, width, "negative", "Wan's text encoder umt5")


def encode(request: Request) -> dict:
    """What core's WanFirstLastFrameToVideo adds to a CONDITIONING. CLIP features are zeros where none are given, as in
    Wan-Fun's own inference: without any, ComfyUI's image attention would look at the text instead."""
    length = frames_of(request.count, WAN21.temporal_stride)
    encoded = []
    for start, end in zip(request.starts, request.ends, strict=True):
        interrupted()
        encoded.append(encode_clip(request.vae, wan_clip(start, end, length)))
    values = {
        "concat_latent_image": torch.cat(encoded),
        "concat_mask": wan_mask(request.count, *request.latent_size),
    }
    features = clip_features(request)
    if features is not None:
        values["clip_vision_output"] = comfy.clip_vision.Output()
        values["clip_vision_output"].penultimate_hidden_states = features
    return values


def denoise(request: Request, image_values: dict) -> Keyframes:
    """B clips in one call of the model. image_values: of `encode`."""
    text = request.positive or null_text(request.model)
    positive = with_values(text, image_values)
    negative = None
    if request.cfg != 1:
        negative = with_values(request.negative or null_text(request.model), image_values)
    model = request.model
    if request.shift:
        (model,) = ModelSamplingSD3().patch(model, request.shift)
    shape = (WAN21.channels, request.count, *request.latent_size)
    noise = noise_like((1, *shape), request.seed).expand(len(request.starts), *shape)  # a pair alone gets the same
    latents = sample(request, model, positive, negative, noise, "simple")
    return Keyframes(latents.movedim(2, 1), latent_times(request.count, WAN21.temporal_stride), WAN21.name)


def encode_clip(vae, clip: Tensor) -> Tensor:  # (F, 3, h, w) -> (1, 16, T, h/8, w/8)
    """A tiny autoencoder pools four frames from the first one on; three copies of it before the clip make latent i end
    at frame 4 i, as Wan's own do."""
    if isinstance(vae.first_stage_model, comfy.taesd.taehv.TAEHV):
        clip = torch.cat((clip[:1].expand(WAN21.temporal_stride - 1, -1, -1, -1), clip))
    return vae.encode(clip.movedim(1, -1))


def null_text(model) -> Conditioning:
    """One zero token: as many zero tokens as there may be give the same."""
    return [[torch.zeros(1, 1, model.model.diffusion_model.text_dim), {}]]


def clip_features(request: Request) -> Tensor | None:  # (1, tokens, 1280)
    given = [output.penultimate_hidden_states for output in (request.clip_start, request.clip_end) if output]
    if given:
        return torch.cat(given, dim=-2)
    branch = request.model.model.diffusion_model.img_emb
    if branch is None:
        return None
    tokens = 1 if branch.emb_pos is None else branch.emb_pos.shape[1]  # zero tokens without positions are all alike
    return torch.zeros(1, tokens, CLIP_WIDTH)


def _check_model(model) -> None:
    kind = type(model.model)
    cure = "connect Wan2.1-Fun-InP, or a Wan first-last-frame or image-to-video model."
    if kind is not comfy.model_base.WAN21:
        raise ValueError(f"The MODEL is a {kind.__name__}, whose conditions are not two images; {cure}")
    channels = model.model.diffusion_model.in_dim
    if channels == WAN21.channels:
        raise ValueError(f"The MODEL is a text-to-video Wan, which takes no images; {cure}")
    if channels != INPUT_CHANNELS:
        raise ValueError(
            f"The MODEL reads {channels} channels, as Wan's control models do, not {INPUT_CHANNELS}; {cure}"
        )


def _check_vae(vae) -> None:
    if vae is None:
        raise ValueError("A Wan MODEL needs its VAE to see the two images; connect the Wan 2.1 VAE.")
    network = getattr(vae, "first_stage_model", None)
    channels = getattr(vae, "latent_channels", None)
    if channels != WAN21.channels or not isinstance(network, (comfy.ldm.wan.vae.WanVAE, comfy.taesd.taehv.TAEHV)):
        name = type(network).__name__ if network is not None else type(vae).__name__
        channels = f" with {channels} channels" if channels else ""
        raise ValueError(f"The VAE is a {name}{channels}, the MODEL's latents are Wan 2.1's; connect the Wan 2.1 VAE.")
    if isinstance(network, comfy.taesd.taehv.TAEHV) and network.latent_format is not None:
        raise ValueError(
            "ComfyUI takes this tiny autoencoder for HunyuanVideo's, because its file is float16; connect "
            "lighttaew2_1 or the Wan 2.1 VAE."
        )
