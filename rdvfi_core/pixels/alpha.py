"""Images with alpha on a ground: what is transparent may hold any colours, which nobody sees and nothing may follow.

Colours and alpha, not premultiplied, become an opaque picture of what is seen before an even ground. What is linear in
pictures, such as warps and their weighted means, is the same there as on premultiplied colours, so that colours
without the ground can be taken out of the result again."""

from __future__ import annotations

import torch
from torch import Tensor

INVISIBLE = 1 / 255  # alpha that 8 bits may round to none, and whose colour is not worth knowing


def ground_for(*images: Tensor) -> float:  # (4, H, W) each
    """Black or white: what is seen of these images on the mean stands out against it."""
    light = sum((image[:3].mean(0) * image[3]).sum(dtype=torch.float32) for image in images)
    seen = sum(image[3].sum(dtype=torch.float32) for image in images)
    return float(light < seen / 2)


def on_ground(image: Tensor, ground: float) -> Tensor:  # (4, H, W) -> (3, H, W)
    return (image[:3] - ground).mul_(image[3:]).add_(ground)


def off_ground(picture: Tensor, ground: float) -> Tensor:  # (4, H, W), colours on the ground -> (4, H, W)
    """What is transparent becomes black."""
    alpha = picture[3:].clamp(0, 1)
    colours = (picture[:3] - ground).div_(alpha.clamp(min=INVISIBLE)).add_(ground).clamp_(0, 1)
    return torch.cat((colours.mul_(alpha >= INVISIBLE), alpha))


def cross_fade(start: Tensor, end: Tensor, share: float) -> Tensor:  # (C, H, W) each, share of the second
    """With alpha, of what is seen of both."""
    if len(start) < 4:
        return torch.lerp(start, end, share)
    mixed = torch.lerp(*(torch.cat((on_ground(image, 0.0), image[3:])) for image in (start, end)), share)
    return off_ground(mixed, 0.0)
