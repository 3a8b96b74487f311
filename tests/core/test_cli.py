"""The command line with a stand-in for the networks that cross-fades."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from rdvfi_core.__main__ import main
from rdvfi_core.autoencoder import Autoencoder
from rdvfi_core.commands import ablate, benchmark
from rdvfi_core.commands import evaluate as evaluate_command
from rdvfi_core.commands.demo import HEIGHT, WIDTH
from rdvfi_core.errors import Interrupted
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.evaluation.scene_report import Made
from rdvfi_core.sample import sample_scene


class CrossFade:
    """The calls of `rdvfi_core.pipeline.Interpolator` that the commands make."""

    made: dict = {}  # how the latest one was asked for
    stop: BaseException | None = None  # raised before the third frame

    @classmethod
    def from_pretrained(cls, path=None, device=None, dtype=None):
        CrossFade.made = {"path": path, "device": device}
        return cls()

    def fit(self, image0, image1, seed=0, keyframes="auto", progress=None, should_stop=None):
        CrossFade.made |= {"seed": seed, "keyframes": keyframes}
        if progress is not None:
            progress(1, 1)
        flows = torch.zeros(1, 2, 2, 32, 32)
        return SimpleNamespace(to0=flows, to1=flows, sample=lambda tau: SimpleNamespace(to0=flows[:, 0]))

    def fit_frames(self, image0, image1, frames, times):
        assert len(frames) == len(times) == 7
        return self.fit(image0, image1)

    def stream(self, image0, image1, trajectory, times, progress=None, should_stop=None):
        for index, tau in enumerate(times):
            if index == 2 and CrossFade.stop is not None:
                raise CrossFade.stop
            yield torch.lerp(image0[0], image1[0], tau)

    def render(self, image0, image1, trajectory, times, progress=None, should_stop=None):
        return torch.stack(list(self.stream(image0, image1, trajectory, times)))

    def __call__(self, image0, image1, times, seed=0, keyframes="auto", progress=None, should_stop=None):
        CrossFade.made |= {"seed": seed, "keyframes": keyframes}
        return self.render(image0[None], image1[None], None, times)


@pytest.fixture(autouse=True)
def cross_fade(monkeypatch):
    pipeline = ModuleType("rdvfi_core.pipeline")
    pipeline.Interpolator = CrossFade
    monkeypatch.setitem(sys.modules, "rdvfi_core.pipeline", pipeline)
    monkeypatch.setattr(CrossFade, "made", {})
    return CrossFade


@pytest.fixture
def pair(tmp_path, monkeypatch) -> list[str]:
    """a.png and b.png, 97x65, in a folder of their own that is the current one."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(generator.integers(0, 256, (65, 97, 3), dtype=np.uint8)).save(name)
    return ["a.png", "b.png"]


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def files(folder=".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def fails(capsys, argv: list[str]) -> str:
    """The one line that a refused command prints."""
    try:
        status = main(argv)
    except SystemExit as error:  # argparse
        status = error.code
    assert status == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


# interpolate


def test_frames_lie_between_the_untouched_ends(pair, capsys):
    assert main(["interpolate", *pair, "-o", "out", "--frames", "3"]) == 0
    assert files("out") == [f"{i:05d}.png" for i in range(5)]
    a, b = pixels("a.png"), pixels("b.png")
    assert np.array_equal(pixels("out/00000.png"), a) and np.array_equal(pixels("out/00004.png"), b)
    assert np.abs(pixels("out/00001.png") - (0.75 * a + 0.25 * b)).max() <= 0.51
    assert capsys.readouterr().out == "out: 5 frames, 97x65, 24 fps\n"


def test_listed_times_are_rendered_in_their_order(pair):
    assert main(["interpolate", *pair, "-o", "out", "--times", "1, 0,1/3"]) == 0
    a, b = pixels("a.png"), pixels("b.png")
    assert files("out") == ["00000.png", "00001.png", "00002.png"]
    assert np.array_equal(pixels("out/00000.png"), b) and np.array_equal(pixels("out/00001.png"), a)
    assert np.abs(pixels("out/00002.png") - (2 / 3 * a + 1 / 3 * b)).max() <= 0.51


def test_a_video_has_the_size_the_frames_and_the_rate(pair):
    assert main(["interpolate", *pair, "-o", "out.mp4", "--fps", "24000/1001"]) == 0
    with av.open("out.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (97, 65, Fraction(24000, 1001))
        assert sum(1 for _ in container.decode(stream)) == 9


def test_choices_reach_the_interpolator(pair, cross_fade):
    choices = ["--seed", "5", "--keyframes", "straight", "--device", "cpu", "--weights", "w.safetensors"]
    assert main(["interpolate", *pair, "-o", "out", *choices]) == 0
    assert cross_fade.made == {
        "path": "w.safetensors",
        "device": torch.device("cpu"),
        "seed": 5,
        "keyframes": "straight",
    }


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted("stopped")])
@pytest.mark.parametrize("output", ["out.mp4", "out"])
def test_an_interruption_leaves_no_half_output(pair, capsys, monkeypatch, stop, output):
    monkeypatch.setattr(CrossFade, "stop", stop)
    assert main(["interpolate", *pair, "-o", output]) == 130
    assert files() == ["a.png", "b.png"]
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.png", "b.png", "-o", "out"], "missing.png is not a file"),
        (["a.png", "small.png", "-o", "out"], "image1 is 40x40"),
        (["a.png", "wide.png", "-o", "out"], "97x65 and image1 is 98x65"),
        (["missing.png", "b.png", "-o", "out.avi"], "ends in .avi"),  # before any image is read
        (["a.png", "b.png", "-o", "out.gif", "--fps", "60"], "at most 50"),
        (["a.png", "b.png", "-o", "out", "--fps", "0"], "fps is 0"),
        (["a.png", "b.png", "-o", "out", "--fps", "-24"], "fps is -24"),
        (["a.png", "b.png", "-o", "out", "--frames", "0"], "'0' is not a number of frames"),
        (["a.png", "b.png", "-o", "out", "--times", "0,1.5"], "times contains 3/2"),
        (["a.png", "b.png", "-o", "out", "--times", "0,,1"], "not a list of numbers"),
        (["a.png", "b.png", "-o", "out", "--times", "0", "--frames", "2"], "not allowed with"),
        (["a.png", "b.png", "-o", "out", "--device", "abacus"], "--device abacus cannot be used"),
        (["a.png", "-o", "out"], "B"),
    ],
)
def test_bad_input_is_one_line_before_any_work(pair, capsys, cross_fade, arguments, words):
    Image.new("RGB", (40, 40)).save("small.png")
    Image.new("RGB", (98, 65)).save("wide.png")
    before = files()
    assert words in fails(capsys, ["interpolate", *arguments])
    assert files() == before and cross_fade.made == {}


