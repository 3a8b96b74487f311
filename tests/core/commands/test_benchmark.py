import os

import pytest
import torch
from command_line import fails

from rdvfi_core.__main__ import main
from rdvfi_core.commands import benchmark


def test_benchmark_prints_a_row_per_size(capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "in_fresh_process", lambda function, *arguments: function(*arguments))
    assert main(["benchmark", "--sizes", "64x96,96x64", "--frames", "4", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in lines[0]
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| size",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| 64x96",
        "| 96x64",
    ]
    assert "of 1 |" in lines[2] and "of 4 |" in lines[2]


def test_every_size_is_measured_in_a_process_of_its_own():
    first, second = (benchmark.in_fresh_process(os.getpid) for _ in range(2))
    assert len({first, second, os.getpid()}) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--factors", "2"], "benchmark of pairs has no use for --factors"),
        (["--seconds", "5"], "benchmark of pairs has no use for --seconds"),
        (["--video", "overhead", "--rendered"], "benchmark of --video overhead has no use for --rendered"),
        (["--video", "memory", "--frames", "3"], "benchmark of --video memory has no use for --frames"),
        (["--backbone", "svd", "--video", "memory"], "benchmark of --backbone has no use for --video"),
    ],
)
def test_options_of_another_benchmark_are_refused(capsys, arguments, words):
    assert words in fails(capsys, ["benchmark", *arguments])


@pytest.mark.parametrize("sizes", ["big", "640", "63x64", "64x64,", "64x-64"])
def test_benchmark_refuses_sizes_in_one_line(capsys, sizes):
    assert "is not a size" in fails(capsys, ["benchmark", "--sizes", sizes])


@pytest.mark.parametrize("factors", ["1", "two", "2,,4"])
def test_benchmark_refuses_factors_in_one_line(capsys, factors):
    assert "is no list of factors; write whole numbers from 2 up" in fails(capsys, ["benchmark", "--factors", factors])
