"""What is asked of a rendered frame: L_rec = 0.2 LPIPS + 1.0 L2 (the paper's) and half of L1, or a stand-in where
LPIPS' network is not at hand.

L2 alone is a thousandth where frames are nearly right, and LPIPS decides alone there; L1 keeps them exact."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..anchors.lpips import Lpips
from .engine import Losses

LPIPS_WEIGHT, L2_WEIGHT, L1_WEIGHT = 0.2, 1.0, 0.5
PSNR_WEIGHT = 0.005


class FrameLoss:
    """(B, 3, H, W) against (B, 3, H, W). `name` says what it is, for the log and the run's configuration.

    anchors: folder of LPIPS' files; without it the stand-in takes the place of all terms. backbone: what LPIPS sees
    with, "vgg" (the paper's) or "alex", fifteen times cheaper on a CPU. perceptual: with False the L2 term alone, for
    the ablation."""

    def __init__(
        self, device: torch.device, anchors: Path | None = None, backbone: str = "alex", perceptual: bool = True
    ):
        self.lpips = Lpips.load(anchors, backbone, device) if perceptual and anchors is not None else None
        self.perceptual = perceptual
        if not perceptual:
            self.name = "1.0 L2"
        elif self.lpips is not None:
            self.name = f"0.2 LPIPS ({backbone}) + 1.0 L2 + 0.5 L1"
        else:
            self.name = "stand-in for 0.2 LPIPS + 1.0 L2: L1 + 2 L2 + 0.75 gradients at three scales - 0.005 PSNR"

    def __call__(self, frame: Tensor, target: Tensor) -> Losses:
        terms = reconstruction_losses(frame, target)
        if self.lpips is not None or not self.perceptual:
            terms["loss"] = L2_WEIGHT * (frame - target).square().mean()
        if self.lpips is not None:
            with torch.autocast(frame.device.type, enabled=False):
                distance = self.lpips(frame.float(), target.float()).mean()
            loss = terms["loss"] + LPIPS_WEIGHT * distance + L1_WEIGHT * (frame - target).abs().mean()
            terms = terms | {"loss": loss, "lpips": distance.detach()}
        return terms


def reconstruction_losses(frame: Tensor, target: Tensor) -> Losses:
    """Absolute and squared error, and the error of the gradients at three scales: edges in the right place at the right
    contrast, a stand-in for a perceptual distance whose network is not at hand. PSNR is taken image by image, so that
    an easy image, whose errors are small, counts as much as a hard one."""
    difference = frame - target
    squared = difference.square().mean()
    gradients = sum(_gradient_error(F.avg_pool2d(difference, 2**k) if k else difference) for k in range(3)) / 3
    psnr = -10 * (difference.square().mean((1, 2, 3)) + 1e-5).log10().mean()
    loss = difference.abs().mean() + 2 * squared + 0.75 * gradients - PSNR_WEIGHT * psnr
    return {"loss": loss, "psnr": psnr.detach()}


def _gradient_error(difference: Tensor) -> Tensor:
    across = difference[..., :, 1:] - difference[..., :, :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()
