"""What tests of the command line share: a stand-in for the networks that cross-fades, and looks at what came out."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from rdvfi_core.__main__ import main


class CrossFade:
    """The calls of `rdvfi_core.pipeline.Interpolator` that the commands make."""

    made: dict = {}  # how the latest one was asked for
    stop: BaseException | None = None  # raised before the third frame

    @classmethod
    def from_pretrained(cls, path=None, device=None, dtype=None):
        CrossFade.made = {"path": path, "device": device}
        return cls()

    def fit(self, image0, image1, seed=0, keyframes="auto", progress=None, should_stop=None):
        CrossFade.made |= {"seed": seed, "keyframes": keyframes}
        if progress is not None:
            progress(1, 1)
        flows = torch.zeros(1, 2, 2, 32, 32)
        return SimpleNamespace(to0=flows, to1=flows, sample=lambda tau: SimpleNamespace(to0=flows[:, 0]))

    def fit_frames(self, image0, image1, frames, times):
        assert len(frames) == len(times) == 7
        return self.fit(image0, image1)

    def stream(self, image0, image1, trajectory, times, progress=None, should_stop=None):
        for index, tau in enumerate(times):
            if index == 2 and CrossFade.stop is not None:
                raise CrossFade.stop
            yield torch.lerp(image0[0], image1[0], tau)

    def render(self, image0, image1, trajectory, times, progress=None, should_stop=None):
        return torch.stack(list(self.stream(image0, image1, trajectory, times)))

    def __call__(self, image0, image1, times, seed=0, keyframes="auto", before=None, after=None):
        CrossFade.made |= {"seed": seed, "keyframes": keyframes}
        return self.render(image0[None], image1[None], None, times)


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def files(folder=".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def fails(capsys, argv: list[str]) -> str:
    """The one line that a refused command prints."""
    try:
        status = main(argv)
    except SystemExit as error:  # argparse
        status = error.code
    assert status == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]
