"""The bridge: latents of a space that the estimator does not read become frames again, by the VAE they belong to."""

from __future__ import annotations

import comfy.ldm.modules.temporal_ae
import comfy.ldm.wan.vae
import comfy.taesd.taehv
from torch import Tensor

from ...rdvfi_core.keyframes.latents import frames_of, latents_for

CAUSAL = (comfy.ldm.wan.vae.WanVAE, comfy.taesd.taehv.TAEHV)  # a frame depends on no later latent


def frame_count(latents: int, vae) -> int:
    """Frames that the VAE makes of so many latents."""
    return frames_of(latents, _temporal_stride(vae))


def latent_frame(index: int, vae) -> int:
    """The frame that a latent stands for: the last of those it holds."""
    return index * _temporal_stride(vae)


def decode_frames(samples: Tensor, vae, wanted: list[int]) -> Tensor:  # (1, C, T, h, w) -> (len(wanted), 3, H, W)
    """These frames of the video, in [0, 1]. Only they are decoded where the VAE knows single frames, and nothing after
    the last of them where it is causal."""
    check_decoder(samples, vae)
    latents = samples.shape[2]
    if getattr(vae, "latent_dim", 2) == 2:
        planes = samples[0].movedim(0, 1)  # (T, C, h, w)
        if _mixes_frames(vae):
            return _rgb(vae.decode(planes)[wanted])
        return _rgb(vae.decode(planes[wanted]))
    network = getattr(vae, "first_stage_model", None)
    needed = latents_for(max(wanted), _temporal_stride(vae)) if isinstance(network, CAUSAL) else latents
    frames = vae.decode(samples[:, :, :needed])[0]
    expected = frames_of(needed, _temporal_stride(vae))
    if len(frames) != expected:
        raise ValueError(
            f"The VAE made {len(frames)} frames of {needed} latents where {expected} were expected; decode them with "
            "VAE Decode and give the frames to RDVFI Keyframes From Frames."
        )
    return _rgb(frames[wanted])


def check_decoder(samples: Tensor, vae) -> None:
    channels = samples.shape[1]
    if vae is None:
        raise ValueError(
            f"The keyframes are latents with {channels} channels of another model; connect the VAE that decodes them."
        )
    own = getattr(vae, "latent_channels", channels)
    if own != channels:
        raise ValueError(
            f"The latent has {channels} channels, the VAE decodes {own}; connect the VAE of the model that made it."
        )


def _temporal_stride(vae) -> int:
    return vae.temporal_compression_decode() or 1


def _mixes_frames(vae) -> bool:
    """SVD's own decoder lets the frames of a batch look at each other."""
    decoder = getattr(getattr(vae, "first_stage_model", None), "decoder", None)
    return isinstance(decoder, comfy.ldm.modules.temporal_ae.VideoDecoder)


def _rgb(frames: Tensor) -> Tensor:
    return frames[..., :3].movedim(-1, 1).float().clamp(0, 1)
