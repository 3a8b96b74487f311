"""A small video of the frames that a node makes, for its page, and what each frame is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

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


class Preview:
    def __init__(self, plan: Plan, height: int, width: int):
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        # Pages do not play H.264 of odd sides, which has full chroma.
        self.size = tuple(max(2, 2 * round(side * scale / 2)) for side in (height, width))
        self.plan = plan
        self.file = ui.SavedResult(f"rdvfi_{uuid4().hex}.mp4", "", io.FolderType.temp)

    @contextmanager
    def writing(self) -> Iterator[Callable[[Tensor], None]]:
        """Gives what takes the frames, (1, 3 or 4, H, W), one after the other."""
        folder = Path(folder_paths.get_temp_directory())
        os.makedirs(folder, exist_ok=True)
        taken = 0
        with open_writer(folder / self.file.filename, self.size, self.plan.fps) as writer:

            def take(frame: Tensor) -> None:
                nonlocal taken
                if taken < MOST_FRAMES:
                    writer.write(self._small(frame))
                taken += 1

            yield take

    def shown(self) -> dict:
        return {"rdvfi_preview": [{"video": self.file, "fps": float(self.plan.fps), "frames": kinds(self.plan)}]}

    def _small(self, frame: Tensor) -> Tensor:  # (1, 3 or 4, H, W) -> (3, h, w)
        frame = frame.float()
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
