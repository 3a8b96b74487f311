"""What Wan and SVD see of two images beside the noise: the frames that are given, in the layout each was trained on.
Nodes and training share it. Latents are as `latents` counts them."""

from __future__ import annotations

import torch
from torch import Tensor

from .latents import WAN21

GREY = 0.5  # of the frames that Wan is to make
CLIP_WIDTH = 1280  # of the CLIP features that Wan's image branch reads


def wan_clip(start: Tensor, end: Tensor, length: int) -> Tensor:  # (3, h, w) twice -> (length, 3, h, w)
    """[start, grey, ..., grey, end]: encoded as one video, because the VAE is causal."""
    clip = start.new_full((length, *start.shape), GREY)
    clip[0], clip[-1] = start, end
    return clip


def wan_mask(latents: int, height: int, width: int) -> Tensor:  # (1, 4, T, h, w) of the latent grid
    """1 where a frame is to be made: each latent has a channel for each of its four frames, and the first latent, one
    frame, fills its four with it."""
    frames = WAN21.temporal_stride
    mask = torch.ones(1, 1, latents * frames, height, width)
    mask[:, :, :frames] = 0
    mask[:, :, -1:] = 0
    return mask.view(1, latents, frames, height, width).transpose(1, 2)


def svd_rows(first: Tensor, last: Tensor, frames: int) -> Tensor:  # (1, 4, h, w) twice -> (frames, 4, h, w)
    """One row for every frame, zeros between the ends: ComfyUI would repeat fewer rows, not leave frames out."""
    return torch.cat((first, first.new_zeros(frames - 2, *first.shape[1:]), last))
