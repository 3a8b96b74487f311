"""Straight ways through the places of a moment between two images: how alike the images are along each of them (a
bilateral cost volume, after BMBC, Park et al. 2020), and how likely that makes it.

A place is 16 px of the motion grid, and a way v leads from x - tau v in I0 through the place x at tau to
x + (1 - tau) v in I1. Directions and units: `conventions`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import exact, zero_

PLACE = 16  # px of the motion grid
SUBPLACES = 4  # of 8 px in each of them, as phi1's features lie
REACH = (8, 5)  # places, x and y: the longest ways
SHAPE = 2 * REACH[1] + 1, 2 * REACH[0] + 1  # of all ways: rows, columns
WAYS = SHAPE[0] * SHAPE[1]
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
    times: Tensor,  # (P, K)
) -> Tensor:  # (P K, SUBPLACES + 1, WAYS, h/16, w/16) float32
    """How like each other I0 at x - tau v and I1 at x + (1 - tau) v are, for every x at tau, by the four features in
    each place of the coarsest grid, and every way v of whole places up to REACH, to the nearest feature; 0 where a way
    leaves either image; and the share of the four whose way does not. All similarities of a pair are computed once,
    whatever the number of moments."""
    pairs, channels, height, width = match0.shape
    with exact(match0):
        alike = match0.float().flatten(2).mT @ match1.float().flatten(2) / channels**0.5  # (P, hw, hw)
    rows, columns = (torch.arange(size, device=match0.device) for size in (height, width))
    y0, y1, inside_y = (v[:, :, None, :, None] for v in _ends_of_ways(rows, REACH[1], times))
    x0, x1, inside_x = (v[:, None, :, None, :] for v in _ends_of_ways(columns, REACH[0], times))
    number = ((y0 * width + x0) * (height * width) + y1 * width + x1).view(pairs, -1)
    inside = inside_y & inside_x  # (P K, *SHAPE, h/8, w/8)
    found = alike.flatten(1).gather(1, number).view(inside.shape) * inside
    found, inside = (F.pixel_unshuffle(v.flatten(1, 2)[:, :, None].float(), 2) for v in (found, inside))
    return torch.cat((found, inside.mean(2, keepdim=True)), 2).transpose(1, 2)


def _ends_of_ways(places: Tensor, reach: int, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Along one side of the images: where each way through each place begins and ends, (P K, 2 reach + 1, places) each,
    and whether both are inside."""
    ways = 2 * torch.arange(-reach, reach + 1, device=places.device).view(1, -1, 1)
    tau, size = times.reshape(-1, 1, 1), len(places)
    ends = (places - tau * ways).round().long(), (places + (1 - tau) * ways).round().long()
    inside = torch.stack([(end >= 0) & (end < size) for end in ends]).all(0)
    return *(end.clamp(0, size - 1) for end in ends), inside


def likeliest_way(scores: Tensor) -> Tensor:  # (B, WAYS, h, w) logits -> (B, 2, h, w) places of the coarsest grid
    """The mean of the 3x3 ways that are likeliest together: a mean of all would lie between two motions, where nothing
    moves."""
    shares = scores.softmax(1).unflatten(1, SHAPE)
    padded = F.pad(shares, (0, 0, 0, 0, 1, 1, 1, 1))
    around = [padded[:, y : y + SHAPE[0], x : x + SHAPE[1]] for y in range(3) for x in range(3)]
    around = torch.stack(around, 1).flatten(2, 3)  # (B, 9, WAYS, h, w)
    best = around.detach().sum(1).argmax(1, keepdim=True)  # (B, 1, h, w)
    near = around.gather(2, best[:, None].expand(-1, 9, -1, -1, -1))[:, :, 0]
    near = (near / near.sum(1, keepdim=True)).unflatten(1, (3, 3))
    x = best % SHAPE[1] - REACH[0] + (near[:, :, 2] - near[:, :, 0]).sum(1, keepdim=True)
    y = best // SHAPE[1] - REACH[1] + (near[:, 2] - near[:, 0]).sum(1, keepdim=True)
    return torch.cat((x, y), 1)


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
