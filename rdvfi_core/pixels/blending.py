"""How two warps of one moment are blended before anything is learned."""

from __future__ import annotations

import torch
from torch import Tensor

CERTAINTY = 3.0  # power of visibility in the blend


def blend_prior(
    time: Tensor,  # (B, 1, 1, 1)
    visible0: Tensor,  # (B, 1, h, w) in [0, 1]
    visible1: Tensor,
) -> Tensor:  # (B, 3, h, w) logits
    """Nearness in time and visibility decide between the warps; visibility counts with a power, because a warp that is
    hidden with 80 % certainty must not be shown with 20 % strength. The cross-fade starts where neither side sees the
    pixel and nowhere else: it shows both ends' contours, and only what no motion explains is better off with them."""
    near = torch.cat((1 - time, time), 1).clamp_min(1e-6).log()
    visible = torch.cat((visible0, visible1), 1)
    near = torch.add(near, (visible + 0.03).log(), alpha=CERTAINTY)
    return torch.cat((near, (1.003 - visible.amax(1, keepdim=True)).log()), 1)
