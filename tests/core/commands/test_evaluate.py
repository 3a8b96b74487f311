import json
from pathlib import Path

import pytest
import torch
from command_line import fails, pixels
from PIL import Image

from rdvfi_core.__main__ import main
from rdvfi_core.commands import evaluate as evaluate_command
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.keyframes.autoencoder import Autoencoder


def test_evaluate_prints_a_table_and_writes_the_report(pair, capsys, cross_fade):
    pytest.importorskip("piq")
    clip = Path("clips", "still")
    clip.mkdir(parents=True)
    for index in range(9):
        Image.open("a.png").save(clip / f"{index}.png")
    assert main(["evaluate", "clips", "--protocol", "gap7", "--methods", "blend,straight", "-o", "report.json"]) == 0
    assert cross_fade.made["keyframes"] == "straight"
    printed = capsys.readouterr().out
    assert "| straight |" in printed and "| rdvfi |" not in printed
    report = json.loads(Path("report.json").read_text())
    assert report["methods"] == ["blend", "straight"]
    assert report["mean"]["straight"]["psnr"] > 60  # a cross-fade of equal frames
    assert pixels("report_sheet.png").size > 0
    assert Path("report.md").read_text() == printed
    arguments = ["--protocol", "davis7", "--methods", "straight", "--sheets", "sheets", "--limit", "1"]
    assert main(["evaluate", "clips", *arguments]) == 0
    assert [path.name for path in Path("sheets").iterdir()] == ["still.png"]


def test_keyframes_are_shown_to_the_whole_method_alone(pair, capsys, cross_fade, monkeypatch):
    pytest.importorskip("piq")
    clip = Path("clips", "still")
    clip.mkdir(parents=True)
    for index in range(9):
        Image.open("a.png").save(clip / f"{index}.png")
    fitted = []

    def fit_frames(interpolator, image0, image1, frames, times):
        fitted.append((len(frames), times))
        return "through keyframes"

    def render(interpolator, image0, image1, trajectory, times):
        return blend(*(image.reshape(3, *image.shape[-2:]) for image in (image0, image1)), times)

    monkeypatch.setattr(cross_fade, "fit_frames", fit_frames, raising=False)
    monkeypatch.setattr(cross_fade, "render", render, raising=False)
    motions = []
    monkeypatch.setattr(evaluate_command, "ClipSheets", lambda folder, flows: motions.extend(flows))
    methods = ["--methods", "rdvfi,straight,blend", "--sheets", "sheets"]
    assert main(["evaluate", "clips", "--protocol", "keyframes8", *methods]) == 0
    assert fitted == [(3, [0.25, 0.5, 0.75])]
    assert cross_fade.made["keyframes"] == "straight"
    assert "straight" in motions and "rdvfi" not in motions  # which has another motion through keyframes
    assert "keyframes8 on clips: 1 clips, 1 windows, 4 interpolated frames" in capsys.readouterr().out


def test_evaluate_interrupted_writes_what_is_done_and_says_so(pair, capsys, monkeypatch):
    pytest.importorskip("piq")
    for name in ("a", "b"):
        Path("clips", name).mkdir(parents=True)
        for index in range(9):
            Image.open("a.png").save(Path("clips", name, f"{index}.png"))
    calls = []

    def stops(image0, image1, times):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return blend(image0, image1, times)

    monkeypatch.setitem(evaluate_command.BASELINES, "blend", stops)
    assert main(["evaluate", "clips", "--protocol", "gap7", "--methods", "blend", "-o", "report.json"]) == 130
    assert "stopped before the end of 2 clips" in capsys.readouterr().out
    report = json.loads(Path("report.json").read_text())
    assert report["interrupted"] and [clip["name"] for clip in report["clips"]] == ["a"]


def test_evaluate_on_photographs(pair, capsys, cross_fade, monkeypatch):
    pytest.importorskip("piq")
    autoencoder = Autoencoder()
    autoencoder.fit_pca(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    monkeypatch.setattr(cross_fade, "networks", {"autoencoder": autoencoder.eval()}, raising=False)
    monkeypatch.setattr(cross_fade, "device", torch.device("cpu"), raising=False)
    Path("photographs").mkdir()
    for index in range(5):
        Image.open("a.png").save(Path("photographs", f"{index}.png"))
    assert main(["evaluate", "photographs", "--protocol", "reconstruction", "-o", "r.json"]) == 0
    assert "| with residual |" in capsys.readouterr().out
    made = json.loads(Path("r.json").read_text())
    assert len(made["with residual"]) == 1 and made["with residual"] == made["linear path alone"]
    arguments = ["evaluate", "photographs", "--protocol", "scenes", "--methods", "blend", "--limit", "1"]
    assert main(arguments) == 0
    assert "1 rendered scenes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--protocol", "gap7", "--methods", "blend"], "nowhere is not a folder"),
        ([".", "--protocol", "gap7", "--methods", "blend,magic"], "'magic' is not a method"),
        ([".", "--protocol", "gap9"], "invalid choice: 'gap9'"),
        ([".", "--protocol", "gap7", "-o", "report.txt"], "must end in .json"),
        ([".", "--protocol", "gap7", "-o", "nowhere/report.json"], "nowhere does not exist"),
        ([".", "--protocol", "gap7", "--methods", "blend,rife"], "give its folder with --comfyui"),
        ([".", "--protocol", "gap7", "--comfyui", "."], "is no ComfyUI; give"),
        ([".", "--protocol", "cuts", "--methods", "blend"], "protocol cuts has no use for --methods"),
        ([".", "--protocol", "scenes", "--lpips", "x"], "protocol scenes has no use for --lpips"),
        ([".", "--protocol", "gap7", "--seed", "0"], "protocol gap7 has no use for --seed"),
        ([".", "--protocol", "gap7", "--methods", "blend", "--fid", "nowhere"], "There is no file nowhere"),
    ],
)
def test_evaluate_refuses_in_one_line(pair, capsys, arguments, words):
    assert words in fails(capsys, ["evaluate", *arguments])
