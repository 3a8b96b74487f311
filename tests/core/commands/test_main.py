import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from video_files import pattern, write

from rdvfi_core.__main__ import main


def test_the_module_runs_as_a_program():
    command = [sys.executable, "-m", "rdvfi_core", "interpolate", "a", "b", "-o", "c.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: c.png ends in .png") and done.stderr.count("\n") == 1


def test_train_is_handed_over(monkeypatch):
    seen = []
    commands = ModuleType("rdvfi_core.training.commands")
    commands.add_arguments = lambda parser: parser.add_argument("part")
    commands.run = lambda args: seen.append(args.part)
    monkeypatch.setitem(sys.modules, "rdvfi_core.training.commands", commands)
    assert main(["train", "motion"]) == 0
    assert seen == ["motion"]


@pytest.mark.parametrize("output, unbuffered", [(["--plan-only"], ""), (["-o", "out.mkv"], "1")])
def test_a_reader_that_has_gone_is_no_error(tmp_path, output, unbuffered):
    """As behind `| head -0`: what else there is to do is done."""
    write(tmp_path / "in.mkv", [pattern(i) for i in range(3)])
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(Path(__file__).parents[3])}
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "rdvfi_core", "video", "in.mkv", "--multiplier", "1", *output]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.mkv").exists() == ("-o" in output)
