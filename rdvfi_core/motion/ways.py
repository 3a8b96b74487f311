"""Straight ways through the places of a moment between two images: how alike the images are along each of them (a
bilateral cost volume, after BMBC, Park et al. 2020), and how likely that makes it.

A place is 16 px of the motion grid, and a way v leads from x - tau v in I0 through the place x at tau to
x + (1 - tau) v in I1. Directions and units: `conventions`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import exact, zero_

PLACE = 16  # px of the motion grid
SUBPLACES = 4  # of 8 px in each of them, as phi1's features lie
REACH = (8, 5)  # places, x and y: the longest ways
SHAPE = 2 * REACH[1] + 1, 2 * REACH[0] + 1  # of all ways: rows, columns
WAYS = SHAPE[0] * SHAPE[1]
Times = tuple[tuple[float, ...], ...]  # of P pairs, K moments of each
LIKENESS = 8.0  # about the mean of phi1's similarities, which enters the networks as 1


class Ways(nn.Module):
    """How likely each way is, by what the same and similar ways have in common nearby: convolutions over places and
    over ways in turn (after Yang and Ramanan 2019), with one set of weights for near and far ways, so that far ones,
    which are rare, are learned from all."""

    def __init__(self, width: int = 8, spread: tuple[int, ...] = (1, 2, 4), operations=nn):
        super().__init__()
        conv = operations.Conv2d
        self.enter = conv(SUBPLACES + 1, width, 1)
        self.over_places = nn.ModuleList(conv(width, width, 3, padding=d, dilation=d) for d in spread)
        self.over_ways = nn.ModuleList(conv(width, width, 3, padding=1) for _ in spread)
        self.leave = zero_(conv(width, 1, 1))

    def forward(self, alike: Tensor) -> Tensor:  # (B, SUBPLACES + 1, WAYS, h, w) -> (B, WAYS, h, w) float32
        batch, _, _, height, width = alike.shape
        x = (alike / LIKENESS).transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.enter(x)
        for over_places, over_ways in zip(self.over_places, self.over_ways, strict=True):
            y = F.relu(over_places(F.relu(x))).permute(0, 2, 3, 1)  # channels stay beside each other
            y = y.reshape(batch, WAYS, height * width, -1).transpose(1, 2)
            y = over_ways(y.reshape(-1, *SHAPE, y.shape[-1]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            y = y.reshape(batch, height * width, WAYS, -1).transpose(1, 2)
            x = x + y.reshape(-1, height, width, y.shape[-1]).permute(0, 3, 1, 2)
        learned = self.leave(F.relu(x)).reshape(batch, WAYS, height, width)
        plain = F.avg_pool2d(alike[:, :SUBPLACES].mean(1), 3, 1, 1, count_include_pad=False)
        return plain + learned.float()


def along_straight_ways(
    match0: Tensor,  # (P, C, h/8, w/8)
    match1: Tensor,
    times: Times,  # of P pairs, K moments each
) -> Tensor:  # (P K, SUBPLACES + 1, WAYS, h/16, w/16) float32
    """How like each other I0 at x - tau v and I1 at x + (1 - tau) v are, for every x at tau, by the four features in
    each place of the coarsest grid, and every way v of whole places up to REACH, to the nearest feature; 0 where a way
    leaves either image; and the share of the four whose way does not. All similarities of a pair are computed once,
    whatever the number of moments."""
    pairs, channels, height, width = match0.shape
    with exact(match0):
        alike = match0.float().flatten(2).mT @ match1.float().flatten(2)  # (P, hw, hw)
    y, inside_y = _ends_of_ways(times, height, REACH[1], (width * height * width, width), match0.device)
    x, inside_x = _ends_of_ways(times, width, REACH[0], (height * width, 1), match0.device)
    y, inside_y = y[:, :, None, :, None], inside_y[:, :, None, :, None]
    x, inside_x = x[:, None, :, None], inside_x[:, None, :, None]
    number = y + x  # (P K, *SHAPE, h/8, w/8)
    found = alike.flatten(1).gather(1, number.view(pairs, -1)).view(number.shape)
    found = (found * (inside_y * inside_x / channels**0.5)).flatten(1, 2)[:, :, None]
    found = F.pixel_unshuffle(found, 2).transpose(1, 2)  # (P K, SUBPLACES, WAYS, h/16, w/16)
    inside = inside_y.unflatten(3, (-1, 2)).mean(4) * inside_x.unflatten(4, (-1, 2)).mean(5)
    return torch.cat((found, inside.flatten(1, 2)[:, None]), 1)


@lru_cache(maxsize=64)
def _ends_of_ways(
    times: Times, size: int, reach: int, strides: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Along one side of the images: where each way through each of `size` places begins, times the first stride, plus
    where it ends, times the second, and whether both are inside, 1 or 0; (P K, 2 reach + 1, size) each."""
    with torch.inference_mode(False):
        places, ways = torch.arange(size), 2 * torch.arange(-reach, reach + 1).view(1, -1, 1)
        tau = torch.tensor(times).view(-1, 1, 1)
        ends = (places - tau * ways).round().long(), (places + (1 - tau) * ways).round().long()
        inside = torch.stack([(end >= 0) & (end < size) for end in ends]).all(0).float()
        number = sum(stride * end.clamp(0, size - 1) for stride, end in zip(strides, ends, strict=True))
        return number.to(device), inside.to(device)


