"""Timelines, plans, cuts and repeated frames in a running ComfyUI."""

from __future__ import annotations

import json

import pytest
import torch
from graphs import LOADER, failed, interpolate, load, node, preview, sample
from moved_pictures import canvas, moved

HALF_SPEED = {"__type__": "CURVE", "__value__": {"points": [[0, 0.25], [1, 0.25]], "interpolation": "linear"}}


@pytest.mark.parametrize(
    "mode, frames, fps",
    [
        ({"mode": "multiplier", "mode.factor": 2.5}, 6, 60.0),
        ({"mode": "slow motion", "mode.factor": 3.0}, 7, 24.0),
        ({"mode": "target fps", "mode.fps": 59.94}, 5, 60000 / 1001),
        ({"mode": "times", "mode.positions": "1/3, 2, 0.5"}, 3, 24.0),
        ({"mode": "speed curve", "mode.curve": HALF_SPEED, "mode.fastest_speed": 2.0}, 5, 24.0),
        ({"mode": "speed curve", "mode.curve": HALF_SPEED, "mode.fastest_speed": 1.0, "mode.speeds": "0:1/3"}, 7, 24.0),
        ({"mode": "multiplier", "mode.factor": 2.0, "loop": True}, 6, 48.0),
        ({"mode": "multiplier", "mode.factor": 2.0, "resample_all": True}, 4, 48.0),
        ({"mode": "multiplier", "mode.factor": 2.0, "shutter_angle": 180.0, "blur_samples": 2}, 5, 48.0),
    ],
)
def test_timelines_say_what_is_rendered(server, mode, frames, fps):
    nodes = {"model": LOADER, "clip": sample(3), "time": node("RDVFITimeline", **mode, source_fps=24.0, frames=3)}
    nodes["work"] = interpolate(["clip", 0], timeline=["time", 0])
    for i, output in enumerate((["work", 0], ["clip", 0])):
        nodes[f"show {i}"] = preview(output)
    texts = {"fps": ["work", 1], "count": ["work", 2], "plan": ["work", 3], "before": ["time", 2], "rate": ["time", 1]}
    nodes |= {name: node("PreviewAny", source=output) for name, output in texts.items()}
    result = server.run(nodes)
    said = {name: result.outputs[name]["text"][0] for name in texts}
    assert float(said["fps"]) == float(said["rate"]) == pytest.approx(fps, rel=1e-12)
    assert int(said["count"]) == len(server.images(result, "show 0")) == frames
    assert said["plan"] == said["before"] and len(said["plan"].splitlines()) == frames + 1
    if mode["mode"] == "times":
        assert torch.equal(server.images(result, "show 0")[1], server.images(result, "show 1")[2])


def test_an_edited_plan_is_rendered_and_a_wrong_one_refused(server):
    nodes = {"model": LOADER, "clip": sample(3), "work": interpolate(["clip", 0], 2)}
    nodes |= {"show": preview(["work", 0]), "json": node("PreviewAny", source=["work", 4])}
    result = server.run(nodes)
    plan = json.loads(result.outputs["json"]["text"][0])
    assert [len(plan["frames"]), plan["frames"][1]["between"], plan["frames"][1]["tau"]] == [5, [0, 1], "1/2"]
    plan["frames"] = [plan["frames"][4] | {"time": "0"}, plan["frames"][1] | {"tau": "1/4"}]

    def with_plan(text: str, frames: int = 0) -> dict:
        time = node("RDVFITimeline", mode="plan", **{"mode.plan": text}, source_fps=24.0, frames=frames)
        return nodes | {"time": time, "work": interpolate(["clip", 0], timeline=["time", 0])}

    edited = server.run(with_plan(json.dumps(plan), 3))
    assert json.loads(edited.outputs["json"]["text"][0])["frames"] == plan["frames"]
    before, after = (server.images(run, "show") for run in (result, edited))
    assert len(after) == 2 and torch.equal(after[0], before[4])
    assert (after[1] - before[0]).abs().mean() < (after[1] - before[2]).abs().mean()
    plan["source_frames"] = 9
    assert "for 9 source frames, the clip has 3" in failed(server, with_plan(json.dumps(plan)))
    assert "This is no plan" in failed(server, with_plan("0: frame 0"))


def test_cuts_are_not_interpolated_across_and_repeated_frames_are_passed_over(server):
    pictures = [moved(by, canvas(seed)) for seed in (0, 9) for by in (0, 4, 8, 12)]
    names = [server.upload(picture, f"shots{i}.png") for i, picture in enumerate(pictures)]
    nodes, joined = {"model": LOADER} | {f"f{i}": load(name) for i, name in enumerate(names)}, ["f0", 0]
    for i in range(1, len(names)):
        nodes[f"b{i}"] = node("ImageBatch", image1=joined, image2=[f"f{i}", 0])
        joined = [f"b{i}", 0]
    nodes |= {"cut": interpolate(joined, 2), "all": interpolate(joined, 2, cuts="ignore")}
    nodes |= {"clip": sample(6) | {"inputs": sample(6)["inputs"] | {"hold": 2}}, "twos": interpolate(["clip", 0], 1)}
    nodes |= {f"plan {name}": node("PreviewAny", source=[name, 3]) for name in ("cut", "all", "twos")}
    result = server.run(nodes | {f"show {name}": preview([name, 0]) for name in ("cut", "clip", "twos")})
    plans = {name: result.outputs[f"plan {name}"]["text"][0].splitlines() for name in ("cut", "all", "twos")}
    assert plans["cut"][1] == "Cuts after frames 3: the frame before is held."
    assert "7: frame 3" in plans["cut"] and "7: frames 3 and 4 at 1/2" in plans["all"]
    frames = server.images(result, "show cut")
    assert torch.equal(frames[7], frames[6]) and not torch.equal(frames[7], frames[8])
    assert plans["twos"][1] == "Frames that repeat the one before, passed over: 1, 3, 5."
    drawn, smooth = server.images(result, "show clip"), server.images(result, "show twos")
    assert torch.equal(drawn[1], drawn[0]) and torch.equal(smooth[0], drawn[0])
    assert not torch.equal(smooth[1], smooth[0])
