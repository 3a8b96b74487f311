"""RDVFI Interpolate Video in a running ComfyUI, on rendered files whose motion, times and sounds are known."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from graphs import LOADER, node, sample
from video_files import bursts, clicks, decoded, pattern, read_sound, times_of, write

FILM = Fraction(24000, 1001)
SLIDE = 4.0  # pixels a frame


def frames_of(count: int) -> list[np.ndarray]:
    return [pattern(i, 128, 192, SLIDE) for i in range(count)]


def interpolate_video(video: list, **more) -> dict:
    inputs = {"model": ["model", 0], "video": video, "multiplier": 2, "audio": "auto", "codec": "auto"}
    inputs |= {"quality": "high", "cuts": "detect", "cut_threshold": 0.5, "duplicates": "auto"}
    inputs |= {"keyframes": "auto", "seed": 0, "hardware_encoder": True}
    return node("RDVFIInterpolateVideo", **inputs | more)


def timeline(mode: str, **more) -> dict:
    return node("RDVFITimeline", **{"mode": mode, "source_fps": 24.0, "frames": 0} | more)


def graph(video: dict, **more) -> dict:
    nodes = {"model": LOADER, "video": video, "work": interpolate_video(["video", 0], **more)}
    nodes["save"] = node("SaveVideo", video=["work", 0], filename_prefix="made", format="auto", codec="auto")
    return nodes | {f"show {i}": node("PreviewAny", source=["work", i]) for i in (1, 2, 3)}


def load(server, name: str, frames: list[np.ndarray], *args, **more) -> dict:
    write(server.base / "input" / name, frames, *args, **more)
    return node("LoadVideo", file=name)


def saved(server, result) -> Path:
    (file,) = result.outputs["save"]["images"]
    return server.base / "output" / file["subfolder"] / file["filename"]


def texts(result) -> list[str]:
    return [result.outputs[f"show {i}"]["text"][0] for i in (1, 2, 3)]


def left_in_temp(server) -> set[str]:
    return {path.name for path in (server.base / "temp").glob("**/*rdvfi_*")}


def psnr(frame: np.ndarray, truth: np.ndarray, margin: int = 24) -> float:
    difference = frame / 255 - truth
    return -10 * np.log10(np.square(difference[margin:-margin, margin:-margin]).mean() + 1e-12)


def test_a_film_clip_becomes_exactly_sixty_frames_a_second_with_its_sound(server):
    clip = load(server, "film.mp4", frames_of(12), FILM, sound=clicks(0.5, [0.25]))
    to_sixty = timeline("target fps", **{"mode.fps": 60.0})
    result = server.run(graph(clip, timeline=["times", 0]) | {"times": to_sixty})
    fps, count, plan = texts(result)
    assert (float(fps), int(count)) == (60.0, 31) and plan.startswith("12 source frames -> 31 frames at 60 fps")
    path = saved(server, result)
    assert times_of(path) == [Fraction(i, 60) for i in range(31)]
    frames = decoded(path)
    for i in (0, 1, 10, 21):
        assert psnr(frames[i], pattern(float(i * FILM / 60), 128, 192, SLIDE)) > 27, i
    assert abs(bursts(*read_sound(path))[0] - 0.25) < 0.005
    assert result.previews >= 1 and result.progress[-1][1:] == (31, 31)


def test_slow_motion_keeps_picture_and_sound_together(server):
    frames = [np.full((96, 96, 3), 1.0 if i == 6 else 0.2) for i in range(12)]
    clip = load(server, "flash.mp4", frames, sound=clicks(0.5, [0.25], hum=0.1))
    half = timeline("slow motion", **{"mode.factor": 2.0})
    path = saved(server, server.run(graph(clip, timeline=["times", 0]) | {"times": half}))
    light, times = decoded(path).mean((1, 2, 3)), times_of(path)
    assert len(times) == 24 and times[int(light.argmax())] == 0.5
    assert abs(bursts(*read_sound(path))[0] - 0.5) < 1 / 24


def test_an_animation_on_twos_becomes_smooth(server):
    clip = load(server, "twos.mp4", [pattern(i // 2 * 2, 128, 192, SLIDE) for i in range(16)])
    result = server.run(graph(clip, multiplier=1))
    assert "passed over: 1, 3, 5" in texts(result)[2]
    frames = decoded(saved(server, result))
    assert len(frames) == 16 and psnr(frames[7], pattern(7, 128, 192, SLIDE)) > 27


def test_frames_of_the_graph_need_no_file(server):
    made = node("CreateVideo", images=["clip", 0], fps=12.0)
    result = server.run(graph(made) | {"clip": sample(4, 130, 98)})
    path = saved(server, result)
    assert len(times_of(path)) == 8 and decoded(path).shape[1:] == (98, 130, 3)


def test_a_part_of_a_video(server):
    clip = load(server, "whole.mp4", frames_of(24))
    part = node("Video Slice", video=["whole", 0], start_time=0.25, duration=0.5, strict_duration=False)
    result = server.run(graph(part) | {"whole": clip})
    frames = decoded(saved(server, result))
    assert len(frames) == 24 and psnr(frames[4], pattern(8, 128, 192, SLIDE)) > 27


def test_ten_bits_and_what_cannot_be_kept(server):
    deep = {"codec": "libx264", "pixel_format": "yuv420p10le", "options": {"crf": "4"}}
    result = server.run(graph(load(server, "deep.mp4", frames_of(4), **deep)))
    with av.open(str(saved(server, result))) as container:
        assert container.streams.video[0].codec_context.name == "hevc"
        assert container.streams.video[0].format.name == "yuv420p10le"


def test_an_edited_plan_of_a_video_is_rendered(server):
    clip = load(server, "plan.mp4", frames_of(6), sound=clicks(0.25, [0.1]))
    steps = graph(clip) | {"json": node("PreviewAny", source=["work", 4])}
    plan = json.loads(server.run(steps).outputs["json"]["text"][0])
    assert len(plan["frames"]) == 12
    plan["frames"] = plan["frames"][:5]
    edited = timeline("plan", **{"mode.plan": json.dumps(plan)})
    path = saved(server, server.run(graph(clip, timeline=["times", 0]) | {"times": edited}))
    assert times_of(path) == [Fraction(i, 48) for i in range(5)]
    assert psnr(decoded(path)[1], pattern(0.5, 128, 192, SLIDE)) > 27


TRANSPARENT = {"codec": "prores_ks", "pixel_format": "yuva444p10le", "options": {"profile": "4444"}, "bits": 16}


@pytest.mark.parametrize("container, codec", [("mov", "prores"), ("mkv", "ffv1"), ("webm", "vp9")])
def test_other_containers_are_saved_with_what_they_carry(server, container, codec):
    frames = [np.concatenate([frame, np.full((128, 192, 1), 0.5)], -1) for frame in frames_of(3)]
    clip = load(server, "alpha.mov", frames, sound=clicks(0.125, [0.05]), **TRANSPARENT)
    nodes = {"model": LOADER, "video": clip, "work": interpolate_video(["video", 0], container=container)}
    nodes["parts"] = node("GetVideoComponents", video=["work", 0])
    nodes |= {"show": node("PreviewImage", images=["parts", 0]), "plan": node("PreviewAny", source=["work", 3])}
    nodes["work"]["inputs"]["filename_prefix"] = f"kept/{codec}"
    result = server.run(nodes)
    path = server.base / "output" / "kept" / f"{codec}_00001_.{container}"
    assert f"Saved as kept/{path.name}" in result.outputs["plan"]["text"][0]
    found = decoded(path)
    assert found.shape == (6, 128, 192, 4) and abs(found[..., 3].mean() - 127.5) < 3
    assert psnr(found[1][..., :3], pattern(0.5, 128, 192, SLIDE)) > 27
    assert len(server.images(result, "show")) == 6
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name.endswith(codec)
        assert len(container.streams.audio) == 1
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert json.loads(tags["prompt"])["work"]["inputs"]["filename_prefix"] == f"kept/{codec}"


def test_what_a_container_cannot_hold_is_refused_at_once(server):
    clip = load(server, "short.mp4", frames_of(4))
    message = server.run(graph(clip, codec="prores")).error
    assert "prores does not go into .mp4; write it to .mov or .mkv" in message


def test_interlaced_frames_become_whole_pictures_unless_they_are_to_be_left(server):
    frames = frames_of(6)
    for i, frame in enumerate(frames):
        frame[1::2] = pattern(i + 0.5, 128, 192, SLIDE)[1::2]
    marked = {"pixel_format": "yuv444p", "options": {"crf": "4", "flags": "+ildct+ilme"}, "fields": "tff"}
    clip = load(server, "fields.mp4", frames, **marked)
    quality = {}
    for deinterlace in (True, False):
        result = server.run(graph(clip, deinterlace=deinterlace))
        assert "6 of 6 frames are interlaced" in texts(result)[2]
        quality[deinterlace] = psnr(decoded(saved(server, result))[4], pattern(2, 128, 192, SLIDE))
    assert quality[True] > quality[False] + 4, quality


def test_a_damaged_file_is_used_as_far_as_it_goes(server):
    write(server.base / "input" / "whole.mkv", frames_of(40), options={"crf": "8", "g": "8", "bf": "0"})
    data = (server.base / "input" / "whole.mkv").read_bytes()
    (server.base / "input" / "cut.mkv").write_bytes(data[: len(data) // 3])
    result = server.run(graph(node("LoadVideo", file="cut.mkv")))
    assert "but its video ends after" in texts(result)[2] and len(times_of(saved(server, result))) > 8


@pytest.mark.parametrize("fault", ["text", "one", "small"])
def test_what_cannot_be_used_is_one_sentence(server, fault):
    name, words = f"{fault}.mp4", {"text": "cannot be read", "one": "1 source frame", "small": "at least 64 pixels"}
    if fault == "text":
        (server.base / "input" / name).write_text("no video")
    else:
        frames = [pattern(0)] if fault == "one" else [pattern(i, 32) for i in range(3)]
        write(server.base / "input" / name, frames)
    before = left_in_temp(server)
    result = server.run(graph(node("LoadVideo", file=name)))
    assert words[fault] in result.error and "\n" not in result.error
    assert left_in_temp(server) == before


def test_a_stopped_run_leaves_no_file_and_the_next_one_is_whole(server):
    clip = load(server, "long.mp4", [pattern(i, 256, 384) for i in range(24)])
    before = left_in_temp(server)
    stopped = server.run(graph(clip, multiplier=8), stop_at=("work", 3))
    assert stopped.interrupted and max(done for name, done, _ in stopped.progress if name == "work") < 24
    assert left_in_temp(server) == before
    assert len(times_of(saved(server, server.run(graph(clip, multiplier=1))))) == 24


def test_an_unchanged_graph_renders_nothing_again(server):
    clip = load(server, "again.mp4", frames_of(4))
    server.run(graph(clip))
    assert "work" in server.run(graph(clip)).cached
