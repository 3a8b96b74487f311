"""ComfyUI's IMAGE (B, H, W, C) from and to the core's (1, 3, H, W), with grey and alpha."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import comfy.model_management as mm
import torch
from torch import Tensor

from ..rdvfi_core.inputs import OVERSHOOT, check_pair
from ..rdvfi_core.pixels.alpha import ground_for, off_ground, on_ground

LOWEST, HIGHEST = -1, 2  # resizers and sharpeners stay between these; other values are of another range
FEWER = "make them fewer or smaller"


@dataclass(frozen=True)
class Pictures(Sequence[Tensor]):
    """IMAGE batch with 1, 3 or 4 channels, checked once; frames (C, H, W) are taken out one by one, and clamped to
    [0, 1] where resizing or sharpening went beyond."""

    images: Tensor  # (B, H, W, C)
    mask: Tensor | None = None  # (B, H, W) alpha of 3 channels
    note: str = ""  # for the user: what was clamped, if it can be seen
    goes_beyond: bool = False
    on_white: bool = False  # alpha is left out, and what it hides becomes white

    @classmethod
    def of(cls, images: Tensor, name: str, mask: Tensor | None = None) -> Pictures:
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
            raise ValueError(f"{name} is {tuple(images.shape)}; give an IMAGE with 1, 3 or 4 channels.")
        low, high = range_of(images, name)
        note = ""
        if low < -OVERSHOOT or high > 1 + OVERSHOOT:
            note = f"{name} has values from {low:.4g} to {high:.4g}: what is beyond 0 and 1 was clamped."
            logging.warning("RDVFI: %s", note)
        return cls(images, mask if images.shape[-1] == 3 else None, note, low < 0 or high > 1)

    @property
    def channels(self) -> int:
        return 3 if self.on_white else self.images.shape[-1] if self.mask is None else 4

    @property
    def size(self) -> tuple[int, int]:  # (H, W)
        return tuple(self.images.shape[1:3])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:  # (C, H, W)
        frame = self.images[index].movedim(-1, 0)
        if self.mask is not None:
            frame = torch.cat((frame, self.mask[index][None].to(frame)))
        frame = frame.clamp(0, 1) if self.goes_beyond else frame
        return on_ground(frame, 1.0) if self.on_white else frame

    def rgb(self, index: int, ground: float = 0.0) -> Tensor:  # (1, 3, H, W)
        """What is seen where there is alpha, before black or another grey."""
        if self.channels == 4:
            return on_ground(self[index], ground)[None]
        if self.on_white:
            return self[index][None]
        planes = self.images[index : index + 1].movedim(-1, 1)  # of one layout in memory, for networks that round by it
        return (planes.clamp(0, 1) if self.goes_beyond else planes).expand(-1, 3, -1, -1)

    def alpha(self, index: int) -> Tensor | None:  # (1, 1, H, W)
        return self[index][None, 3:] if self.channels == 4 else None

    def in_colour(self, alpha: bool) -> Pictures:
        """Grey as RGB, and no alpha unless it is asked for."""
        if self.channels == 1:
            return replace(self, images=self.images.expand(-1, -1, -1, 3))
        return replace(self, on_white=self.channels == 4 and not alpha)

    def restore(self, frame: Tensor) -> Tensor:  # (3 or 4, H, W) -> (H, W, C)
        return (frame.mean(0, keepdim=True) if self.channels == 1 else frame).movedim(0, -1)


def range_of(images: Tensor, name: str) -> tuple[float, float]:
    """Lowest and highest value; ValueError where images are of another range than [0, 1]."""
    low, high = (value.item() for value in torch.aminmax(images)) if images.numel() else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0  # it is said of the frame, when it is used
    if low <= LOWEST or high >= HIGHEST:
        raise ValueError(
            f"{name} has values from {low:.4g} to {high:.4g}; scale them to [0, 1] (divide 0..255 by 255)."
        )
    return low, high


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
            return self.pictures[int(tau)][0].movedim(0, -1)
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


def check_room(count: int, height: int, width: int, channels: int = 3, cure: str = FEWER) -> None:
    """Before any work: ValueError where so many images do not fit into the memory where ComfyUI keeps its images."""
    device = mm.intermediate_device()
    need = count * height * width * channels * mm.intermediate_dtype().itemsize
    if device.type != "cpu":
        mm.free_memory(need, device)  # models make room
    free = mm.get_free_memory(device)
    if need > free:
        need, free = (f"{size / 2**30:.3g} GiB" for size in (need, free))
        raise ValueError(f"{count:,} frames of {width}x{height} need {need}, and {free} are free; {cure}.")


def empty_frames(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    """(count, height, width, channels) where and as ComfyUI keeps its images; ValueError if there is no room."""
    check_room(count, height, width, channels)
    shape = count, height, width, channels
    return torch.empty(shape, dtype=mm.intermediate_dtype(), device=mm.intermediate_device())


def as_image(planes: Tensor) -> Tensor:  # (B, C, H, W) -> (B, H, W, C) where and as ComfyUI keeps its images
    return planes.movedim(1, -1).to(mm.intermediate_device(), mm.intermediate_dtype()).contiguous()
