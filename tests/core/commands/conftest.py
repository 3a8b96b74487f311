import sys
from types import ModuleType

import numpy as np
import pytest
from command_line import CrossFade
from PIL import Image


@pytest.fixture(autouse=True)
def cross_fade(monkeypatch):
    pipeline = ModuleType("rdvfi_core.pipeline")
    pipeline.Interpolator = CrossFade
    monkeypatch.setitem(sys.modules, "rdvfi_core.pipeline", pipeline)
    monkeypatch.setattr(CrossFade, "made", {})
    return CrossFade


@pytest.fixture
def pair(tmp_path, monkeypatch) -> list[str]:
    """a.png and b.png, 97x65, in a folder of their own that is the current one."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(generator.integers(0, 256, (65, 97, 3), dtype=np.uint8)).save(name)
    return ["a.png", "b.png"]
