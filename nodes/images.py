"""ComfyUI's IMAGE (B, H, W, C) from and to the core's (1, 3, H, W), with grey and alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import comfy.model_management as mm
import torch
from torch import Tensor

from ..rdvfi_core.inputs import check_pair
from ..rdvfi_core.pixels.alpha import ground_for, off_ground, on_ground


@dataclass(frozen=True)
class Pictures(Sequence[Tensor]):
    """IMAGE batch with 1, 3 or 4 channels, checked once; frames (C, H, W) are taken out one by one."""

    images: Tensor  # (B, H, W, C)

    @classmethod
    def of(cls, images: Tensor, name: str) -> Pictures:
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
            raise ValueError(f"{name} is {tuple(images.shape)}; give an IMAGE with 1, 3 or 4 channels.")
        return cls(images)

    @property
    def channels(self) -> int:
        return self.images.shape[-1]

    @property
    def size(self) -> tuple[int, int]:  # (H, W)
        return tuple(self.images.shape[1:3])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:  # (C, H, W)
        return self.images[index].movedim(-1, 0)

    def rgb(self, index: int, ground: float = 0.0) -> Tensor:  # (1, 3, H, W)
        """What is seen where there is alpha, before black or another grey."""
        frame = self[index]
        return (on_ground(frame, ground) if self.channels == 4 else frame.expand(3, -1, -1))[None]

    def alpha(self, index: int) -> Tensor | None:  # (1, 1, H, W)
        return self.images[index : index + 1, ..., 3:].movedim(-1, 1) if self.channels == 4 else None

    def restore(self, frame: Tensor) -> Tensor:  # (3 or 4, H, W) -> (H, W, C)
        return (frame.mean(0, keepdim=True) if self.channels == 1 else frame).movedim(0, -1)


def one_picture(image: Tensor, name: str) -> Pictures:
    pictures = Pictures.of(image, name)
    if len(pictures) != 1:
        raise ValueError(f"{name} holds {len(pictures)} images; pick one of them with the node Get Image from Batch.")
    return pictures


@dataclass(frozen=True)
class Pair:
    """Two pictures of one size and kind."""

    start: Tensor  # (1, 3, H, W)
    end: Tensor
    planes: tuple[Tensor, Tensor] | None  # alpha of both
    ground: float  # that is seen where they are transparent
    pictures: tuple[Pictures, Pictures]

    @classmethod
    def of(cls, start_image: Tensor, end_image: Tensor) -> Pair:
        start, end = one_picture(start_image, "start_image"), one_picture(end_image, "end_image")
        if start.channels != end.channels:
            raise ValueError(
                f"start_image has {start.channels} channels and end_image has {end.channels}; give both alike."
            )
        alpha = start.channels == 4
        ground = ground_for(start[0], end[0]) if alpha else 0.0
        images = check_pair(start.rgb(0, ground), end.rgb(0, ground), ("start_image", "end_image"))
        return cls(*images, (start.alpha(0), end.alpha(0)) if alpha else None, ground, (start, end))

    @property
    def like(self) -> Pictures:
        return self.pictures[0]

    def restore(self, frame: Tensor, tau: float) -> Tensor:  # (3 or 4, H, W) of these images -> (H, W, C)
        if tau in (0, 1):
            return self.pictures[int(tau)].images[0]
        return self.like.restore(frame if self.planes is None else off_ground(frame, self.ground))

    def beside(self, image: Tensor | None, name: str) -> Tensor | None:  # (1, 3, H, W)
        """Another frame of the clip that the pair is of, without its alpha."""
        if image is None:
            return None
        _, frame = check_pair(self.start, one_picture(image, name).rgb(0, self.ground), ("start_image", name))
        return frame


def pairs(start_images: Tensor, end_images: Tensor) -> tuple[Tensor, Tensor]:  # (B, 3, H, W) each, on the CPU
    """As many start images as end images, for what can work on several pairs at once."""
    starts, ends = Pictures.of(start_images, "start_image"), Pictures.of(end_images, "end_image")
    if len(starts) != len(ends):
        raise ValueError(
            f"start_image holds {len(starts)} images and end_image {len(ends)}; give one end image for each start."
        )
    both = [check_pair(starts.rgb(i), ends.rgb(i), ("start_image", "end_image")) for i in range(len(starts))]
    first, second = (torch.cat(images).float().cpu() for images in zip(*both, strict=True))
    return first, second


def empty_frames(count: int, like: Pictures) -> Tensor:  # (count, H, W, C) where and as ComfyUI keeps its images
    return torch.empty(
        (count, *like.size, like.channels), dtype=mm.intermediate_dtype(), device=mm.intermediate_device()
    )


def as_image(planes: Tensor) -> Tensor:  # (B, C, H, W) -> (B, H, W, C) where and as ComfyUI keeps its images
    return planes.movedim(1, -1).to(mm.intermediate_device(), mm.intermediate_dtype()).contiguous()
