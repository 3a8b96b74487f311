"""Keyframes from diffusion models that ComfyUI loads: which MODEL is of which family, and which one fits."""

from __future__ import annotations

from ...rdvfi_core.keyframes.keyframes import Keyframes
from . import svd, wan
from .request import Request

FAMILIES = (wan, svd)


def keyframes(request: Request) -> Keyframes:
    """The latents of the clips between `request.starts` and `request.ends`, one step of the MODEL by default."""
    family = family_of(request.model)
    family.check(request)
    return family.denoise(request, family.encode(request))


def family_of(model):
    """The module that makes keyframes with this MODEL."""
    for family in FAMILIES:
        if family.is_of_family(model):
            return family
    raise ValueError(
        f"The MODEL is a {type(model.model).__name__}, which does not make a clip between two images; connect "
        "Wan2.1-Fun-InP, a Wan first-last-frame or image-to-video model, SVD, or RDVFI Load Model."
    )
