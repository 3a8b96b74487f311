"""A small video of the frames that a node makes, for its page, and what each frame is."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import av
import folder_paths
from comfy_api.latest import io, ui
from torch import Tensor

from ..rdvfi_core.pixels.alpha import on_ground
from ..rdvfi_core.pixels.warp import resize
from ..rdvfi_core.timeline import Plan
from ..rdvfi_core.video.writer import open_writer

LONGEST_SIDE = 512  # px
MOST_FRAMES = 600  # of a longer clip, those at its beginning
GREY = 0.5  # behind transparent frames
COPIED, MADE, AFTER_CUT = "copied", "made", "cut"
FAILURES = (OSError, ValueError, av.FFmpegError)  # no encoder, no room


class Preview:
    """`with preview: preview.write(frame)` for each frame. What fails costs the preview alone, never the frames."""

    def __init__(self, plan: Plan, height: int, width: int):
        ratio = max(1.0, max(height, width) / LONGEST_SIDE)
        # Pages do not play H.264 of odd sides, which has full chroma.
        self.size = tuple(max(2, 2 * round(side / ratio / 2)) for side in (height, width))
        self.step = max(1, int(ratio / 1.5))  # pixels that are passed over; the rest is averaged, which takes longer
        self.plan = plan
        self.file = ui.SavedResult(f"rdvfi_{uuid4().hex}.mp4", "", io.FolderType.temp)
        self._open, self._taken, self._failed = ExitStack(), 0, False

    def __enter__(self) -> Preview:
        self._try(self._begin)
        return self

    def write(self, frame: Tensor) -> None:  # (1, 3 or 4, H, W)
        if self._taken < MOST_FRAMES:
            self._try(lambda: self._writer.write(self._small(frame)))
        self._taken += 1

    def __exit__(self, *raised) -> None:
        self._try(lambda: self._open.__exit__(*raised))

    def shown(self) -> dict:
        if self._failed:
            return {}
        return {"rdvfi_preview": [{"video": self.file, "fps": float(self.plan.fps), "frames": kinds(self.plan)}]}

    def _begin(self) -> None:
        folder = Path(folder_paths.get_temp_directory())
        os.makedirs(folder, exist_ok=True)
        self._writer = self._open.enter_context(open_writer(folder / self.file.filename, self.size, self.plan.fps))

    def _try(self, work: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            work()
        except FAILURES as error:
            self._failed = True
            logging.warning("RDVFI Interpolate shows no preview: %s", error)
            with suppress(*FAILURES):
                self._open.__exit__(type(error), error, error.__traceback__)

    def _small(self, frame: Tensor) -> Tensor:  # (1, 3 or 4, H, W) -> (3, h, w)
        frame = frame[..., :: self.step, :: self.step].float()
        colour = on_ground(frame[0], GREY)[None] if frame.shape[1] == 4 else frame.expand(-1, 3, -1, -1)
        return resize(colour, *self.size)[0].clamp(0, 1).cpu()


def kinds(plan: Plan) -> list[str]:
    """Of the frames that the preview shows: which are source frames, untouched, and which come after a cut."""
    found, last = [], None
    for frame in plan[:MOST_FRAMES]:
        crossed = last is not None and any(last <= cut < frame.first for cut in plan.cuts)
        copied = frame.kind == "copy" and not frame.exposure
        found.append(AFTER_CUT if crossed else COPIED if copied else MADE)
        last = frame.first
    return found
