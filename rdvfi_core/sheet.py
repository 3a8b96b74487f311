"""Contact sheets: rows of small captioned pictures in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL_WIDTH = 320  # px, where nothing else is asked for
GAP = 4  # px around cells
LINE = 22  # px, height of a line of text
BACKGROUND, INK = (24, 24, 24), (235, 235, 235)


@dataclass(frozen=True)
class Cell:
    picture: Image.Image
    caption: str


def cell(
    pixels: np.ndarray,  # (H, W, 3) uint8 RGB
    caption: str,
    width: int = CELL_WIDTH,
) -> Cell:
    """The picture at the sheet's width, its aspect kept."""
    height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    return Cell(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS), caption)


def draw_sheet(rows: dict[str, list[Cell]], width: int = CELL_WIDTH) -> Image.Image:
    """One row per title: the title, the captions, the pictures."""
    heights = [2 * LINE + max(cell.picture.height for cell in cells) + 2 * GAP for cells in rows.values()]
    columns = max(len(cells) for cells in rows.values())
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, sum(heights)), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    top = 0
    for (title, cells), height in zip(rows.items(), heights, strict=True):
        draw.text((GAP, top + GAP), title, INK, font)
        for column, cell in enumerate(cells):
            left = GAP + column * (width + GAP)
            draw.text((left, top + LINE + GAP), cell.caption, INK, font)
            sheet.paste(cell.picture, (left, top + 2 * LINE + GAP))
        top += height
    return sheet
