"""Methods over a folder of clips: scores, pictures, what is left out, what is kept when stopped."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clip_files import write_video
from panning_clips import panning, psnr, write_images
from PIL import Image

from rdvfi_core.errors import Interrupted
from rdvfi_core.evaluation import report as report_module
from rdvfi_core.evaluation.baselines import BASELINES, blend, dis
from rdvfi_core.evaluation.pictures import contact_sheet
from rdvfi_core.evaluation.protocols import PROTOCOLS
from rdvfi_core.evaluation.runner import evaluate

GAP7, GAP24 = PROTOCOLS["gap7"], PROTOCOLS["gap24"]


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_video(folder / "moving.mp4", panning(30, speed=2))
    write_images(folder / "still", panning(1).repeat(18, axis=0))
    write_video(folder / "short.mp4", panning(8))
    write_images(folder / "small", panning(9, height=40))
    (folder / "broken.mkv").write_bytes(b"not a video" * 100)
    return folder


def test_evaluate_end_to_end(folder, tmp_path):
    calls = []
    report = evaluate(folder, GAP7, {"blend": blend, "dis": dis}, progress=lambda *done: calls.append(done))
    assert calls == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert {clip.name: [window.start for window in clip.windows] for clip in report.clips} == {
        "moving.mp4": [0, 10, 21],
        "still": [0, 9],
    }
    assert report.skipped == {
        "broken.mkv": "unreadable: Invalid data found when processing input",
        "short.mp4": "it has 8 frames, gap7 needs 9",
        "small": "it is 96x40, no side may be under 64 px",
    }
    moving, still = report.clips
    assert still.mean("blend", "psnr") == pytest.approx(80, abs=0.01)
    assert moving.mean("dis", "psnr") > moving.mean("blend", "psnr") + 1
    assert report.mean("blend", "ssim") == pytest.approx((moving.mean("blend", "ssim") + 1) / 2)
    assert report.ranked() == ["moving.mp4", "still"]

    tree = json.loads(report.to_json())
    assert set(tree) >= {"folder", "protocol", "metrics", "methods", "mean", "left_out", "clips", "skipped"}
    assert set(tree["left_out"]) == {"lpips", "flip", "fid", "fvd"} and not tree["interrupted"]
    assert tree["folder"] == "clips" and tree["protocol"]["offsets"] == list(GAP7.offsets)
    assert tree["mean"]["dis"]["psnr"] == pytest.approx(report.mean("dis", "psnr"), abs=1e-4)
    window = tree["clips"][0]["windows"][1]
    assert window["start"] == 10 and len(window["scores"]["dis"]["haarpsi"]) == 7
    assert {entry["name"] for entry in tree["skipped"]} == set(report.skipped)
    assert str(tmp_path) not in report.to_json()

    markdown = report.to_markdown().splitlines()
    assert markdown[0] == "gap7 on clips: 2 clips, 5 windows, 35 interpolated frames"
    assert f"| {report.mean('blend', 'psnr'):.2f} | {report.mean('blend', 'ssim'):.4f} |" in markdown[4]
    assert "| short.mp4 | it has 8 frames, gap7 needs 9 |" in markdown and "3 clips were left out:" in markdown
    assert sum("is left out: its network's weights were not given" in line for line in markdown) == 3

    contact_sheet(report, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 5 * 320 and sheet.height > 2 * 213
        # The still clip is the better one, so it is the lower row; its truth equals its first frame.
        first, truth = (sheet.crop((x, sheet.height - 210, x + 320, sheet.height - 10)) for x in (4, 328))
        assert np.array_equal(first, truth) and np.asarray(first).std() > 10


def test_only_frames_between_the_given_ones_are_scored(folder):
    """A method that knows the given frames and nothing else gets no credit for them."""
    asked = []

    def zeros(image0, image1, times):
        asked.append(times)
        return torch.zeros(len(times), *image0.shape)

    report = evaluate(folder, GAP7, {"zeros": zeros})
    assert asked == [[offset / 8 for offset in range(1, 8)]] * 5
    still = torch.from_numpy(panning(1)[0]).permute(2, 0, 1) / 255
    assert report.clips[1].mean("zeros", "psnr") == pytest.approx(psnr(still, torch.zeros(1)), abs=1e-3)


def test_pictures_are_kept_of_the_worst_and_the_best_only(tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, "SHEET_CLIPS", 1)
    for index in range(4):
        write_images(tmp_path / f"speed{index}", panning(9, speed=index))
    report = evaluate(tmp_path, GAP7, {"blend": blend})
    assert report.ranked() == ["speed3", "speed2", "speed1", "speed0"]
    assert set(report.rows) == {"speed3", "speed0"} and len(report.clips) == 4


def test_frames_that_two_windows_share_are_read_for_both(tmp_path):
    frames = panning(17, speed=2)
    write_images(tmp_path / "clip", frames)
    given = []

    def remember(image0, image1, times):
        given.append((image0, image1))
        return blend(image0, image1, times)

    report = evaluate(tmp_path, PROTOCOLS["davis7"], {"m": remember})
    assert [window.start for window in report.clips[0].windows] == [0, 8]
    true = [torch.from_numpy(frames[i]).permute(2, 0, 1) / 255 for i in (0, 8, 16)]
    assert all(
        torch.equal(a, b) for a, b in zip((*given[0], *given[1]), (true[0], *true[1:2] * 2, true[2]), strict=True)
    )


def test_true_frames_are_shown_as_keyframes_and_not_asked_for(tmp_path):
    frames = panning(9, speed=2)
    write_images(tmp_path / "clip", frames)
    true = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    given = []

    def remember(image0, image1, times, keyframes, at):
        given.append((times, at))
        assert torch.equal(image0, true[0]) and torch.equal(image1, true[8]) and torch.equal(keyframes, true[2:8:2])
        return true[1::2]

    report = evaluate(tmp_path, PROTOCOLS["keyframes8"], {"m": remember})
    assert given == [([1 / 8, 3 / 8, 5 / 8, 7 / 8], [0.25, 0.5, 0.75])]
    assert report.clips[0].mean("m", "psnr") == 80


def test_a_clip_that_a_method_fails_on_is_left_out_for_all_and_counted(folder):
    def only_still(image0, image1, times):
        if not torch.equal(image0, image1):
            raise RuntimeError("out of memory")
        return blend(image0, image1, times)

    report = evaluate(folder, GAP7, {"blend": blend, "m": only_still})
    assert [clip.name for clip in report.clips] == ["still"]
    assert report.skipped["moving.mp4"] == "method m failed on frames 0 to 8: out of memory"
    assert "4 clips were left out:" in report.to_markdown()


def test_stopped_by_ctrl_c_the_clips_done_so_far_are_reported(folder):
    calls = []

    def stops_at_the_second_clip(image0, image1, times):
        calls.append(1)
        if len(calls) > 3:  # the first clip has three windows
            raise KeyboardInterrupt
        return blend(image0, image1, times)

    report = evaluate(folder, GAP7, {"m": stops_at_the_second_clip})
    assert report.interrupted and [clip.name for clip in report.clips] == ["moving.mp4"]
    assert "stopped before the end of 5 clips" in report.to_markdown()
    assert json.loads(report.to_json())["interrupted"]


def test_a_limit_takes_the_first_clips_and_reports_repeat(folder):
    first, second = (evaluate(folder, GAP7, {"dis": dis}, limit=2) for _ in range(2))
    assert [clip.name for clip in first.clips] == ["moving.mp4"] and list(first.skipped) == ["broken.mkv"]
    assert [c.windows[0].scores for c in first.clips] == [c.windows[0].scores for c in second.clips]


def test_evaluate_refuses_and_stops_in_one_sentence(folder):
    with pytest.raises(Interrupted):
        evaluate(folder, GAP7, {"blend": blend}, should_stop=lambda: True)
    with pytest.raises(ValueError, match="moving.mp4, because method half failed .*: Frames of shape"):
        evaluate(folder, GAP7, {"half": lambda image0, image1, times: blend(image0, image1, times)[..., ::2]})
    with pytest.raises(ValueError, match="None of the 5 clips .* gap99, the first of them, broken.mkv, because"):
        evaluate(folder, replace(GAP24, name="gap99", gap=99), BASELINES)
