"""The two images that frames are made between: checked once, and resized to the motion grid once for both phases."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .conventions import motion_size
from .inputs import check_pair
from .pixels.warp import resize


@dataclass(frozen=True, eq=False)
class ImagePair:
    image0: Tensor  # (1, 3, H, W) float, RGB in [0, 1]
    image1: Tensor
    planes: tuple[Tensor, Tensor] | None = None  # (1, E, H, W) of each, such as alpha, that follow the same motion
    ground: float = 0.0  # what shows through the images where a plane is alpha, from black to white
    _small: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        image0: Tensor,
        image1: Tensor,
        planes: tuple[Tensor, Tensor] | None = None,
        names: tuple[str, str] = ("image0", "image1"),
        ground: float = 0.0,
    ) -> ImagePair:
        """Images and names as in `inputs.check_pair`, which says what is wrong with them."""
        image0, image1 = check_pair(image0, image1, names)
        for plane in planes or ():
            if plane.ndim != 4 or plane.shape[2:] != image0.shape[2:] or len(plane) != 1:
                raise ValueError(
                    f"The planes are {tuple(plane.shape)}; beside an image of {tuple(image0.shape)} give (1, E, H, W)."
                )
        return cls(image0, image1, planes, ground)

    @property
    def size(self) -> tuple[int, int]:  # (H, W)
        return tuple(self.image0.shape[-2:])

    @property
    def motion_size(self) -> tuple[int, int]:  # (h, w)
        return motion_size(*self.size)

    @property
    def with_planes(self) -> tuple[Tensor, Tensor]:  # (1, 3 + E, H, W) each
        if self.planes is None:
            return self.image0, self.image1
        plane0, plane1 = self.planes
        return torch.cat((self.image0, plane0.to(self.image0)), 1), torch.cat((self.image1, plane1.to(self.image1)), 1)

    @torch.no_grad()
    def small(self, device: torch.device) -> tuple[Tensor, Tensor]:  # (1, 3, h, w) float32 each
        """On the motion grid and on `device`; kept, so do not write into them."""
        if device not in self._small:
            self._small[device] = tuple(
                resize(image.to(device, torch.float32), *self.motion_size) for image in (self.image0, self.image1)
            )
        return self._small[device]
