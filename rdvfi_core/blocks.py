"""Convolutional pieces that several networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), same size."""

    def __init__(self, width: int, operations=nn):
        super().__init__()
        self.first = operations.Conv2d(width, width, 3, padding=1)
        self.second = operations.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


def convex_upsample(
    values: Tensor,  # (B, C, h, w) float32
    weights: Tensor,  # (B, 9 * factor**2, h, w) logits
    factor: int,
) -> Tensor:  # (B, C, factor * h, factor * w)
    """Every fine pixel is a learned convex combination of the 3x3 coarse neighbours (RAFT, section 3.3). Values are not
    rescaled: a flow must be multiplied by `factor` by the caller."""
    batch, channels, height, width = values.shape
    weights = weights.float().view(batch, 9, factor * factor, height, width).softmax(1)
    neighbours = F.unfold(F.pad(values, (1, 1, 1, 1), mode="replicate"), 3).view(batch, channels, 9, height, width)
    mixed = (weights[:, None] * neighbours[:, :, :, None]).sum(2)  # no matrix product: it would copy cell by cell
    return F.pixel_shuffle(mixed.flatten(1, 2), factor)


def bilinear_upsample(values: Tensor, factor: int) -> Tensor:
    """What `convex_upsample` is compared with. Values are not rescaled either."""
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)


def exact(like: Tensor) -> torch.autocast:
    """No autocast inside: products of coordinates would be rounded to the networks' precision."""
    return torch.autocast(like.device.type, enabled=False)


def zero_(layer: nn.Module) -> nn.Module:
    """The layer, so initialised that it outputs zeros."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def local_correlation(first: Tensor, second: Tensor, radius: int = 1) -> Tensor:
    """(B, (2 radius + 1)^2, h, w): mean product of `first` with `second` shifted by every offset within the radius."""
    return _LocalCorrelation.apply(first, second, radius)


class _LocalCorrelation(torch.autograd.Function):
    """Written out because autograd would fill a tensor of the input's size with zeros for each of the shifts."""

    @staticmethod
    def forward(ctx, first: Tensor, second: Tensor, radius: int) -> Tensor:
        # Channels beside each other: the means over them then read memory in order, three times as fast on a CPU.
        first = first.contiguous(memory_format=torch.channels_last)
        padded = F.pad(second.contiguous(memory_format=torch.channels_last), (radius,) * 4)
        ctx.save_for_backward(first, padded)
        ctx.radius = radius
        height, width = first.shape[-2:]
        rows = []
        for dy in range(2 * radius + 1):  # a whole row of offsets at once: few steps
            views = padded[:, :, dy : dy + height].unfold(3, width, 1)  # (B, C, h, 2 radius + 1, w)
            rows.append((first[:, :, :, None] * views).mean(1).transpose(1, 2))
        return torch.cat(rows, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        first, padded = ctx.saved_tensors
        radius = ctx.radius
        gradient = gradient / first.shape[1]
        to_first, to_padded = torch.zeros_like(first), torch.zeros_like(padded)
        views = zip(gradient.unbind(1), _shifts(padded, radius), _shifts(to_padded, radius), strict=True)
        for g, view, to_view in views:
            to_first.addcmul_(g[:, None], view)
            to_view.addcmul_(g[:, None], first)
        return to_first, F.pad(to_padded, (-radius,) * 4), None


def _shifts(padded: Tensor, radius: int) -> list[Tensor]:
    side = 2 * radius + 1
    height, width = padded.shape[-2] - 2 * radius, padded.shape[-1] - 2 * radius
    return [padded[..., dy : dy + height, dx : dx + width] for dy in range(side) for dx in range(side)]
