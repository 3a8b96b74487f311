"""Image files in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor


def read_image(path: str | Path) -> Tensor:  # (3, H, W) float32 in [0, 1]
    """An image file as RGB, upright as its EXIF data says. Transparency is composited on white; grey (8 or 16 bits)
    and palette images become RGB. Colour profiles are not applied, and Pillow reads 16-bit RGB at 8 bits."""
    if not Path(path).is_file():
        raise ValueError(f"{path} is not a file; give an image file.")
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "unknown format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ValueError(f"{path} cannot be read as an image ({reason}); give an intact PNG, JPEG or WebP.") from error
    return torch.from_numpy(_to_rgb(picture)).permute(2, 0, 1).contiguous()


def _to_rgb(picture: Image.Image) -> np.ndarray:  # (H, W, 3) float32
    if picture.mode == "F" or picture.mode.startswith("I"):  # one channel: floats, or integers of 16 bits
        grey = np.asarray(picture).astype(np.float32) / (1 if picture.mode == "F" else 65535)
        return np.repeat(grey[..., None], 3, axis=-1)
    if picture.has_transparency_data:
        colour = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    return np.asarray(picture.convert("RGB")).astype(np.float32) / 255
