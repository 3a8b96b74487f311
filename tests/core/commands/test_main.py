import subprocess
import sys
from pathlib import Path
from types import ModuleType

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
