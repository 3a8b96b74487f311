"""Images as other nodes give them: beyond [0, 1], with alpha, grey, or too many for the memory."""

from __future__ import annotations

import av
import pytest
import torch
from comfyui import in_comfyui
from graphs import LOADER, interpolate, load, node, preview
from test_saved_files import alone, listed
from video_files import decoded

HEIGHT, WIDTH, STEP = 96, 160, 6


def line_art(shift: int) -> torch.Tensor:  # (HEIGHT, WIDTH, 3)
    """Black strokes on white, which a bicubic or a Lanczos filter makes darker and lighter than that."""
    x, y = torch.arange(WIDTH).float() - shift, torch.arange(HEIGHT)[:, None].float()
    strokes = ((x + y / 3) % 24 < 3) | ((x % 40 < 8) & (y % 32 < 6))
    return (~strokes).float()[..., None].repeat(1, 1, 3)


def clip_of(server, frames: list[torch.Tensor], name: str) -> tuple[dict, list]:
    """A batch of images from files."""
    nodes = {f"{name}{i}": load(server.upload(frame, f"{name}{i}.png")) for i, frame in enumerate(frames)}
    batch = [f"{name}0", 0]
    for i in range(1, len(frames)):
        nodes[f"{name} batch {i}"] = node("ImageBatch", image1=batch, image2=[f"{name}{i}", 0])
        batch = [f"{name} batch {i}", 0]
    return nodes, batch


@pytest.mark.parametrize("method", ["bicubic", "lanczos"])
def test_what_a_filter_draws_beyond_white_and_black_is_clamped(server, method):
    nodes, clip = clip_of(server, [line_art(i * STEP) for i in range(3)], "line")
    nodes["large"] = node("ImageScale", image=clip, upscale_method=method, width=320, height=192, crop="disabled")
    nodes |= {"model": LOADER, "work": interpolate(["large", 0], 2), "show": preview(["work", 0])}
    nodes |= {"plan": node("PreviewAny", source=["work", 3]), "before": preview(["large", 0])}
    result = server.run(nodes)
    assert result.error is None
    frames, before = server.images(result, "show"), server.images(result, "before")
    assert len(frames) == 5 and torch.equal(frames[::2], before)
    noted = "was clamped" in result.outputs["plan"]["text"][0]
    assert noted == (method == "bicubic")  # core's Lanczos is Pillow's, which clamps