def likeliest_way(scores: Tensor) -> Tensor:  # (B, WAYS, h, w) logits -> (B, 2, h, w) places of the coarsest grid
    """The mean of the 3x3 ways that are likeliest together: a mean of all would lie between two motions, where nothing
    moves."""
    padded = F.pad(scores.softmax(1).unflatten(1, SHAPE), (0, 0, 0, 0, 1, 1, 1, 1))
    around = [padded[:, y : y + SHAPE[0], x : x + SHAPE[1]] for y in range(3) for x in range(3)]
    around = torch.stack(around, 1).flatten(2, 3)  # (B, 9, WAYS, h, w)
    best = around.detach().sum(1).argmax(1)  # (B, h, w)
    near = around.gather(2, best[:, None, None].expand(-1, 9, -1, -1, -1))[:, :, 0]
    whole = offsets(REACH, scores.device)[:, best].movedim(1, 0)
    with exact(scores):
        rest = (offsets((1, 1), scores.device) @ near.flatten(2)).unflatten(2, best.shape[1:])
    return whole + rest / near.sum(1, keepdim=True)


@lru_cache(maxsize=16)
def offsets(reach: tuple[int, int], device: torch.device) -> Tensor:  # x and y, up to which to go -> (2, M) float32
    """All offsets within reach, row by row: x and y of each."""
    with torch.inference_mode(False):
        x, y = (torch.arange(-side, side + 1.0, device=device) for side in reach)
        return torch.stack((x.repeat(len(y)), y.repeat_interleave(len(x))))


def shares_of_ways(way: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """What `far` is to find. way: f_{tau->1} - f_{tau->0} (B, 2, h, w) px, weight: (B, 1, h, w) of each pixel ->
    (B, WAYS, h/16, w/16) that adds up to 1 in each place where a pixel counts, and the mean of the weights
    (B, 1, h/16, w/16). A pixel between four ways belongs to all of them; one that goes farther than any way to none."""
    way, weight, total = way[..., 2::4, 2::4] / PLACE, weight[..., 2::4, 2::4], 0
    x, y = way[:, :1] + REACH[0], way[:, 1:] + REACH[1]
    batch, _, height, width = x.shape
    weight = weight * ((x >= 0) & (x <= SHAPE[1] - 1) & (y >= 0) & (y <= SHAPE[0] - 1))
    for dy in (0, 1):
        for dx in (0, 1):
            at = (y.floor() + dy).clamp(0, SHAPE[0] - 1), (x.floor() + dx).clamp(0, SHAPE[1] - 1)
            share = weight * (1 - (y - y.floor() - dy).abs()) * (1 - (x - x.floor() - dx).abs())
            spread = torch.zeros(batch, WAYS, height, width, device=x.device)
            total = total + spread.scatter_(1, (at[0] * SHAPE[1] + at[1]).long(), share)
    total, weight = F.avg_pool2d(total, 4), F.avg_pool2d(weight, 4)
    return total / weight.clamp_min(1e-6), weight
