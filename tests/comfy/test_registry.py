"""What comfy-cli, the registry's own tool, says of the pack and of its workflows. Skipped where it is not installed:
pip install comfy-cli, or name its environment's comfy in COMFY_CLI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from comfyui import REPOSITORY

COMFY = os.environ.get("COMFY_CLI") or shutil.which("comfy")
GRAPHS = sorted([*REPOSITORY.glob("workflows/*.json"), *REPOSITORY.glob("subgraphs/*.json")])
LARGEST = 12 * 2**20  # bytes of the package; weights are most of it

CHECKS = """
import json, sys
from comfy_cli.layout_quality import score_workflow
from comfy_cli.link_integrity import broken_link_findings
found = {}
for path in sys.argv[1:]:
    graph = json.load(open(path, encoding="utf-8"))
    score = score_workflow(graph)
    found[path] = [score.overlap_area, score.backward_edges, *map(len, broken_link_findings(graph))]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """What git would hand out, uncommitted changes included, since the tool looks at all that it finds."""
    if COMFY is None:
        pytest.skip("No comfy-cli here: pip install comfy-cli, or set COMFY_CLI to its comfy.")
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("Not in a git repository.")
    folder = tmp_path_factory.mktemp("checkout") / "pack"
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=REPOSITORY, text=True)
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def comfy(folder: Path, *command: str) -> str:
    """Without telemetry, and with a home of its own."""
    environment = os.environ | {"DO_NOT_TRACK": "1", "HOME": str(folder.parent), "COLUMNS": "200"}
    environment["PATH"] = f"{Path(COMFY).parent}{os.pathsep}{environment['PATH']}"  # ruff is installed beside it
    done = subprocess.run(
        [COMFY, "--skip-prompt", "--no-json", *command], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_pack_is_valid_without_a_warning(checkout):
    said = comfy(checkout, "node", "validate").lower()
    assert "checks passed successfully" in said and "warning" not in said and "error" not in said, said


def test_the_package_holds_what_runs_and_no_more(checkout):
    comfy(checkout, "node", "pack")
    (package,) = checkout.glob("*.zip")
    with zipfile.ZipFile(package) as file:
        names = set(file.namelist())
    package.unlink()
    assert not [name for name in names if name.startswith(("tests/", ".", "docs/pictures/"))]
    assert {"__init__.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"} <= names
    assert {path.relative_to(REPOSITORY).as_posix() for path in GRAPHS} <= names
    for folder in ("nodes", "rdvfi_core", "js", "locales", "workflows"):
        ours = {path.relative_to(checkout).as_posix() for path in (checkout / folder).rglob("*") if path.is_file()}
        assert ours <= names


def test_workflows_have_no_broken_link_and_read_from_left_to_right(checkout):
    python = next(path for path in Path(COMFY).resolve().parent.glob("python*") if path.stem.startswith("python"))
    found = json.loads(subprocess.check_output([python, "-c", CHECKS, *GRAPHS], text=True))
    assert len(found) == len(GRAPHS)
    assert found == {str(path): [0, 0, 0, 0] for path in GRAPHS}
