import json
from pathlib import Path

import pytest
from command_line import fails

from rdvfi_core.__main__ import main
from rdvfi_core.commands import ablate
from rdvfi_core.evaluation.scene_report import Made


def test_ablate_compares_variants_and_weights_files(pair, capsys, monkeypatch):
    asked = []

    def variant_of(interpolator, variant, source):
        asked.append((variant.long_range, source))
        return lambda case: Made(case.truth * (0.5 if variant.long_range == "direct" else 1))

    monkeypatch.setattr(ablate, "scene_method", variant_of)
    monkeypatch.setattr(ablate.Interpolator, "from_pretrained", lambda path, device: None)
    arguments = [
        "ablate",
        "chaining",
        "--magnitudes",
        "20",
        "--scenes",
        "1",
        "--weights",
        "a",
        "b",
        "-o",
        "report.json",
    ]
    assert main(arguments) == 0
    assert asked == [(long_range, "truth") for long_range in ("best", "chained", "direct")] * 2
    table = capsys.readouterr().out
    assert [f"| {name}, {file} |" in table for name in ("whole method, N = 7", "direct") for file in "ab"] == [True] * 4
    assert json.loads(Path("report.json").read_text())["scenes"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["everything"], "invalid choice: 'everything'"),
        (["paths", "--magnitudes", "20,far"], "'20,far' is no list of lengths"),
        (["paths", "-o", "report.txt"], "must end in .json"),
        (["weights", "--keyframes", "generated"], "hold no keyframe generator"),
        (["weights", "--weights", "nowhere"], "There is no weights file nowhere"),
    ],
)
def test_ablate_refuses_in_one_line(pair, capsys, arguments, words):
    assert words in fails(capsys, ["ablate", *arguments])
