import json
from pathlib import Path

import pytest
import torch
from command_line import fails, pixels
from PIL import Image
from random_anchors import random_anchors

from rdvfi_core.__main__ import main
from rdvfi_core.commands import evaluate as evaluate_command
from rdvfi_core.commands import evaluate_methods
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.keyframes.autoencoder import Autoencoder


def still(name: str) -> None:
    """A folder of nine equal frames, below `clips`."""
    clip = Path("clips", name)
    clip.mkdir(parents=True)
    for index in range(9):
        Image.open("a.png").save(clip / f"{index}.png")


def test_evaluate_prints_a_table_and_writes_the_report(pair, capsys, cross_fade):
    pytest.importorskip("piq")
    still("still")
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


@pytest.mark.parametrize("told", ["option", "environment"])
def test_anchors_bring_rife_and_lpips_into_the_run(pair, capsys, cross_fade, monkeypatch, told):
    pytest.importorskip("piq")
    still("still")
    anchors = str(random_anchors(Path("anchors")))
    if told == "environment":
        monkeypatch.setenv("RDVFI_ANCHORS", anchors)
    option = ["--anchors", anchors] if told == "option" else []
    assert main(["evaluate", "clips", "--protocol", "gap7", "--methods", "blend,rife", *option]) == 0
    printed = capsys.readouterr().out
    assert "| method | PSNR dB | SSIM | HaarPSI | sharpness | LPIPS |" in printed and "| rife |" in printed
    assert "LPIPS is left out" not in printed and "rife is left out" not in printed
    motions = []
    monkeypatch.setattr(evaluate_command, "ClipSheets", lambda folder, flows: motions.extend(flows))
    arguments = [*option, "-o", "r.json", "--sheets", "sheets"]
    assert main(["evaluate", "clips", "--protocol", "gap7", *arguments]) == 0 and "rife" in motions
    report = json.loads(Path("r.json").read_text())
    assert report["methods"] == ["rdvfi", "straight", "blend", "dis", "rife"]
    assert report["mean"]["blend"]["lpips"] == 0 < report["mean"]["rife"]["lpips"]


def test_anchors_that_are_missing_leave_out_what_needs_them(pair, capsys, cross_fade, monkeypatch):
    pytest.importorskip("piq")
    monkeypatch.delenv("RDVFI_ANCHORS", raising=False)
    still("still")
    assert main(["evaluate", "clips", "--protocol", "gap7", "-o", "r.json"]) == 0
    printed = capsys.readouterr().out
    assert "LPIPS is left out: its network's weights were not given (--anchors FOLDER, or RDVFI_ANCHORS" in printed
    assert "rife is left out: no folder of anchors was given" in printed
    assert {"lpips", "rife"} < set(json.loads(Path("r.json").read_text())["left_out"])
    anchors = random_anchors(Path("anchors"))
    for name, words in (
        ("rife.pth", "rife is left out: the folder of anchors has no rife.pth"),
        ("alexnet.pth", "LPIPS is left out: the folder of anchors has no alexnet.pth"),
    ):
        (anchors / name).unlink()
        assert main(["evaluate", "clips", "--protocol", "gap7", "--anchors", "anchors"]) == 0
        assert words in capsys.readouterr().out
    monkeypatch.setenv("RDVFI_ANCHORS", "nowhere")
    assert "RDVFI_ANCHORS nowhere is not a folder" in fails(capsys, ["evaluate", "clips", "--protocol", "gap7"])


def test_keyframes_are_shown_to_the_whole_method_alone(pair, capsys, cross_fade, monkeypatch):
    pytest.importorskip("piq")
    still("still")
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
        still(name)
    calls = []

    def stops(image0, image1, times):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return blend(image0, image1, times)

    monkeypatch.setitem(evaluate_methods.BASELINES, "blend", stops)
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
        ([".", "--protocol", "gap7", "--methods", "blend,film"], "film runs in ComfyUI; give its folder with"),
        ([".", "--protocol", "gap7", "--methods", "rife", "--rife", "x"], "rife runs in ComfyUI; give its folder"),
        ([".", "--protocol", "gap7", "--methods", "rife", "--anchors", "."], "with rife.pth in it, --anchors FOLDER"),
        ([".", "--protocol", "gap7", "--anchors", "nowhere"], "--anchors nowhere is not a folder; give"),
        ([".", "--protocol", "scenes", "--fid", "x"], "protocol scenes has no use for --fid"),
        ([".", "--protocol", "cuts", "--anchors", "."], "protocol cuts has no use for --anchors"),
        ([".", "--protocol", "gap7", "--seed", "0"], "protocol gap7 has no use for --seed"),
        ([".", "--protocol", "gap7", "--methods", "blend", "--fid", "nowhere"], "There is no file nowhere"),
    ],
)
def test_evaluate_refuses_in_one_line(pair, capsys, arguments, words):
    assert words in fails(capsys, ["evaluate", *arguments])
