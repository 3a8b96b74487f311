"""One server for all tests of a session; without a ComfyUI they are skipped."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from comfyui import Server, find_comfyui  # noqa: E402


@pytest.fixture(scope="session")
def comfyui() -> Path:
    found = find_comfyui()
    if found is None:
        pytest.skip("No ComfyUI here: set COMFYUI_PATH, or clone it to ~/ComfyUI with its packages in ~/ComfyUI/venv.")
    return found


@pytest.fixture(scope="session")
def server(comfyui, tmp_path_factory):
    running = Server(comfyui, tmp_path_factory.mktemp("comfyui"), "--cpu")
    yield running
    running.stop()
