"""One server, one tab and one folder of pictures for all tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "comfy")]

from comfyui import PACK, Server, find_comfyui, python_of  # noqa: E402
from frontend import CHROMIUM, FrontEnd, chromium  # noqa: E402
from templates import TEMPLATES, UNREAD_FILES, WAN_FILES  # noqa: E402


def pytest_collection_modifyitems(items) -> None:
    """Last of all tests: playwright keeps an event loop running, and other tests start their own."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    comfyui = find_comfyui()
    if comfyui is None:
        pytest.skip("No ComfyUI here: set COMFYUI_PATH, or clone it to ~/ComfyUI with its packages in ~/ComfyUI/venv.")
    base = tmp_path_factory.mktemp("comfyui")
    put_model_files(comfyui, base / "models")
    running = Server(comfyui, base, "--cpu")
    yield running
    running.stop()


def put_model_files(comfyui: Path, models: Path) -> None:
    script = HERE.parent / "comfy" / "tiny_backbones.py"
    subprocess.run([python_of(comfyui), script, models], cwd=comfyui, check=True, capture_output=True)
    for small, place in WAN_FILES.items():
        (models / place).with_name(small).rename(models / place)
    for place in UNREAD_FILES:
        (models / place).parent.mkdir(parents=True, exist_ok=True)
        (models / place).touch()


@pytest.fixture(scope="session")
def browser():
    pytest.importorskip("playwright", reason="No playwright here: pip install playwright.")
    if CHROMIUM is None:
        pytest.skip("No Chromium here: install it, or set CHROMIUM_PATH.")
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def tab(browser, server) -> FrontEnd:
    """Opened by the address of the first template, as a link in a README would do it."""
    opened = FrontEnd(browser, server.url, f"?template={TEMPLATES[0]}&source={PACK}")
    opened.wait("() => app.graph.nodes.some(node => node.type === 'RDVFILoadModel')")
    return opened


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory) -> Path:
    named = os.environ.get("RDVFI_ARTEFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
