"""Small files in ComfyUI's temp folder that our canvases fetch. A file is named by its content: the same result has the
same name, so that a workflow which remembers it does not change with every run."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path

import folder_paths
from comfy_api.latest import io, ui
from PIL import Image

from ..rdvfi_core.pixels.warp import resize
from .images import Pictures
from .networks import interrupted

LONGEST_SIDE = 1280  # px of a picture on the page
JPEG_QUALITY = 90
GREY = 0.5  # behind transparent pictures


def page_file(content: bytes, suffix: str) -> ui.SavedResult:
    folder = Path(folder_paths.get_temp_directory())
    os.makedirs(folder, exist_ok=True)
    path = folder / f"rdvfi_{hashlib.sha256(content).hexdigest()[:24]}{suffix}"
    path.write_bytes(content)
    return ui.SavedResult(path.name, "", io.FolderType.temp)


def page_pictures(pictures: Pictures, chosen: list[int]) -> list[ui.SavedResult]:
    """JPEGs of some of the pictures, made smaller where they are large."""
    return [page_file(_jpeg(pictures, index), ".jpg") for index in chosen]


def _jpeg(pictures: Pictures, index: int) -> bytes:
    interrupted()
    frame = pictures.rgb(index, GREY).float()  # (1, 3, H, W)
    scale = min(1.0, LONGEST_SIDE / max(frame.shape[-2:]))
    small = resize(frame, *(max(1, round(side * scale)) for side in frame.shape[-2:]))[0]
    file = BytesIO()
    pixels = (small.movedim(0, -1).clamp(0, 1) * 255).round().byte().cpu().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
