"""Distances between a frame and the true one that follow what people see: LPIPS and FLIP. Each is a function
(3, H, W), (3, H, W) in [0, 1] on the CPU -> 0 if they are equal, the more the worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..anchors.lpips import Lpips

Distance = Callable[[Tensor, Tensor], float]
BACKBONE = "alex"  # of LPIPS: as papers report it


def lpips_distance(anchors: Path, device: torch.device | str = "cpu") -> Distance:
    """anchors: the folder that holds LPIPS' files; what is none is refused with a ValueError."""
    network = Lpips.load(anchors, BACKBONE, device)

    @torch.no_grad()
    def distance(frame: Tensor, truth: Tensor) -> float:
        return network(frame[None].to(device), truth[None].to(device)).item()

    return distance


def flip_distance() -> Distance:
    """LDR-FLIP (Andersson et al. 2020), the mean over the picture, through the package of its authors: what is seen
    when both pictures are shown in turn on a display of 67 pixels per degree. Raises ImportError without it."""
    from flip_evaluator import evaluate

    def distance(frame: Tensor, truth: Tensor) -> float:
        pictures = (picture.permute(1, 2, 0).contiguous().numpy() for picture in (truth, frame))
        return float(evaluate(*pictures, "LDR", applyMagma=False)[1])

    return distance
