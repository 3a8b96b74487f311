"""phi1, the motion between two neighbouring knots, read from their latents: f_{a->b} = phi1(z_a, z_b).

Features at 1/4 and 1/8 of the motion grid; a recurrent unit that looks matches up in the correlation of all pairs
estimates it at 1/8 (after RAFT, Teed and Deng 2020), one step at 1/4 adds detail, and learned convex upsampling brings
it to the motion grid. Directions and units: `conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import ResidualBlock, bilinear_upsample, convex_upsample, local_correlation, zero_
from ..pixels.warp import backward_warp, pixel_grid, sample_at

LOOKUP_RADIUS = 3
LOOKUP_LEVELS = 4
LOOKUP_VALUES = LOOKUP_LEVELS * (2 * LOOKUP_RADIUS + 1) ** 2


@dataclass(frozen=True)
class Features:
    """What the encoder reads from latents (B, C, h, w)."""

    fine: Tensor  # (B, fine, 2h, 2w)
    match: Tensor  # (B, width, h, w)
    hidden: Tensor  # (B, hidden, h, w), start of the recurrent state
    context: Tensor  # (B, hidden, h, w)

    def __getitem__(self, index) -> Features:
        return Features(self.fine[index], self.match[index], self.hidden[index], self.context[index])


@dataclass(frozen=True)
class Motion:
    """f_{a->b} on the motion grid and whether a's pixels are seen in b; `steps` holds the coarser estimates on the
    way."""

    flow: Tensor  # (B, 2, H, W) float32 px
    visibility: Tensor  # (B, 1, H, W) logits
    steps: tuple[Tensor, ...] = ()  # each (B, 2, h, w), in px of its own grid

    @property
    def visible(self) -> Tensor:
        return self.visibility.sigmoid()


class FeatureEncoder(nn.Module):
    def __init__(self, latent_channels: int, fine: int, width: int, hidden: int, operations=nn):
        super().__init__()
        conv = operations.Conv2d
        self.expand = conv(latent_channels, 4 * fine, 3, padding=1)
        self.fine = nn.Sequential(*(ResidualBlock(fine, operations) for _ in range(2)))
        self.down = conv(fine, width, 3, stride=2, padding=1)
        self.trunk = nn.Sequential(*(ResidualBlock(width, operations) for _ in range(2)))
        self.down_again = conv(width, width, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(ResidualBlock(width, operations) for _ in range(3)))
        self.merge = nn.Sequential(*(ResidualBlock(width, operations) for _ in range(2)))
        self.match = conv(width, width, 1)
        self.state = conv(width, 2 * hidden, 1)

    def forward(self, latents: Tensor) -> Features:
        fine = self.fine(F.pixel_shuffle(self.expand(latents), 2))
        x = self.trunk(self.down(fine))
        coarse = self.coarse(self.down_again(x))
        x = self.merge(x + F.interpolate(coarse, x.shape[-2:], mode="bilinear", align_corners=False))
        hidden, context = self.state(x).chunk(2, 1)
        return Features(fine, self.match(x), torch.tanh(hidden), F.relu(context))


class CorrelationPyramid:
    """Similarity of every cell of a with every cell of b, and with b pooled 2, 4, ... times."""

    def __init__(self, first: Tensor, second: Tensor):  # both (B, C, h, w)
        channels, self.height, self.width = first.shape[1:]
        rows = first.flatten(2).transpose(1, 2)
        self.levels = []
        for _ in range(LOOKUP_LEVELS):  # b is pooled, not the similarities, which are linear in b and far more
            level = (rows @ second.flatten(2)).float().div_(channels**0.5)  # (B, hw, h'w'); in place, it is large
            self.levels.append(level.view(-1, 1, *second.shape[-2:]))
            second = F.avg_pool2d(second, 2, ceil_mode=True, count_include_pad=False)
        axis = torch.arange(-LOOKUP_RADIUS, LOOKUP_RADIUS + 1, device=first.device, dtype=torch.float32)
        self.window = torch.stack((axis.expand(len(axis), -1), axis[:, None].expand(-1, len(axis))))[None]

    def lookup(self, flow: Tensor, learn: bool = True) -> Tensor:  # (B, 2, h, w) -> (B, LOOKUP_VALUES, h, w)
        """Similarities around each cell's present match. learn=False stops gradients into the features: each lookup
        that learns costs a gradient as large as the whole volume, and two of them per pair teach as much."""
        batch = len(flow)
        centre = pixel_grid(self.height, self.width, flow.device) + flow
        centre = centre.permute(0, 2, 3, 1).reshape(-1, 2, 1, 1)  # one row per cell of a
        found = []
        for depth, level in enumerate(self.levels):
            # The centre of a pooled cell lies between the centres of the cells it pools.
            position = (centre + 0.5) / 2**depth - 0.5 + self.window
            found.append(sample_at(level if learn else level.detach(), position, padding="zeros").flatten(1))
        return torch.cat(found, 1).view(batch, self.height, self.width, -1).permute(0, 3, 1, 2)


class RecurrentUpdate(nn.Module):
    """A convolutional GRU that reads the correlation around the present flow and corrects it."""

    def __init__(self, hidden: int, operations=nn):
        super().__init__()
        conv = operations.Conv2d
        self.read_correlation = conv(LOOKUP_VALUES, hidden, 1)
        self.read_flow = conv(2, 32, 5, padding=2)
        self.motion = conv(hidden + 32, hidden - 2, 3, padding=1)
        self.gates = conv(3 * hidden, 2 * hidden, 3, padding=1)
        self.candidate = conv(3 * hidden, hidden, 3, padding=1)
        self.correct = nn.Sequential(conv(hidden, hidden, 3, padding=1), nn.ReLU(), conv(hidden, 2, 3, padding=1))

    def forward(self, hidden: Tensor, context: Tensor, correlation: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """-> hidden state, correction (B, 2, h, w) float32."""
        seen = torch.cat((F.relu(self.read_correlation(correlation)), F.relu(self.read_flow(flow))), 1)
        motion = F.relu(self.motion(seen))
        given = torch.cat((context, motion, flow.to(motion.dtype)), 1)
        update, reset = self.gates(torch.cat((hidden, given), 1)).sigmoid().chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat((reset * hidden, given), 1)))
        hidden = torch.lerp(hidden, candidate, update)
        return hidden, self.correct(hidden).float()


class FineStep(nn.Module):
    """One correction at 1/4, visibility, and the weights of the upsampling to the motion grid."""

    def __init__(self, fine: int, hidden: int, operations=nn):
        super().__init__()
        conv = operations.Conv2d
        width = 96
        self.bring = conv(hidden, 4 * 32, 1)
        self.body = nn.Sequential(
            conv(2 * fine + 9 + 2 + 32, width, 3, padding=1), nn.ReLU(), conv(width, width, 3, padding=1), nn.ReLU()
        )
        self.correct = zero_(conv(width, 2, 3, padding=1))
        self.visibility = conv(width, 1, 3, padding=1)
        self.upsampling = conv(width, 9 * 16, 1)

    def forward(
        self, fine_a: Tensor, fine_b: Tensor, hidden: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:  # correction (B, 2, 2h, 2w), visibility and flow weights' logits
        carried = backward_warp(fine_b, flow).contiguous(memory_format=torch.channels_last)
        nearby = local_correlation(fine_a, carried)
        state = F.pixel_shuffle(self.bring(hidden), 2)
        x = self.body(torch.cat((fine_a, carried, nearby, flow.to(fine_a.dtype), state), 1))
        return self.correct(x).float(), self.visibility(x), self.upsampling(x)


class AdjacentMotion(nn.Module):
    """phi1. `encode` once per knot, `forward` once per ordered pair of knots."""

    def __init__(self, latent_channels: int = 48, fine: int = 48, width: int = 128, hidden: int = 96, operations=nn):
        super().__init__()
        self.encoder = FeatureEncoder(latent_channels, fine, width, hidden, operations)
        self.update = RecurrentUpdate(hidden, operations)
        self.upsampling = nn.Sequential(
            operations.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(), operations.Conv2d(hidden, 36, 1)
        )
        self.fine_step = FineStep(fine, hidden, operations)

    def encode(self, latents: Tensor) -> Features:  # (B, C, h, w)
        return self.encoder(latents)

    def forward(
        self, a: Features, b: Features, iterations: int, start: Tensor | None = None, convex: bool = True
    ) -> Motion:
        """f_{a->b}. start: (B, 2, h, w) float32 in cells of the latent grid; no motion by default. convex=False:
        bilinear upsampling, for the ablation."""
        correlation = CorrelationPyramid(a.match, b.match)
        flow = torch.zeros_like(a.match[:, :2], dtype=torch.float32) if start is None else start
        steps, hidden = [], a.hidden
        for i in range(iterations):
            flow = flow.detach()
            found = correlation.lookup(flow, learn=i in (0, iterations - 1))
            hidden, correction = self.update(hidden, a.context, found, flow)
            flow = flow + correction
            steps.append(flow)
        flow = 2 * (convex_upsample(flow, self.upsampling(hidden), 2) if convex else bilinear_upsample(flow, 2))
        steps.append(flow)
        correction, visibility, weights = self.fine_step(a.fine, b.fine, hidden, flow.detach())
        values = torch.cat((4 * (flow + correction), visibility.float()), 1)
        full = convex_upsample(values, weights, 4) if convex else bilinear_upsample(values, 4)
        return Motion(full[:, :2], full[:, 2:], tuple(steps))
