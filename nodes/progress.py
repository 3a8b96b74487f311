"""Progress bar with a small preview of the frame at hand."""

from __future__ import annotations

import time

import comfy.utils
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

PREVIEW_SIDE = 512
PREVIEW_SECONDS = 0.5  # at least, between two previews: making one takes milliseconds


class Progress:
    def __init__(self, total: int):
        self.bar, self.total, self.done, self.shown = comfy.utils.ProgressBar(total), total, 0, 0.0

    def step(self, frame: Tensor | None = None) -> None:  # (3 or more, H, W) in [0, 1]
        self.done += 1
        self.bar.update_absolute(self.done, self.total, self._preview(frame))

    def report(self, done: int, total: int) -> None:
        """For the core's `progress` callbacks, which count on their own."""
        self.bar.update_absolute(done, total)

    def _preview(self, frame: Tensor | None) -> tuple | None:
        now = time.monotonic()
        if frame is None or comfy.utils.PROGRESS_BAR_HOOK is None or now - self.shown < PREVIEW_SECONDS:
            return None
        self.shown = now
        small = frame[None, :3].float()
        scale = PREVIEW_SIDE / max(small.shape[-2:])
        if scale < 1:
            small = F.interpolate(small, scale_factor=scale, mode="area")
        pixels = (small[0].movedim(0, -1).clamp(0, 1) * 255).round().byte().cpu().numpy()
        return ("JPEG", Image.fromarray(pixels), PREVIEW_SIDE)
