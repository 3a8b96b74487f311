"""RIFE 4.25 and 4.26 (Huang et al. 2022, "Real-Time Intermediate Flow Estimation"; weights under MIT), read from the
published `flownet.pkl` or a copy of it: five stages, each of which corrects flows and mask at its own scale from what
the flows so far make of both images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..pixels.warp import backward_warp

SCALES = (16, 8, 4, 2, 1)  # of the stages' grids
MULTIPLE = 64  # of both sides: the coarsest grid, four times smaller inside of a stage
CARRIED = 8  # planes that a stage hands to the next one
FILE = "rife.pth"


@dataclass(frozen=True)
class Between:
    """A frame and what it is made from, all (B, ?, H, W) float32. Directions: `conventions`."""

    to0: Tensor  # f_{tau->0}
    to1: Tensor  # f_{tau->1}
    share0: Tensor  # (B, 1, H, W) in [0, 1] of I0's warp in the frame
    frame: Tensor  # (B, 3, H, W) RGB


class Rife(nn.Module):
    def __init__(self, head: int, widths: tuple[int, ...]):
        super().__init__()
        self.encode = _Head(head)
        more = 8 + 2 * head + 4 + CARRIED  # warps, both heads, time, mask; flows; what is carried
        first = 7 + 2 * head
        self.blocks = nn.ModuleList(_Stage(more if i else first, width) for i, width in enumerate(widths))

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Rife:
        """Raises ValueError of one sentence for what is no such file."""
        path = Path(path)
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            state = {_own_name(key): value.float() for key, value in stored.items()}
            widths = tuple(len(state[f"blocks.{i}.conv0.1.0.weight"]) for i in range(len(SCALES)))
            network = cls(state["encode.cnn3.weight"].shape[1], widths)
            own = network.state_dict()
            network.load_state_dict({key: state[key] for key in own})
        except Exception as error:  # torch.load and a foreign file's keys raise whatever they lead to
            raise ValueError(f"{path} holds no RIFE 4.25 or 4.26 ({type(error).__name__}); give its file.") from error
        return network.eval().requires_grad_(False).to(device)

    def forward(self, image0: Tensor, image1: Tensor, tau: Tensor) -> Between:
        """image0, image1: (B, 3, H, W) in [0, 1], of any size; tau (B,)."""
        height, width = image0.shape[-2:]
        image0, image1 = _padded(image0), _padded(image1)
        time = tau.to(image0).view(-1, 1, 1, 1).expand(-1, 1, *image0.shape[-2:])
        heads = self.encode(torch.cat((image0, image1))).chunk(2)
        flow = mask = carried = None
        warps = image0, image1
        for stage, scale in zip(self.blocks, SCALES, strict=True):
            if flow is None:
                flow, mask, carried = stage(torch.cat((*warps, *heads, time), 1), scale)
            else:
                seen = (backward_warp(head, f) for head, f in zip(heads, flow.split(2, 1), strict=True))
                given = torch.cat((*warps, *seen, time, mask, carried), 1)
                more, mask, carried = stage(given, scale, flow)
                flow = flow + more
            warps = [backward_warp(image, f) for image, f in zip((image0, image1), flow.split(2, 1), strict=True)]
        share = mask.sigmoid()
        frame = torch.lerp(warps[1], warps[0], share)
        to0, to1, share, frame = (v[..., :height, :width] for v in (*flow.split(2, 1), share, frame))
        return Between(to0, to1, share, frame)


def _own_name(key: str) -> str:
    """Stages are named block0 to block4 in the published file."""
    return re.sub(r"^block(\d)", r"blocks.\1", key.removeprefix("module.").removeprefix("flownet."))


class _Head(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 16, 3, 2, 1)
        self.cnn1 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn2 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(16, channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            x = F.leaky_relu(layer(x), 0.2)
        return self.cnn3(x)


class _Stage(nn.Module):
    def __init__(self, given: int, width: int):
        super().__init__()
        self.conv0 = nn.Sequential(_down(given, width // 2), _down(width // 2, width))
        self.convblock = nn.Sequential(*(_Residual(width) for _ in range(8)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 4 * (5 + CARRIED), 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, given: Tensor, scale: int, flow: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        given = F.interpolate(given, scale_factor=1 / scale, mode="bilinear")
        if flow is not None:
            given = torch.cat((given, F.interpolate(flow, scale_factor=1 / scale, mode="bilinear") / scale), 1)
        found = self.lastconv(self.convblock(self.conv0(given)))
        flow, mask, carried = F.interpolate(found, scale_factor=scale, mode="bilinear").split((4, 1, CARRIED), 1)
        return flow * scale, mask, carried


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.conv(x) * self.beta, 0.2)


def _down(given: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, width, 3, 2, 1), nn.LeakyReLU(0.2))


def _padded(image: Tensor) -> Tensor:
    """As ComfyUI's core pads: mirrored, where the picture is large enough."""
    sides = image.shape[-2:]
    bottom, right = (-side % MULTIPLE for side in sides)
    mode = "reflect" if bottom < sides[0] and right < sides[1] else "replicate"
    return F.pad(image, (0, right, 0, bottom), mode=mode) if bottom or right else image
