"""By how much one picture has to be shifted to lie on another: phase correlation (Kuglin and Hines 1975), with peaks
for several things that move differently."""

from __future__ import annotations

import torch
from torch import Tensor

APART = 4  # px between two peaks, along one axis at least
LEAST_MAGNITUDE = 1e-6


def strongest_shifts(
    first: Tensor,  # (B, C, h, w), around 0; 0 where nothing is to be compared
    second: Tensor,  # (B, C, h, w)
    count: int,
) -> Tensor:  # (count, B, 2) px, x then y: what first shows at p, second shows at p + shift; the strongest one first
    """Spectra are divided by the root of their magnitude: by all of it, as pure phase correlation does, small things
    would drown in noise; by none of it, soft and large ones would drown the others."""
    height, width = (2 * side for side in first.shape[-2:])  # padded, so that no shift comes in again at the other side
    spectrum = (torch.fft.rfft2(first, s=(height, width)).conj() * torch.fft.rfft2(second, s=(height, width))).sum(1)
    scores = torch.fft.irfft2(spectrum / (spectrum.abs().sqrt() + LEAST_MAGNITUDE), s=(height, width))
    rows, columns = (torch.arange(side, device=first.device) for side in (height, width))
    found = []
    for _ in range(count):
        best = scores.flatten(1).argmax(1)
        y, x = best // width, best % width
        found.append(torch.stack((_signed(x, width), _signed(y, height)), -1))
        near_y = _signed((rows - y[:, None]) % height, height).abs() <= APART  # (B, height)
        near_x = _signed((columns - x[:, None]) % width, width).abs() <= APART
        scores = scores.masked_fill(near_y[:, :, None] & near_x[:, None], -torch.inf)
    return torch.stack(found).to(first.dtype)


def _signed(shift: Tensor, length: int) -> Tensor:
    """Of 0 .. length - 1 the second half stands for shifts backward."""
    return torch.where(shift < (length + 1) // 2, shift, shift - length)
