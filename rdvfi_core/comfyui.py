"""An installed ComfyUI, for what runs in it: its folder and its Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def checked_comfyui(folder: str | Path) -> Path:
    """Its absolute path, if it holds a ComfyUI."""
    path = Path(folder).expanduser().resolve()
    if not (path / "comfy" / "model_management.py").is_file():
        raise ValueError(f"{folder} is no ComfyUI; give the folder that holds its main.py and comfy/.")
    return path


def python_of(comfyui: Path) -> str:
    """The interpreter that has ComfyUI's packages: COMFYUI_PYTHON, its own environment, or this one."""
    inside = [comfyui / folder / "bin" / "python" for folder in ("venv", ".venv")]
    inside += [comfyui / folder / "Scripts" / "python.exe" for folder in ("venv", ".venv")]
    inside.append(comfyui.parent / "python_embeded" / "python.exe")  # spelled so in ComfyUI's portable package
    return os.environ.get("COMFYUI_PYTHON") or next((str(p) for p in inside if p.is_file()), sys.executable)
