"""phi2, the long way from a knot to an end, link by link: f_{k->0} from f_{k->k-1} and f_{k-1->0}.

The base is composition, a gather. A recurrent unit compares the knot with the end where the base points and proposes a
correction; a gate that sees the feature error before and after it decides how much of it to take. All heads start at
zero, so the untrained module is exact composition. Directions and units: `conventions`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks import bilinear_upsample, convex_upsample, zero_
from ..pixels.warp import backward_warp, resize_flow
from .adjacent import CorrelationPyramid, Features, FineStep, Motion, RecurrentUpdate

ITERATIONS = 2


class IterativeFusion(nn.Module):
    def __init__(self, fine: int = 48, hidden: int = 96, operations=nn):
        super().__init__()
        self.update = RecurrentUpdate(hidden, operations)
        zero_(self.update.correct[-1])
        self.fine_step = FineStep(fine, hidden, operations)
        self.gate = nn.Sequential(
            operations.Conv2d(5, 32, 3, padding=1), nn.ReLU(), zero_(operations.Conv2d(32, 1, 3, padding=1))
        )

    def forward(
        self,
        knot: Features,  # of the knot on whose grid the flow lives
        end: Features,  # of I0 or I1
        base: Tensor,  # (B, 2, H, W) px of the motion grid: composition along the chain
        gate: float | None = None,  # a fixed share of the change instead of the learned one, for the ablation
        convex: bool = True,  # False: bilinear upsampling, for the ablation
    ) -> Motion:  # the flow knot -> end, and whether the knot's pixels are seen there
        height, width = knot.match.shape[-2:]
        correlation = CorrelationPyramid(knot.match, end.match)
        flow = start = resize_flow(base, height, width)
        hidden = knot.hidden
        for i in range(ITERATIONS):
            flow = flow.detach()
            found = correlation.lookup(flow, learn=i == ITERATIONS - 1)
            hidden, correction = self.update(hidden, knot.context, found, flow)
            flow = flow + correction
        base_fine = resize_flow(base, 2 * height, 2 * width)
        change = 2 * F.interpolate(flow - start, scale_factor=2, mode="bilinear", align_corners=False)
        more, visibility, weights = self.fine_step(knot.fine, end.fine, hidden, base_fine + change)
        change = change + more
        share = self._gate(knot.fine, end.fine, base_fine, change, visibility) if gate is None else gate
        values = torch.cat((4 * share * change, visibility.float()), 1)
        full = convex_upsample(values, weights, 4) if convex else bilinear_upsample(values, 4)
        return Motion(base + full[:, :2], full[:, 2:], (base_fine + change,))

    def _gate(self, knot: Tensor, end: Tensor, base: Tensor, change: Tensor, visibility: Tensor) -> Tensor:
        """(B, 1, 2h, 2w) in [0, 1], a half before training: how much of the change to take."""
        before, after = (
            (knot - backward_warp(end, flow)).abs().mean(1, keepdim=True) for flow in (base, base + change)
        )
        size = torch.linalg.vector_norm(change, dim=1, keepdim=True)  # whose gradient at zero, the start, is zero
        seen = torch.cat((before, after, before - after, size.to(before.dtype), visibility.to(before.dtype)), 1)
        return self.gate(seen).float().sigmoid()
