"""Trajectories whose only knots are the two ends: every pixel moves on a straight line at constant speed."""

from __future__ import annotations

import torch
from torch import Tensor

from rdvfi_core.trajectory.trajectory import Trajectory


def straight(
    forward: Tensor,  # (B, 2, h, w) f_{0->1}
    backward: Tensor,  # (B, 2, h, w) f_{1->0}
    visible1_from0: Tensor,  # (B, 1, h, w)
    visible0_from1: Tensor,
    colour0: Tensor,  # (B, 3, h, w)
    colour1: Tensor,
    importance1: Tensor | float = 0.0,
) -> Trajectory:
    still, seen = torch.zeros_like(forward), torch.ones_like(visible1_from0)
    to0, to1 = torch.stack((still, backward), 1), torch.stack((forward, still), 1)
    visible0, visible1 = torch.stack((seen, visible0_from1), 1), torch.stack((visible1_from0, seen), 1)
    importance = torch.stack((0 * seen, seen * importance1), 1)
    maps = to0, to1, to0, to1, visible0, visible1, importance, torch.stack((colour0, colour1), 1)
    return Trajectory((0.0, 1.0), *maps)
