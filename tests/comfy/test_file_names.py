"""Prefixes of file names are filled in as ComfyUI's page does it for core's savers. Needs no ComfyUI."""

from __future__ import annotations

import importlib.util
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

PATH = Path(__file__).parents[2] / "nodes" / "file_names.py"
spec = importlib.util.spec_from_file_location("file_names", PATH)
file_names = importlib.util.module_from_spec(spec)
spec.loader.exec_module(file_names)

NOW = datetime(2026, 3, 7, 15, 4, 9)
GRAPH = {
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": ["5", 0]}},
    "5": {"class_type": "LoadVideo", "inputs": {"file": "a/b: c?.mp4"}, "_meta": {"title": "My clip"}},
}
SHOWN = [{"id": 4, "title": "Size", "properties": {"Node name for S&R": "Empty Latent Image"}}]


def filled(prefix: str, graph=GRAPH, workflow=SHOWN) -> str:  # noqa: B006 - never written to
    hidden = SimpleNamespace(prompt=graph, extra_pnginfo={"workflow": {"nodes": workflow}})
    return file_names.filled(prefix, hidden, NOW)


@pytest.mark.parametrize(
    "prefix, expected",
    [
        ("dated/%date:yyyy-MM-dd%/x", "dated/2026-03-07/x"),
        ("%date:yy/M/d%/clip", "26/3/7/clip"),
        ("x_%date:hhmmss%_%date:h-m-s%", "x_150409_15-4-9"),
        ("%date:hh:mm%", "15_04"),  # a colon is no part of a name on Windows
        ("%date:yyyy% and %date:MM%", "2026 and 03"),
    ],
)
def test_dates(prefix, expected):
    assert filled(prefix) == expected


@pytest.mark.parametrize("node", ["Size", "Empty Latent Image", "EmptyLatentImage"])
def test_values_of_nodes_by_title_name_or_kind(node):
    assert filled(f"w%{node}.width%") == "w512"


def test_a_value_makes_no_folder_and_no_name_that_a_system_refuses():
    assert filled("%My clip.file%") == "a_b_ c_.mp4"


@pytest.mark.parametrize("prefix", ["50%_of_80%", "%year%/%width%", "%Size.height%", "%Nobody.width%", "video/RDVFI"])
def test_all_else_stays(prefix):
    assert filled(prefix) == prefix


@pytest.mark.parametrize("graph, workflow", [(None, None), ({}, []), (GRAPH, None)])
def test_a_call_of_the_api_has_no_workflow(graph, workflow):
    assert filled("%date:dd%", graph, workflow) == "07" and filled("%Size.width%", graph, workflow) == "%Size.width%"
