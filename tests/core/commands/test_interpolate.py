from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from command_line import CrossFade, fails, files, pixels
from PIL import Image

from rdvfi_core.__main__ import main
from rdvfi_core.errors import Interrupted


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
        (["a.png", "b.png", "-o", "out", "--frames", "0"], "'0' is no whole number from 1 up"),
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