def test_the_module_runs_as_a_program():
    command = [sys.executable, "-m", "rdvfi_core", "interpolate", "a", "b", "-o", "c.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: c.png ends in .png") and done.stderr.count("\n") == 1


# demo


def test_the_demo_makes_a_video_and_a_sheet(pair):
    assert main(["demo", "-o", "show.mp4"]) == 0
    assert files() == ["a.png", "b.png", "show.mp4", "show_sheet.png"]
    with av.open("show.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH, HEIGHT, 24)
        assert sum(1 for _ in container.decode(stream)) == 25
    assert pixels("show_sheet.png").std() > 20


def test_the_sample_scene_is_the_same_every_time_and_its_paths_are_curved():
    scene = sample_scene(90, 160)
    assert torch.equal(scene.render(0.3).image, sample_scene(90, 160).render(0.3).image)
    (_, start), (_, middle), (_, end) = (scene.pose(tau) for tau in (0.0, 0.5, 1.0))
    bend = (middle - (start + end) / 2).norm(dim=-1)[0]  # of background, bar, disc, card
    assert bend[2] > 0.015 * (90 * 160) ** 0.5 > bend[3]


# evaluate


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
        ([".", "--protocol", "gap7", "--comfyui", "."], "is no ComfyUI with frame interpolation"),
        ([".", "--protocol", "gap7", "--methods", "blend", "--fid", "nowhere"], "There is no file nowhere"),
    ],
)
def test_evaluate_refuses_in_one_line(pair, capsys, arguments, words):
    assert words in fails(capsys, ["evaluate", *arguments])


# ablate


def test_ablate_compares_variants_and_weights_files(pair, capsys, monkeypatch):
    asked = []

    def variant_of(interpolator, variant, source):
        asked.append((variant.direct, source))
        return lambda case: Made(case.truth * (0.5 if variant.direct else 1))

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
    assert asked == [(False, "truth"), (True, "truth")] * 2
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


# benchmark


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


@pytest.mark.parametrize("sizes", ["big", "640", "63x64", "64x64,", "64x-64"])
def test_benchmark_refuses_sizes_in_one_line(capsys, sizes):
    assert "is not a size" in fails(capsys, ["benchmark", "--sizes", sizes])


# train


def test_train_is_handed_over(monkeypatch):
    seen = []
    commands = ModuleType("rdvfi_core.training.commands")
    commands.add_arguments = lambda parser: parser.add_argument("part")
    commands.run = lambda args: seen.append(args.part)
    monkeypatch.setitem(sys.modules, "rdvfi_core.training.commands", commands)
    assert main(["train", "motion"]) == 0
    assert seen == ["motion"]
