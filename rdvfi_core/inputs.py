"""Checks of what callers hand in, made before any expensive work. Every complaint is a ValueError of one sentence: the
value, the limit, the cure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from numbers import Real

import torch
from torch import Tensor

from .conventions import SMALLEST_SIDE

OVERSHOOT = 0.1  # decoders and resizers ring a little beyond [0, 1]; more than this is another range
FASTEST = 1000  # frames per second
LARGEST_TERM = 2**30  # video containers keep a rate as two 32-bit integers


def check_pair(image0: Tensor, image1: Tensor, names: tuple[str, str] = ("image0", "image1")) -> tuple[Tensor, Tensor]:
    """Two images (3, H, W) or (1, 3, H, W), float, RGB in [0, 1] -> both as (1, 3, H, W), values untouched. names: what
    the caller's user knows them by."""
    image0, image1 = _check_image(image0, names[0]), _check_image(image1, names[1])
    if image0.shape != image1.shape:
        first, second = (f"{name} is {_size(image)}" for name, image in zip(names, (image0, image1), strict=True))
        raise ValueError(f"{first} and {second}; resize or crop one of them to the other's size.")
    return image0, image1


def check_frames(frames: Tensor, count: int) -> Tensor:
    """(count, 3, H, W), float, RGB in [0, 1], of any size from 64 px up."""
    if not isinstance(frames, Tensor) or frames.ndim != 4 or len(frames) != count:
        shape = tuple(frames.shape) if isinstance(frames, Tensor) else type(frames).__name__
        raise ValueError(f"frames is {shape}; for {count} times give ({count}, 3, H, W).")
    for i, frame in enumerate(frames):
        _check_image(frame, f"frames[{i}]")
    return frames


def check_times(times: Iterable[Real | Tensor]) -> list[float]:
    """Times in [0, 1] in the order given: ints, floats, Fractions, NumPy and torch scalars."""
    try:
        given = list(times)
    except TypeError:
        raise ValueError(f"times must be a list of numbers in [0, 1], got {times!r}; write [{times!r}].") from None
    if not given:
        raise ValueError("times is empty; give at least one number in [0, 1].")
    return [_check_time(time) for time in given]


def check_fps(fps: str | Real) -> Fraction:
    """Frames per second as an exact fraction: 30, 29.97, "24000/1001"."""
    try:
        rate = Fraction(str(fps).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"fps is {fps!r}; give a number or a fraction such as 24, 29.97 or 24000/1001.") from None
    if not 0 < rate <= FASTEST:
        raise ValueError(f"fps is {fps}; it must be above 0 and at most {FASTEST}.")
    if max(rate.numerator, rate.denominator) > LARGEST_TERM:
        raise ValueError(f"fps is {fps}, more digits than video files keep; give a short fraction such as 24000/1001.")
    return rate


def _check_image(image: Tensor, name: str) -> Tensor:  # (1, 3, H, W)
    if not isinstance(image, Tensor):
        raise ValueError(f"{name} is a {type(image).__name__}; give a torch tensor (3, H, W) of floats in [0, 1].")
    if not image.is_floating_point():
        raise ValueError(f"{name} holds {_dtype(image)} values; convert it to floats in [0, 1] (uint8: divide by 255).")
    if image.ndim not in (3, 4):
        raise ValueError(f"{name} has {image.ndim} dimensions {tuple(image.shape)}; give (3, H, W) or (1, 3, H, W).")
    batch = image if image.ndim == 4 else image[None]
    _check_channels(batch, name)
    if len(batch) != 1:
        raise ValueError(f"{name} is a batch of {len(batch)} images; give one at a time, (3, H, W) or (1, 3, H, W).")
    if min(batch.shape[-2:]) < SMALLEST_SIDE:
        raise ValueError(f"{name} is {_size(batch)}; both sides must be at least {SMALLEST_SIDE} pixels: enlarge it.")
    low, high = torch.stack(torch.aminmax(batch)).tolist()  # NaN anywhere makes both NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} contains NaN or infinite values; every value must be a number in [0, 1].")
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise ValueError(
            f"{name} has values from {low:.4g} to {high:.4g}; scale them to [0, 1] (divide 0..255 by 255)."
        )
    return batch


def _check_channels(batch: Tensor, name: str) -> None:
    channels = batch.shape[1]
    if channels == 3:
        return
    if batch.shape[-1] == 3:
        raise ValueError(f"{name} is {tuple(batch.shape[1:])}, channels last; permute it to (3, H, W).")
    if channels == 4:
        raise ValueError(f"{name} has 4 channels (RGBA); drop the alpha channel or composite it on a background first.")
    if channels == 1:
        raise ValueError(f"{name} has 1 channel (grey); repeat it to the 3 channels of RGB.")
    raise ValueError(f"{name} has {channels} channels; give the 3 channels of RGB.")


def _check_time(time: Real | Tensor) -> float:
    value = time
    if getattr(time, "ndim", None) == 0:  # scalars of NumPy and torch
        value = time.item()
    if not isinstance(value, Real):
        raise ValueError(f"times contains {time!r}, which is not a number; give numbers in [0, 1].")
    if not 0 <= value <= 1:  # also refuses NaN
        raise ValueError(f"times contains {value}; every time must lie in [0, 1], 0 being image0 and 1 being image1.")
    return float(value)


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]}"


def _dtype(image: Tensor) -> str:
    return str(image.dtype).removeprefix("torch.")
