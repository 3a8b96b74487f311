"""What phase 1 looks at: frames on the motion grid and their features, and which of a clip's lie where."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .adjacent import Features


@dataclass(frozen=True)
class View:
    """Frames as phase 1 sees them."""

    small: Tensor  # (P, 3, h, w) RGB on the motion grid, float32
    fine: Tensor  # (P, F, h/4, w/4) features of phi1
    match: Tensor  # (P, C, h/8, w/8)

    @classmethod
    def of(cls, small: Tensor, features: Features) -> View:
        return cls(small, features.fine, features.match)

    @classmethod
    def cat(cls, *views: View) -> View:
        """Of all frames of the first, then all of the second, and so on."""
        small, fine, match = zip(*((view.small, view.fine, view.match) for view in views), strict=True)
        return cls(torch.cat(small), torch.cat(fine), torch.cat(match))


@dataclass(frozen=True)
class Beside:
    """A clip's frames outside of the pair, one for each of P pairs."""

    view: View
    time: float  # below 0 or above 1
