import io
import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from clip_files import write_video
from PIL import Image

from rdvfi_core.clips import Clip, ClipError, list_clips
from rdvfi_core.errors import Interrupted
from rdvfi_core.evaluation import report as report_module
from rdvfi_core.evaluation.baselines import BASELINES, blend, dis, dis_flow, minterpolate
from rdvfi_core.evaluation.comfyui import core_weights
from rdvfi_core.evaluation.comfyui_worker import receive, send
from rdvfi_core.evaluation.metrics import measure
from rdvfi_core.evaluation.pictures import ClipSheets, contact_sheet
from rdvfi_core.evaluation.protocols import PROTOCOLS, windows
from rdvfi_core.evaluation.runner import evaluate

GAP7, GAP24 = PROTOCOLS["gap7"], PROTOCOLS["gap24"]


def texture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, height, width) in [0, 1], smooth enough to be followed by optical flow."""
    noise = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic", align_corners=True)[0].clamp(0, 1)


def panning(frames: int, height: int = 64, width: int = 96, speed: int = 1, seed: int = 0) -> np.ndarray:
    """(frames, height, width, 3) uint8: a texture that moves left by `speed` px a frame."""
    wide = (texture(height, width + speed * frames, seed) * 255).round().byte().permute(1, 2, 0).numpy()
    return np.stack([wide[:, speed * index : speed * index + width] for index in range(frames)])


def write_images(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir()
    for index, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"frame{index}.png")


def psnr(frames: torch.Tensor, truth: torch.Tensor) -> float:
    return -10 * math.log10((frames - truth).square().mean().item())


# Protocols


def test_protocols_ask_for_the_documented_frames():
    assert (GAP7.gap, GAP7.offsets, GAP7.windows_at_most) == (8, tuple(range(1, 8)), 3)
    assert (GAP24.gap, GAP24.offsets, GAP24.windows_at_most) == (24, (4, 8, 12, 16, 20), 2)
    assert GAP24.times == (Fraction(1, 6), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(5, 6))
    assert GAP7.offsets[GAP7.middle] == 4 and GAP24.offsets[GAP24.middle] == 12


def test_windows_by_hand():
    assert windows(8, GAP7) == []
    assert windows(9, GAP7) == [0]
    assert windows(17, GAP7) == [4]  # one short of two windows: a single centred one
    assert windows(18, GAP7) == [0, 9]
    assert windows(60, GAP7) == [0, 25, 51]
    assert windows(24, GAP24) == []
    assert windows(49, GAP24) == [12]
    assert windows(60, GAP24) == [0, 35]


def test_whole_clips_are_cut_into_windows_from_the_first_frame_on():
    davis7, fcvg = PROTOCOLS["davis7"], PROTOCOLS["fcvg"]
    assert windows(8, davis7) == [] and windows(9, davis7) == [0]
    assert windows(50, davis7) == [
        0,
        8,
        16,
        24,
        32,
        40,
    ]  # every 8th frame is given, to one window's end and the next's start
    assert windows(24, fcvg) == [] and windows(74, fcvg) == [0, 25] and windows(75, fcvg) == [0, 25, 50]
    for protocol in (davis7, fcvg):
        asked = [start + offset for start in windows(100, protocol) for offset in protocol.offsets]
        assert len(asked) == len(set(asked)) and len(protocol.offsets) == protocol.gap - 1


@pytest.mark.parametrize("protocol", (GAP7, GAP24), ids=("gap7", "gap24"))
def test_windows_are_disjoint_and_reach_both_ends(protocol):
    for frames in range(protocol.size, 120):
        starts = windows(frames, protocol)
        assert len(starts) == min(protocol.windows_at_most, frames // protocol.size)
        assert all(b - a >= protocol.size for a, b in zip(starts, starts[1:], strict=False))
        before, after = starts[0], frames - (starts[-1] + protocol.size)
        assert (before, after) == (0, 0) if len(starts) > 1 else 0 <= after - before <= 1


# Clips


def test_clips_are_listed_by_name_and_other_files_are_left_alone(tmp_path):
    write_video(tmp_path / "b.mp4", panning(2))
    write_images(tmp_path / "a", panning(2))
    (tmp_path / "notes.csv").write_text("no clip")
    (tmp_path / "empty").mkdir()
    assert [clip.name for clip in list_clips(tmp_path)] == ["a", "b.mp4"]


def test_clips_are_found_at_any_depth_and_named_by_their_path(tmp_path):
    """DAVIS: JPEGImages/480p/<clip>/00000.jpg."""
    for name in ("480p/bear", "480p/swan", "1080p/bear"):
        (tmp_path / "JPEGImages" / name).parent.mkdir(parents=True, exist_ok=True)
        write_images(tmp_path / "JPEGImages" / name, panning(2))
    (tmp_path / ".cache").mkdir()
    write_video(tmp_path / ".cache" / "hidden.mp4", panning(2))
    (tmp_path / "Annotations" / "480p").mkdir(parents=True)
    write_images(tmp_path / "Annotations" / "480p" / "bear", panning(2))
    (tmp_path / "JPEGImages" / "up").symlink_to(tmp_path, target_is_directory=True)
    names = [clip.name for clip in list_clips(tmp_path)]
    assert names == [f"JPEGImages/{name}" for name in ("1080p/bear", "480p/bear", "480p/swan")]
    assert list_clips(tmp_path)[2].count() == 2


def test_frames_of_a_folder_come_exactly_and_in_the_order_of_their_numbers(tmp_path):
    frames = panning(12)
    write_images(tmp_path / "clip", frames)  # frame10.png sorts before frame2.png as text
    clip = Clip(tmp_path / "clip")
    assert clip.count() == 12
    for index, frame in zip((2, 10, 11), clip.read((10, 2, 11)), strict=True):
        assert np.array_equal(frame, frames[index])


def test_frames_of_a_video_are_the_ones_asked_for(tmp_path):
    frames = panning(12, speed=4)
    write_video(tmp_path / "clip.mp4", frames)
    clip = Clip(tmp_path / "clip.mp4")
    assert clip.count() == 12
    for index, frame in zip((0, 5, 11), clip.read((0, 5, 11)), strict=True):
        errors = np.abs(frames.astype(int) - frame).mean((1, 2, 3))
        assert errors.argmin() == index and errors[index] < 10  # what chroma subsampling costs


def test_a_gif_is_read_as_rgb(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [Image.new("RGB", (64, 64), colour) for colour in colours]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=100)
    assert [tuple(frame[32, 32]) for frame in Clip(tmp_path / "clip.gif").read(range(3))] == colours


def test_reasons_why_a_clip_cannot_be_read(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(ClipError, match="unreadable: Invalid data"):
        Clip(tmp_path / "noise.mp4").count()
    write_images(tmp_path / "clip", panning(3))
    with pytest.raises(ClipError, match="ends before frame 7"):
        list(Clip(tmp_path / "clip").read((1, 7)))
    Image.new("RGB", (70, 64)).save(tmp_path / "clip" / "frame2.png")
    with pytest.raises(ClipError, match="frame 2 is 70x64, the frames before it are 96x64"):
        list(Clip(tmp_path / "clip").read(range(3)))
    (tmp_path / "clip" / "frame1.png").write_bytes(b"not a picture")
    with pytest.raises(ClipError, match="unreadable"):
        list(Clip(tmp_path / "clip").read(range(3)))


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no clips"):
        list_clips(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        list_clips(tmp_path / "missing")


# Metrics


def test_identical_frames_are_perfect():
    frames = torch.stack([texture(64, 80), texture(64, 80, seed=1)])
    scores = measure(frames, frames)
    assert scores["psnr"] == pytest.approx([80, 80], abs=0.01)
    assert scores["ssim"] == pytest.approx([1, 1], abs=1e-5)
    assert scores["haarpsi"] == pytest.approx([1, 1], abs=1e-5)


def test_psnr_of_a_known_error_and_of_single_frames():
    truth = torch.full((2, 3, 64, 64), 0.5)
    frames = truth + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert measure(frames, truth)["psnr"] == pytest.approx([20, 40], abs=0.01)


def test_worse_frames_score_lower_in_every_metric():
    truth = texture(64, 80)[None]
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    little, much = (measure((truth + sigma * noise).clamp(0, 1), truth) for sigma in (0.02, 0.1))
    assert all(1 > much[metric][0] / little[metric][0] for metric in little)


def test_frames_that_cannot_be_scored_are_refused():
    truth = torch.zeros(1, 3, 64, 64)
    with pytest.raises(ValueError, match="cannot be compared"):
        measure(truth[..., :63], truth)
    with pytest.raises(ValueError, match="NaN"):
        measure(truth / 0, truth)


# Baselines


def test_blend_is_exact():
    image0, image1 = texture(64, 64), texture(64, 64, seed=1)
    frames = blend(image0, image1, [0.0, 0.25, 1.0])
    assert torch.equal(frames[0], image0) and torch.equal(frames[2], image1)
    assert torch.equal(frames[1], 0.75 * image0 + 0.25 * image1)


def test_dis_flow_points_to_where_the_pixels_go():
    wide = texture(96, 144)
    flow = dis_flow(wide[..., 8:136], wide[..., :128])[..., 16:-16, 16:-16]  # the picture moves 8 px to the right
    assert flow[0, 0].mean().item() == pytest.approx(8, abs=0.2)
    assert flow[0, 1].mean().item() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("method", (dis, minterpolate))
def test_flow_baselines_beat_blend_on_a_moving_texture(method):
    wide = texture(96, 168)
    image0, *truth, image1 = (wide[..., left : left + 160] for left in (0, 2, 4, 6, 8))
    times = [0.25, 0.5, 0.75]
    made, blended, truth = method(image0, image1, times), blend(image0, image1, times), torch.stack(truth)
    assert made.shape == truth.shape and 0 <= made.min() and made.max() <= 1
    inner = (..., slice(16, -16), slice(16, -16))  # what enters at the edges is unknown to any method
    for frame in range(3):
        assert psnr(made[frame][inner], truth[frame][inner]) > psnr(blended[frame][inner], truth[frame][inner]) + 3


def test_minterpolate_takes_odd_sizes_and_uneven_times():
    image0, image1 = texture(65, 97), texture(65, 97, seed=1)
    made = minterpolate(image0, image1, [0.0, 1 / 3, 1.0])
    assert psnr(made[0], image0) > 45 and psnr(made[2], image1) > 45


# Report


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
    assert set(tree["left_out"]) == {"lpips", "fid", "fvd"} and not tree["interrupted"]
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


def test_a_sheet_per_clip_shows_inputs_methods_errors_and_motion(tmp_path):
    (tmp_path / "clips" / "a").mkdir(parents=True)
    write_images(tmp_path / "clips" / "a" / "one", panning(9, speed=3))
    flow = torch.zeros(1, 2, 64, 96)
    flow[:, 0] = 12.0  # to the right: pure red
    sheets = ClipSheets(tmp_path / "sheets", {"blend": lambda image0, image1, tau: flow})
    knows = torch.from_numpy(panning(9, speed=3)[1:8]).permute(0, 3, 1, 2) / 255
    evaluate(tmp_path / "clips", GAP7, {"blend": blend, "truth": lambda a, b, times: knows}, sheets=sheets)
    with Image.open(tmp_path / "sheets" / "a_one.png") as sheet:
        assert sheet.width == 3 * (480 + 4) + 4
        height = 320 + 2 * 22 + 8  # of a row: two lines of text over a picture of 480x320
        assert sheet.height == 4 * height
        middle = np.asarray(sheet).astype(int)[2 * height + 60 : 3 * height - 20]
        errors = [middle[:, 4 + i * 484 + 10 : 4 + i * 484 + 470] for i in range(2)]
        assert errors[0].mean() > 5 and errors[1].max() == 0
        assert tuple(np.asarray(sheet)[3 * height + 150, 200]) == (255, 0, 0)


def test_evaluate_refuses_and_stops_in_one_sentence(folder):
    with pytest.raises(Interrupted):
        evaluate(folder, GAP7, {"blend": blend}, should_stop=lambda: True)
    with pytest.raises(ValueError, match="moving.mp4, because method half failed .*: Frames of shape"):
        evaluate(folder, GAP7, {"half": lambda image0, image1, times: blend(image0, image1, times)[..., ::2]})
    with pytest.raises(ValueError, match="None of the 5 clips .* gap99, the first of them, broken.mkv, because"):
        evaluate(folder, replace(GAP24, name="gap99", gap=99), BASELINES)


# ComfyUI's methods


def test_weights_are_found_in_comfyui_by_name_unless_given(tmp_path):
    with pytest.raises(ValueError, match="is no ComfyUI with frame interpolation"):
        core_weights(tmp_path, {"rife": None})
    (tmp_path / "comfy_extras").mkdir()
    (tmp_path / "comfy_extras" / "nodes_frame_interpolation.py").touch()
    assert core_weights(tmp_path, {"rife": None, "film": None}) == {}
    folder = tmp_path / "models" / "frame_interpolation"
    folder.mkdir(parents=True)
    for name in ("RIFE_v4.26.safetensors", "rife.txt", "film_net_fp16.safetensors"):
        (folder / name).touch()
    own = {"rife": folder / "RIFE_v4.26.safetensors", "film": folder / "film_net_fp16.safetensors"}
    assert core_weights(tmp_path, {"rife": None, "film": None}) == own
    given = {"rife": folder / "rife.txt", "film": None}
    assert core_weights(tmp_path, given)["rife"] == folder / "rife.txt"
    with pytest.raises(ValueError, match="--film .* is no file"):
        core_weights(tmp_path, {"rife": None, "film": tmp_path / "none"})


def test_messages_to_comfyui_survive_the_pipe():
    pipe, frames = io.BytesIO(), np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    send(pipe, {"steps": 8}, frames)
    send(pipe, {"error": "no"})
    pipe.seek(0)
    head, received = receive(pipe)
    assert head["steps"] == 8 and np.array_equal(received, frames)
    assert receive(pipe) == ({"error": "no"}, None)
    with pytest.raises(EOFError):
        receive(pipe)
