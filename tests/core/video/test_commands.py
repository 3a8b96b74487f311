"""`video` and `batch` on the command line, with a renderer that cross-fades."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_files import LOSSLESS, CrossFade, clicks, decoded, pattern, times_of, write

from rdvfi_core.__main__ import main
from rdvfi_core.commands import batch, video


@pytest.fixture(autouse=True)
def cross_fade(monkeypatch):
    for module in (video, batch):
        monkeypatch.setattr(module, "load_interpolator", lambda args: CrossFade())


@pytest.fixture
def clip(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.mkv", [pattern(i) for i in range(12)], sound=clicks(0.5, [0.25]), **LOSSLESS)
    return "in.mkv"


def refused(capsys, *argv: str) -> str:
    try:
        status = main(list(argv))
    except SystemExit as error:
        status = error.code
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert status == 2 and len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("times", "count", "fps"),
    [
        ([], 24, 48),
        (["--multiplier", "3"], 36, 72),
        (["--fps", "59.94"], 30, Fraction(60000, 1001)),
        (["--slow", "2"], 24, 24),
        (["--speed", "0.5", "--fps", "30"], 30, 30),
        (["--loop", "--multiplier", "2"], 24, 48),
        (["--curve", "curve.json"], 24, 24),
        (["--shutter", "180", "--multiplier", "1"], 12, 24),
    ],
)
def test_times(clip, capsys, times, count, fps):
    Path("curve.json").write_text('{"points": [[0, 0.5], [1, 0.5]]}')
    assert main(["video", clip, "-o", "out.mkv", "--codec", "ffv1", *times]) == 0
    found = times_of(Path("out.mkv"))
    assert len(found) == count
    assert all(abs(time - Fraction(i) / fps) <= Fraction(1, 1999) for i, time in enumerate(found))
    assert capsys.readouterr().out.startswith(f"out.mkv: {count} frames, 96x64, {float(fps):g} fps")
    assert sorted(path.name for path in Path().iterdir()) == ["curve.json", "in.mkv", "out.mkv"]


def test_the_plan_is_shown_written_edited_and_rendered(clip, capsys):
    assert main(["video", clip, "--plan-only", "--fps", "30"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "12 source frames, 24 fps, 0.500 s" and "-> 15 frames at 30 fps" in shown[1]
    assert shown[3] == "1: frames 0 and 1 at 4/5"
    assert main(["video", clip, "--plan-only", "plan.json", "--fps", "30"]) == 0
    plan = json.loads(Path("plan.json").read_text())
    plan["frames"] = plan["frames"][:5]
    Path("plan.json").write_text(json.dumps(plan))
    assert main(["video", clip, "-o", "out.mkv", "--plan", "plan.json", "--codec", "ffv1"]) == 0
    assert len(decoded("out.mkv")) == 5


def test_interlaced_frames_can_be_left(clip, capsys):
    write(Path("fields.mp4"), [pattern(i) for i in range(4)], options={"flags": "+ildct+ilme"}, fields="tff")
    for more, words in (([], "made whole pictures"), (["--keep-fields"], "left as they are")):
        assert main(["video", "fields.mp4", "--plan-only", *more]) == 0
        assert words in capsys.readouterr().err


def test_a_name_as_long_as_the_file_system_takes(clip, capsys):
    name = "続" * 83 + ".mp4"
    assert main(["video", clip, "-o", name]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["in.mkv", name]


def test_what_is_left_out_is_said(clip, capsys):
    assert main(["video", clip, "-o", "folder"]) == 0
    assert capsys.readouterr().err == "note: A folder of PNGs holds no sound; write a video file to keep it.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.mp4", "-o", "out.mp4"], "nothing.mp4 is not a file"),
        (["in.mkv"], "There is no output"),
        (["in.mkv", "-o", "out.avi"], "ends in .avi"),
        (["in.mkv", "-o", "in.mkv"], "in.mkv would replace its own source"),
        (["in.mkv", "-o", "link.mkv"], "link.mkv would replace its own source"),
        (["in.mkv", "--plan-only", "./in.mkv"], "in.mkv would replace its own source"),
        (["nothing.mp4", "-o", "n" * 252 + ".mp4"], "256 bytes long; 255 fit"),  # before the video is looked for
        (["in.mkv", "-o", "out.webm", "--codec", "prores"], "prores does not go into .webm"),
        (["in.mkv", "-o", "out.mp4", "--multiplier", "0.5"], "multiplier is 0.5"),
        (["in.mkv", "-o", "out.mp4", "--multiplier", "2", "--fps", "60"], "both set the rate"),
        (["in.mkv", "-o", "out.mp4", "--speed", "-1"], "speed is -1"),
        (["in.mkv", "-o", "out.mp4", "--curve", "back.json"], "goes backward"),
        (["in.mkv", "-o", "out.mp4", "--plan", "other.json"], "plan is for 9 source frames, the clip has 12"),
        (["in.mkv", "-o", "out.mp4", "--plan", "other.json", "--slow", "2"], "--slow has no use beside it"),
        (["in.mkv", "-o", "out.mp4", "--plan", "other.json", "--loop"], "--loop has no use beside it"),
        (["nothing.mp4", "-o", "out.mp4", "--plan", "back.json"], "This is no plan"),  # told before the video is read
        (["in.mkv", "-o", "out.mp4", "--cut-threshold", "2"], "no threshold"),
    ],
)
def test_bad_input_is_one_line(clip, capsys, arguments, words):
    Path("back.json").write_text('{"points": [[0, 1], [1, -1]]}')
    from rdvfi_core.timeline import Source, Timeline

    Path("other.json").write_text(Timeline.multiplied(2).plan(Source.constant(9, Fraction(24))).to_json())
    Path("link.mkv").symlink_to("in.mkv")
    before = sorted(Path().iterdir())
    assert words in refused(capsys, "video", *arguments)
    assert sorted(Path().iterdir()) == before


def test_a_batch_of_videos(clip, capsys):
    write(Path("second.mkv"), [pattern(-i) for i in range(8)], **LOSSLESS)
    assert main(["batch", "in.mkv", "second.mkv", "-o", "done", "--fps", "30", "--device", "cpu"]) == 0
    assert [len(times_of(Path("done", f"{name}.mp4"))) for name in ("in", "second")] == [15, 10]
    assert capsys.readouterr().out.splitlines() == ["done/in.mp4: done", "done/second.mp4: done"]


def test_a_batch_says_which_videos_failed(clip, capsys):
    Path("bad.mkv").write_text("no video")
    assert main(["batch", "bad.mkv", "in.mkv", "-o", "done", "--device", "cpu"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "error: 1 of 2 videos failed: bad.mkv cannot be read" in lines[-1]
    assert len(times_of(Path("done/in.mp4"))) == 24


def frames_into(folder: Path, count: int, step: int = 1) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = (pattern(i * step) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"shot_{i + 1:03d}.png")


@pytest.mark.parametrize("name", ["shot", "shot/shot_%03d.png", "shot/*.png"])
def test_numbered_frames_are_a_clip(clip, capsys, name):
    frames_into(Path("shot"), 5)
    assert main(["video", name, "-o", "out.mkv", "--codec", "ffv1", "--source-fps", "12", "--multiplier", "2"]) == 0
    assert len(decoded("out.mkv")) == 10
    assert "knows no rate; give --source-fps" in refused(capsys, "video", name, "-o", "out.mkv")


def test_a_rate_is_for_frames_alone(clip, capsys):
    assert "a video knows its own rate" in refused(capsys, "video", clip, "-o", "out.mp4", "--source-fps", "12")
    assert "a video knows its own rate" in refused(capsys, "batch", clip, "-o", "done", "--source-fps", "12")


def test_a_batch_fills_in_wildcards_and_looks_into_folders(clip, capsys):
    Path("films").mkdir()
    write(Path("films/second.mkv"), [pattern(-i) for i in range(4)], **LOSSLESS)
    frames_into(Path("renders/a"), 3)
    frames_into(Path("renders/b"), 4, -1)
    inputs = ["*.mkv", "films", "renders/a/*.png"]
    assert main(["batch", *inputs, "-o", "done", "--device", "cpu", "--source-fps", "24"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"done/{name}.mp4: done" for name in ("in", "second", "a")]
    assert [len(times_of(Path("done", f"{name}.mp4"))) for name in ("in", "second", "a")] == [24, 8, 6]
    assert main(["batch", "renders/*", "-o", "more", "--device", "cpu", "--source-fps", "24"]) == 0
    assert [path.name for path in sorted(Path("more").glob("*.*4"))] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ""])
def test_a_batch_leaves_what_it_finished(clip, capsys, suffix):
    write(Path("second.mkv"), [pattern(-i) for i in range(4)], **LOSSLESS)
    order = ["batch", "*.mkv", "-o", "done", "--device", "cpu", "--suffix", suffix]
    written = [Path("done", name + suffix) for name in ("in", "second")]

    def said(*more: str) -> list[str]:
        assert main([*order, *more]) == 0
        return [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()]

    assert said() == ["done", "done"]
    before = [path.stat().st_mtime_ns for path in written]
    assert said() == ["done before", "done before"]
    assert [path.stat().st_mtime_ns for path in written] == before
    if not suffix:  # a folder of pictures is never written into again
        return
    assert said("--fps", "30") == ["done", "done"]  # another order
    assert said("--fps", "30") == ["done before", "done before"]
    written[0].unlink()
    assert said("--fps", "30") == ["done before", "done"]
    write(Path("second.mkv"), [pattern(-i) for i in range(6)], **LOSSLESS)  # another source
    assert said("--fps", "30") == ["done before", "done"]
    assert said("--fps", "30", "--again") == ["done", "done"]


@pytest.mark.parametrize("killed", [False, True])
def test_a_batch_that_was_stopped_keeps_what_was_finished(clip, capsys, monkeypatch, killed):
    write(Path("second.mkv"), [pattern(-i) for i in range(4)], **LOSSLESS)
    order = ["batch", "*.mkv", "-o", "done", "--device", "cpu"]

    class Stopped(CrossFade):
        def look_at(self, pair, first=None):
            if Path("done/in.mp4").exists():
                raise KeyboardInterrupt
            return super().look_at(pair, first)

    if killed:  # in the moment after the file took its name
        monkeypatch.setattr(batch.Finished, "end", lambda *_: None)
    monkeypatch.setattr(batch, "load_interpolator", lambda args: Stopped())
    assert main(order) == 130
    monkeypatch.setattr(batch, "load_interpolator", lambda args: CrossFade())
    capsys.readouterr()
    assert main(order) == 0
    assert capsys.readouterr().out.splitlines() == ["done/in.mp4: done before", "done/second.mp4: done"]