RANGES = """
from pack.nodes.images import Pictures, Pair
found = {}
for name, low, high in (("bicubic", -0.22, 1.26), ("little", -0.01, 1.02), ("sharp", -0.8, 1.9), ("bytes", 0, 255),
                        ("signed", -1, 1), ("none", 0, 1), ("nan", 0, float("nan"))):
    images = torch.linspace(low, high, 2 * 64 * 64 * 3).view(2, 64, 64, 3)
    try:
        pictures = Pictures.of(images, "images")
        frames = torch.stack([*pictures])
        found[name] = [frames.min().item(), frames.max().item(), pictures.note]
        pair = Pair.of(images[:1], images[1:])
        assert pair.start.min() >= 0 and pair.end.max() <= 1
    except ValueError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_only_another_range_is_refused(comfyui):
    found = in_comfyui(comfyui, RANGES)
    for name in ("bicubic", "little", "sharp"):
        assert found[name][:2] == [0, 1], name
    assert "from -0.22 to 1.26: what is beyond 0 and 1 was clamped" in found["bicubic"][2]
    assert found["little"][2] == found["none"][2] == ""
    assert "scale them to [0, 1]" in found["bytes"] and "scale them to [0, 1]" in found["signed"]
    assert "NaN" in found["nan"]


def test_cores_own_node_takes_such_images_too(server):
    nodes, clip = clip_of(server, [line_art(i * STEP) for i in range(2)], "line")
    nodes["large"] = node("ImageScale", image=clip, upscale_method="bicubic", width=320, height=192, crop="disabled")
    nodes["work"] = node("FrameInterpolate", interp_model=["model", 2], images=["large", 0], multiplier=2)
    result = server.run(nodes | {"model": LOADER, "show": preview(["work", 0])})
    assert result.error is None and len(server.images(result, "show")) == 3


def with_alpha(server) -> tuple[dict, list]:
    """Three frames of a square that moves right, opaque on nothing."""
    nodes = {}
    for i in range(3):
        matte = torch.ones(HEIGHT, WIDTH, 3)
        matte[20:80, 20 + STEP * i : 80 + STEP * i] = 0  # Join Image With Alpha takes a transparency mask
        colours = torch.rand(12, 20, 3, generator=torch.Generator().manual_seed(0))
        colours = colours.repeat_interleave(8, 0).repeat_interleave(8, 1)
        nodes[f"matte{i}"] = load(server.upload(matte, f"video-matte{i}.png"))
        nodes[f"mask{i}"] = node("ImageToMask", image=[f"matte{i}", 0], channel="red")
        nodes[f"colour{i}"] = load(server.upload(colours.roll(STEP * i, 1), f"video-colour{i}.png"))
        nodes[f"join{i}"] = node("JoinImageWithAlpha", image=[f"colour{i}", 0], alpha=[f"mask{i}", 0])
    nodes["first"] = node("ImageBatch", image1=["join0", 0], image2=["join1", 0])
    nodes["clip"] = node("ImageBatch", image1=["first", 0], image2=["join2", 0])
    return nodes, ["clip", 0]


@pytest.mark.parametrize("container", ["mov", "mkv", "webm", "mp4"])
def test_frames_with_alpha_through_create_video(server, container):
    """There is no other way in core to make a transparent video of generated frames."""
    nodes, clip = with_alpha(server)
    video = node("CreateVideo", images=clip, fps=24.0)
    nodes |= alone(video, container=container, filename_prefix=f"transparent/{container}", quality="best")
    result = server.run(nodes | {"plan": node("PreviewAny", source=["work", 3])})
    assert result.error is None
    frames = decoded(listed(server, result)[0])
    assert frames.shape == (6, HEIGHT, WIDTH, 3 if container == "mp4" else 4)
    said = "no alpha channel: what is transparent becomes white" in result.outputs["plan"]["text"][0]
    assert said == (container == "mp4")
    if container != "mp4":
        assert frames[:, 30:70, 36:76, 3].mean() > 250 and frames[:, :12, :, 3].mean() < 5
        assert frames[2, 50, 22, 3] < 16 < 240 < frames[2, 50, 82, 3]  # the second given frame


def test_grey_frames_through_create_video(server):
    nodes, clip = clip_of(server, [line_art(i * STEP) for i in range(3)], "grey")
    nodes["mask"] = node("ImageToMask", image=clip, channel="red")
    nodes["grey"] = node("MaskToImage", mask=["mask", 0])
    result = server.run(nodes | alone(node("CreateVideo", images=["grey", 0], fps=24.0), container="mkv"))
    assert result.error is None
    with av.open(str(listed(server, result)[0])) as file:
        assert file.streams.video[0].frames or len(decoded(listed(server, result)[0])) == 6


SHORT_OF_MEMORY = """
import comfy.model_management as mm
mm.get_free_memory = lambda *_: 2**30
from pack.nodes.flow import RDVFISampleFlow
from pack.nodes.images import check_room
from pack.nodes.interpolate import RDVFIInterpolate
from pack.nodes.sample import RDVFISampleClip
from pack.nodes.types import TimelineValue, TrajectoryValue
from pack.rdvfi_core.timeline import Plan, Source, Timeline, exact_fps
import pack.nodes.interpolate as module
module.scan = None  # any work at all would fail
clip = torch.zeros(41, 480, 832, 3)
zeros = torch.zeros(1, 2, 256, 448)
trajectory = TrajectoryValue((), *[zeros] * 8, False)
plan = Timeline.multiplied(256).plan(Source.constant(41, exact_fps(24)))
wish = TimelineValue(plan, exact_fps(24))
def message(work):
    try:
        work()
    except ValueError as error:
        return str(error)
print(json.dumps([
    message(lambda: RDVFIInterpolate.execute(None, clip, 256, 24.0, "auto", 0)),
    message(lambda: RDVFIInterpolate.execute(None, clip, 2, 24.0, "auto", 0, timeline=wish)),
    message(lambda: RDVFISampleFlow.execute(trajectory, 4096, "", "cubic")),
    message(lambda: RDVFISampleClip.execute(240, 4096, 4096)),
    message(lambda: check_room(85, 1024, 1024, 3)),
]))
"""


def test_what_does_not_fit_into_memory_is_refused_before_any_work(comfyui):
    many, planned, flows, clip, fits = in_comfyui(comfyui, SHORT_OF_MEMORY)
    assert many == planned
    assert many.startswith("10,241 frames of 832x480 need 45.7 GiB, and 1 GiB are free; lower the multiplier or")
    assert flows.startswith("4,096 frames of 448x256 need") and clip.startswith("240 frames of 4096x4096 need 45 GiB")
    assert fits is None
