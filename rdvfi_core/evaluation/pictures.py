"""What a report shows: one contact sheet of the worst and best clips, and a sheet per clip with crops at full size,
error maps and flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..files import whole_file
from ..pixels.flow_viz import flow_to_rgb
from ..sheet import CELL_WIDTH, Cell, cell, draw_sheet
from ..video.colour import to_integers
from .metrics import LABELS
from .protocols import Protocol

if TYPE_CHECKING:
    from .report import Report

CROP = (240, CELL_WIDTH)  # (h, w) px of a crop at full size on a clip's sheet
ERROR_GAIN = 4  # of error maps

FlowAt = Callable[[Tensor, Tensor, float], Tensor]  # I0, I1 (3, H, W), tau -> f_{tau->0} (1, 2, h, w) px of its grid


@dataclass(frozen=True)
class Shown:
    """The window of a clip that stands for it: the one whose middle frame the first method does worst, by LPIPS where
    that is measured, otherwise by PSNR."""

    image0: Tensor  # (3, H, W) in [0, 1]
    truth: Tensor  # the middle frame
    image1: Tensor
    protocol: Protocol
    start: int
    made: dict[str, np.ndarray]  # method -> its middle frame (H, W, 3) uint8
    scores: dict[str, dict[str, list[float]]]  # method -> metric -> value per offset

    def score(self, method: str, metric: str = "psnr") -> float:
        return self.scores[method][metric][self.protocol.middle]

    def caption(self, method: str) -> str:
        """ "rdvfi 28.67 dB", and its LPIPS where it is measured."""
        lpips = f", LPIPS {self.score(method, 'lpips'):.4f}" if "lpips" in self.scores[method] else ""
        return f"{method} {self.score(method):.2f} dB{lpips}"


@dataclass(frozen=True)
class ClipSheets:
    """Writes FOLDER/<clip>.png: the truth and every method's middle frame at full size where most moves; the inputs and
    the truth; every method's middle frame; its error; and the motion of those methods that have one."""

    folder: Path
    flows: Mapping[str, FlowAt] = field(default_factory=dict)

    def write(self, clip: str, shown: Shown) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / (clip.replace("/", "_") + ".png")
        sheet = draw_sheet(self._rows(clip, shown))
        with whole_file(path) as unfinished:
            sheet.save(unfinished, format="PNG")

    def _rows(self, clip: str, shown: Shown) -> dict[str, list[Cell]]:
        gap, offset = shown.protocol.gap, shown.protocol.offsets[shown.protocol.middle]
        truth = to_integers(shown.truth)
        moving = most_moving(shown.image0, shown.image1, CROP)

        def crop(pixels: np.ndarray, caption: str) -> Cell:
            return Cell(Image.fromarray(pixels[moving]), caption)

        rows = {
            f"{clip}, tau = {offset}/{gap}: where most moves, at 100 %": [
                crop(truth, "truth"),
                *(crop(made, shown.caption(name)) for name, made in shown.made.items()),
            ],
            f"{clip}, frames {shown.start} and {shown.start + gap} given": [
                cell(to_integers(shown.image0), "I0"),
                cell(truth, f"truth: frame {shown.start + offset}, tau = {offset}/{gap}"),
                cell(to_integers(shown.image1), "I1"),
            ],
            f"interpolated at tau = {offset}/{gap}": [
                cell(made, f"{name}: {shown.score(name):.2f} dB, SSIM {shown.score(name, 'ssim'):.4f}")
                for name, made in shown.made.items()
            ],
            f"error: mean over RGB, {ERROR_GAIN} times as bright; white is {255 // ERROR_GAIN + 1} of 255 or more": [
                cell(_error(made, truth), f"{name}: error") for name, made in shown.made.items()
            ],
        }
        flows = [(name, self.flows[name]) for name in shown.made if name in self.flows]
        if flows:
            title = f"motion from tau = {offset}/{gap} to I0: hue is direction (right red, left cyan)"
            rows[title] = [self._flow(name, flow, shown, offset / gap) for name, flow in flows]
        return rows

    @torch.no_grad()
    def _flow(self, name: str, method: FlowAt, shown: Shown, tau: float) -> Cell:
        flow = method(shown.image0, shown.image1, tau).float().cpu()
        longest = flow.square().sum(1).sqrt().max().item() * shown.image0.shape[-1] / flow.shape[-1]
        return cell(to_integers(flow_to_rgb(flow)[0]), f"{name}: longest {longest:.1f} px")


def sheet_row(shown: Shown) -> list[Cell]:
    """I0, the true middle frame, every method's with its scores, I1."""
    return [
        cell(to_integers(shown.image0), "I0"),
        cell(to_integers(shown.truth), "truth"),
        *(cell(made, shown.caption(name)) for name, made in shown.made.items()),
        cell(to_integers(shown.image1), "I1"),
    ]


def contact_sheet(report: Report, path: str | Path) -> None:
    """PNG of the worst and the best clips by LPIPS (where it is measured, otherwise by PSNR) of the first method, a row
    each."""
    first, metric = report.methods[0], report.metrics.ranking
    heading, digits = LABELS[metric]
    means = {clip.name: f"{heading} {clip.mean(first, metric):.{digits}f}" for clip in report.clips}
    rows = {
        f"{report.protocol.name} {name}: {first} {means[name]} over the clip": report.rows[name]
        for name in report.ranked()
        if name in report.rows
    }
    with whole_file(path) as unfinished:
        draw_sheet(rows).save(unfinished, format="PNG")


def most_moving(
    image0: Tensor,  # (3, H, W) in [0, 1]
    image1: Tensor,
    size: tuple[int, int],  # (h, w) px, cut down to the picture's
) -> tuple[slice, slice]:  # rows, columns
    """The part of the picture in which the two differ most, so that it is the same for every method."""
    differs = (image0 - image1).abs().mean(0).double()
    height, width = (min(wanted, side) for wanted, side in zip(size, differs.shape, strict=True))
    summed = F.pad(differs.cumsum(0).cumsum(1), (1, 0, 1, 0))
    inside = summed[height:, width:] - summed[:-height, width:] - summed[height:, :-width] + summed[:-height, :-width]
    top, left = divmod(inside.argmax().item(), inside.shape[1])
    return slice(top, top + height), slice(left, left + width)


def _error(made: np.ndarray, truth: np.ndarray) -> np.ndarray:  # (H, W, 3) uint8
    error = np.abs(made.astype(np.int16) - truth).mean(-1, keepdims=True) * ERROR_GAIN
    return error.clip(0, 255).round().astype(np.uint8).repeat(3, -1)
