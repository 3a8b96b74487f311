"""LPIPS v0.1 (Zhang et al. 2018): distances between what a trained classifier sees in two pictures, weighed by people's
judgements. With "alex" it is the field's measure, with "vgg" the paper's loss; both are differentiable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures in [-1, 1]


@dataclass(frozen=True)
class _Backbone:
    """Convolutions by their number in torchvision's `features`: (number, stride, padding)."""

    file: str
    layers: tuple[tuple[int, int, int], ...]
    pools: dict[int, int]  # before this convolution: size of the pooling window, stride 2
    seen: tuple[int, ...]  # after which convolutions pictures are compared


BACKBONES = {
    "alex": _Backbone(
        "alexnet.pth", ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)), {3: 3, 6: 3}, (0, 3, 6, 8, 10)
    ),
    "vgg": _Backbone(
        "vgg16.pth",
        tuple((number, 1, 1) for number in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)),
        {5: 2, 10: 2, 17: 2, 24: 2},
        (2, 7, 14, 21, 28),
    ),
}


def files(backbone: str) -> tuple[str, str]:
    """Names of the two files that LPIPS is read from."""
    return BACKBONES[backbone].file, f"lpips_{backbone}.pth"


class Lpips(nn.Module):
    def __init__(self, backbone: str, features: dict[str, Tensor], weights: dict[str, Tensor]):
        """features: "features.N.weight" and "features.N.bias"; weights: "linK.model.1.weight", (1, C, 1, 1)."""
        super().__init__()
        self.backbone = BACKBONES[backbone]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))
        for number, _, _ in self.backbone.layers:
            for kind in ("weight", "bias"):
                self.register_buffer(f"{kind}{number}", features[f"features.{number}.{kind}"].float())
        for k in range(len(self.backbone.seen)):
            self.register_buffer(f"heads{k}", weights[f"lin{k}.model.1.weight"].float())

    @classmethod
    def load(cls, folder: Path | str, backbone: str = "alex", device: torch.device | str = "cpu") -> Lpips:
        """folder: holds alexnet.pth or vgg16.pth (torchvision's names of the convolutions) and lpips_alex.pth or
        lpips_vgg.pth (as in the package lpips). Raises ValueError of one sentence."""
        names = files(backbone)
        try:
            return cls(backbone, *(_read(Path(folder) / name) for name in names)).to(device)
        except KeyError as error:
            raise ValueError(f"{folder} has no {error} in {names[0]} or {names[1]}; copy these files again.") from error

    def forward(self, first: Tensor, second: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1] twice -> (B,), 0 if equal
        total = 0
        pairs = zip(self._features(first), self._features(second), strict=True)
        for k, (a, b) in enumerate(pairs):
            distance = (_unit(a) - _unit(b)).square()
            total = total + F.conv2d(distance, getattr(self, f"heads{k}")).mean((1, 2, 3))
        return total

    def _features(self, image: Tensor) -> list[Tensor]:
        x = (2 * image.float() - 1 - self.mean) / self.spread
        found = []
        for number, stride, padding in self.backbone.layers:
            if number in self.backbone.pools:
                x = F.max_pool2d(x, self.backbone.pools[number], 2)
            weight, bias = getattr(self, f"weight{number}"), getattr(self, f"bias{number}")
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            if number in self.backbone.seen:
                found.append(x)
        return found


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"LPIPS needs {path.name}, but there is no {path}; put it there.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load's own checks raise whatever its many formats lead to
        raise ValueError(f"{path} is damaged or no PyTorch file; copy it again.") from error
