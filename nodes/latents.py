"""Keyframes as a LATENT: its dict also says when its frames are and what its channels mean."""

from __future__ import annotations

from collections.abc import Sequence

import comfy.model_management as mm
from torch import Tensor

from ..rdvfi_core.keyframes.keyframes import Keyframes, choose
from ..rdvfi_core.keyframes.latents import SVD, latent_times
from .backbones.bridge import check_decoder, decode_frames, frame_count, latent_frame
from .networks import loaded

KEY = "rdvfi"  # of a LATENT's dict: {"times": (N,), "space": name}


def to_latent(keyframes: Keyframes) -> dict:
    """Frames are the batch where core's nodes expect that, as they do for SVD."""
    video = keyframes.latents.movedim(1, 2)
    samples = keyframes.latents[0] if keyframes.space == SVD.name else video
    return {
        "samples": samples.to(mm.intermediate_device()),
        KEY: {"times": keyframes.times, "space": keyframes.space},
    }


def from_latent(latent: dict, model, size: tuple[int, int], vae=None) -> Keyframes:
    """The keyframes of a LATENT in the space that the model's estimator reads, on a motion grid of `size`. Those of
    another space cross the bridge: `vae` decodes them, and the frames are encoded anew. Latents at the times 0 and 1
    stand for the two images, which take their place."""
    samples = video(latent)
    latents, known = samples.shape[2], latent.get(KEY)
    brought = known is not None and len(known["times"]) == latents
    if known is not None and known["space"] == estimator_space(model):
        times = known["times"] if brought else latent_times(latents, 1)
        return Keyframes(samples.movedim(1, 2), tuple(times), known["space"])
    check_decoder(samples, vae)
    times = known["times"] if brought else latent_times(latents, 1)
    inner = [i for i, time in enumerate(times) if 0 < time < 1]
    if not inner:
        raise ValueError(f"None of the {latents} latents lies between the two images; give at least 3.")
    rgb = decode_frames(samples, vae, [latent_frame(i, vae) for i in inner])
    return loaded(model, keyframes=len(inner)).encode_frames(rgb, [times[i] for i in inner], size)


def chosen_from_latent(
    latent: dict, model, vae, count: int, ends_included: bool, times: Sequence[float] = ()
) -> Keyframes:
    """`count` keyframes, evenly in time, of a LATENT: single latents where the estimator reads its space or where their
    times are known, else frames of the video that it decodes to. `times`: of the latents, or of the frames."""
    samples, known = video(latent), latent.get(KEY)
    latents = samples.shape[2]
    if not times and known is not None and len(known["times"]) == latents:
        times = known["times"]
    if known is not None and known["space"] == estimator_space(model):
        chosen, when = choose(latents, count, ends_included, times)
        return Keyframes(samples.movedim(1, 2)[:, chosen], when, known["space"])
    check_decoder(samples, vae)
    if latents < 2:
        raise ValueError(f"The latent holds {latents} frame; give a video of at least 2.")
    if len(times) == latents:
        chosen, when = choose(latents, count, ends_included, times)
        frames = [latent_frame(i, vae) for i in chosen]
    else:
        frames, when = choose(frame_count(latents, vae), count, ends_included, times)
    return loaded(model, keyframes=len(when)).encode_frames(decode_frames(samples, vae, frames), when)


def estimator_space(model) -> str:
    return model.model.space


def video(latent: dict) -> Tensor:  # (1, C, N, h, w)
    """A LATENT's frames: of a video model, or of an image model whose batch is the time."""
    samples = latent["samples"]
    if samples.ndim == 4:
        return samples.movedim(0, 1)[None]
    if samples.ndim != 5 or len(samples) != 1:
        raise ValueError(
            f"The latent has the shape {tuple(samples.shape)}; give one video (1, C, N, h, w), or frames (N, C, h, w). "
            "Latent From Batch takes one video out of many."
        )
    return samples
