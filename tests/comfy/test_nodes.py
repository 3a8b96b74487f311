"""Every node in a running ComfyUI, on pictures whose motion is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from comfyui import ValidationError
from graphs import LOADER, failed, fit, flow, from_frames, fuse, interpolate, keyframes, load, node, preview, sample
from moved_pictures import HEIGHT, SHIFT, WIDTH, canvas, moved, psnr


@pytest.fixture(scope="module")
def pair(server) -> tuple[dict, list, list]:
    server.upload(moved(0), "start.png")
    server.upload(moved(SHIFT), "end.png")
    return {"model": LOADER, "start": load("start.png"), "end": load("end.png")}, ["start", 0], ["end", 0]


def test_every_node_is_registered_and_explains_itself(server):
    ours = {name: spec for name, spec in server.nodes().items() if name.startswith("RDVFI")}
    assert len(ours) == 14
    for name, spec in ours.items():
        assert spec["description"] and spec["category"] == "video/RDVFI" and spec["search_aliases"], name
        for kind in ("required", "optional"):
            assert all(options[1].get("tooltip") for options in spec["input"].get(kind, {}).values()), name
        assert all(spec["output_tooltips"] or []), name


def test_interpolated_frames_follow_the_motion_and_the_inputs_pass_untouched(server, pair):
    nodes, start, end = pair
    both = node("ImageBatch", image1=start, image2=end)
    result = server.run(nodes | {"both": both, "work": interpolate(["both", 0], 4), "show": preview(["work", 0])})
    frames = server.images(result, "show")
    assert frames.shape == (5, HEIGHT, WIDTH, 3)
    for i, frame in enumerate(frames):
        assert psnr(frame, moved(i * SHIFT // 4)) > 33, i
    assert torch.equal(frames[0], server.images(server.run(nodes | {"show": preview(start)}), "show")[0])
    assert result.progress[-1][1:] == (5, 5)


def test_the_steps_as_nodes_give_what_one_node_gives(server, pair):
    nodes, start, end = pair
    steps = {"fit": fit(start, end), "flow": flow(["fit", 0], 3), "fuse": fuse(start, end, ["flow", 0])}
    whole = {"both": node("ImageBatch", image1=start, image2=end), "work": interpolate(["both", 0], 4)}
    shown = {"show": preview(["fuse", 0]), "show whole": preview(["work", 0])}
    result = server.run(nodes | steps | whole | shown)
    assert torch.equal(server.images(result, "show"), server.images(result, "show whole")[1:-1])


def test_flow_pictures_and_masks_have_a_picture_for_each_time(server, pair):
    nodes, start, end = pair
    shown = {f"show {i}": preview(["flow", i]) for i in (1, 2)}
    masks = {f"mask {i}": node("MaskToImage", mask=["flow", i]) for i in (3, 4)}
    shown |= {f"show {i}": preview([f"mask {i}", 0]) for i in (3, 4)}
    result = server.run(nodes | {"fit": fit(start, end), "flow": flow(["fit", 0], times="0.25, 1/2")} | shown | masks)
    to_start, to_end, seen_in_start, _ = (server.images(result, f"show {i}") for i in (1, 2, 3, 4))
    assert len(to_start) == len(to_end) == len(seen_in_start) == 2
    middle = [picture[1, 64:-64, 96:-96].mean((0, 1)) for picture in (to_start, to_end)]
    assert middle[0][0] < middle[0][2] and middle[1][0] > middle[1][2]  # cyan is left, to the start; red is right
    assert seen_in_start[:, 64:-64, 96:-96].mean() > 0.9


def test_times_of_zero_and_one_are_the_images_themselves(server, pair):
    nodes, start, end = pair
    steps = {"fit": fit(start, end), "flow": flow(["fit", 0], times="0, 1"), "fuse": fuse(start, end, ["flow", 0])}
    result = server.run(nodes | steps | {"show": preview(["fuse", 0]), "a": preview(start), "b": preview(end)})
    frames = server.images(result, "show")
    assert torch.equal(frames[0], server.images(result, "a")[0]) and torch.equal(
        frames[1], server.images(result, "b")[0]
    )


def test_straight_keyframes_decoded_by_the_core_node_show_the_motion(server, pair):
    nodes, start, end = pair
    decode = node("VAEDecode", samples=["keys", 0], vae=["model", 1])
    result = server.run(
        nodes | {"keys": keyframes(start, end, count=3), "decode": decode, "show": preview(["decode", 0])}
    )
    frames = server.images(result, "show")
    assert len(frames) == 3
    for i, frame in enumerate(frames, 1):
        truth = F.interpolate(moved(i * SHIFT // 4).movedim(-1, 0)[None], frame.shape[:2], mode="area")[0].movedim(
            0, -1
        )
        assert psnr(frame, truth, 48) > 27, i


def test_keyframes_of_a_clip_bend_the_path(server):
    """A clip that moves unevenly: half of the time it rests, then it moves. Its middle is where its keyframes say."""
    places = [0, 0, 0, 6, 12, 18, SHIFT]
    names = [server.upload(moved(place, canvas(1)), f"uneven{i}.png") for i, place in enumerate(places)]
    nodes = {"model": LOADER} | {f"f{i}": load(name) for i, name in enumerate(names)}
    joined = ["f0", 0]
    for i in range(1, len(names)):
        nodes[f"b{i}"] = node("ImageBatch", image1=joined, image2=[f"f{i}", 0])
        joined = [f"b{i}", 0]
    nodes["keys"] = from_frames(joined, count=0)
    nodes["curved"] = fit(["f0", 0], ["f6", 0], keyframes=["keys", 0])
    nodes["straight"] = fit(["f0", 0], ["f6", 0])
    for name in ("curved", "straight"):
        nodes[f"{name} flow"] = flow([name, 0], times="1/2")
        nodes[f"{name} frame"] = fuse(["f0", 0], ["f6", 0], [f"{name} flow", 0])
        nodes[f"{name} show"] = preview([f"{name} frame", 0])
    result = server.run(nodes)
    truth = moved(6, canvas(1))
    curved, straight = (psnr(server.images(result, f"{name} show")[0], truth) for name in ("curved", "straight"))
    assert curved > 30 > 25 > straight


def test_the_frames_around_a_pair_bend_the_path(server):
    """A clip that goes forth and back. The node of whole clips gives the same frame."""
    names = [server.upload(moved(place, canvas(1)), f"faster{i}.png") for i, place in enumerate((0, 12, 16, 12))]
    nodes = {"model": LOADER} | {f"f{i}": load(name) for i, name in enumerate(names)}
    nodes["straight"] = fit(["f1", 0], ["f2", 0])
    nodes["bent"] = fit(["f1", 0], ["f2", 0], frame_before=["f0", 0], frame_after=["f3", 0])
    for name in ("bent", "straight"):
        nodes[f"{name} flow"] = flow([name, 0], times="1/2")
        nodes[f"{name} frame"] = fuse(["f1", 0], ["f2", 0], [f"{name} flow", 0])
        nodes[f"{name} show"] = preview([f"{name} frame", 0])
    joined = ["f0", 0]
    for i in range(1, 4):
        nodes[f"b{i}"] = node("ImageBatch", image1=joined, image2=[f"f{i}", 0])
        joined = [f"b{i}", 0]
    nodes["clip"] = interpolate(joined, multiplier=2)
    nodes["clip show"] = preview(["clip", 0])
    result = server.run(nodes)
    truth = moved(15, canvas(1))
    bent, straight = (server.images(result, f"{name} show")[0] for name in ("bent", "straight"))
    assert psnr(bent, truth) > psnr(straight, truth) + 2
    assert torch.equal(server.images(result, "clip show")[3], bent)


def test_a_latent_without_our_times_gets_even_ones_and_goes_through_its_vae(server, pair):
    """Frames encoded by core's VAE Encode: latents of a batch, which the fit decodes with the VAE that is given."""
    nodes, start, end = pair
    middle = server.upload(moved(SHIFT // 2), "middle.png")
    clip = {
        "middle": load(middle),
        "two": node("ImageBatch", image1=start, image2=["middle", 0]),
        "three": node("ImageBatch", image1=["two", 0], image2=end),
        "encode": node("VAEEncode", pixels=["three", 0], vae=["model", 1]),
        "fit": fit(start, end, keyframes=["encode", 0], vae=["model", 1]),
        "flow": flow(["fit", 0], times="1/2"),
        "fuse": fuse(start, end, ["flow", 0]),
        "show": preview(["fuse", 0]),
    }
    whole = server.images(server.run(nodes | clip), "show")[0]
    assert psnr(whole, moved(SHIFT // 2)) > 33
    chosen = {"keys": from_frames(["encode", 0], vae=["model", 1]), "fit": fit(start, end, keyframes=["keys", 0])}
    assert torch.equal(server.images(server.run(nodes | clip | chosen), "show")[0], whole)
    without = {**clip, "fit": fit(start, end, keyframes=["encode", 0])}
    assert "connect the VAE" in server.run(nodes | without).error


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha(server, channels):
    """Alpha follows the motion of the colours; a PNG with alpha comes in through core's own nodes."""
    disc = (torch.hypot(torch.arange(WIDTH + SHIFT) - 140.0, torch.arange(HEIGHT)[:, None] - 96.0) < 50).float()
    server.upload(moved(0), "c0.png")
    server.upload(moved(SHIFT), "c1.png")
    for i, by in enumerate((0, SHIFT)):
        server.upload(moved(by, disc[..., None].expand(-1, -1, 3)), f"alpha{i}.png")
    nodes = {"model": LOADER}
    for i in (0, 1):
        nodes |= {f"image{i}": load(f"c{i}.png"), f"matte{i}": load(f"alpha{i}.png")}
        nodes[f"mask{i}"] = node("ImageToMask", image=[f"matte{i}", 0], channel="red")
        if channels == 4:  # Join Image With Alpha takes a transparency mask
            nodes[f"inverse{i}"] = node("InvertMask", mask=[f"mask{i}", 0])
            nodes[f"in{i}"] = node("JoinImageWithAlpha", image=[f"image{i}", 0], alpha=[f"inverse{i}", 0])
        else:
            nodes[f"in{i}"] = node("MaskToImage", mask=[f"mask{i}", 0])
    nodes["both"] = node("ImageBatch", image1=["in0", 0], image2=["in1", 0])
    nodes |= {"work": interpolate(["both", 0], 2), "show": preview(["work", 0])}
    frames = server.images(server.run(nodes), "show")
    assert frames.shape[:3] == (3, HEIGHT, WIDTH)
    truth = moved(SHIFT // 2, disc[..., None])[..., 0]
    assert (frames[1, ..., -1] - truth).abs().mean() < 0.03
    if channels == 4:  # what is transparent has no colour
        seen = frames[1, ..., :3] * frames[1, ..., 3:]
        assert frames.shape[-1] == 4 and psnr(seen, moved(SHIFT // 2) * truth[..., None]) > 33
        assert not frames[1, ..., :3][frames[1, ..., 3] == 0].any()


def test_tracks_follow_the_motion_and_core_draws_them(server, pair):
    nodes, start, end = pair
    both = node("ImageBatch", image1=start, image2=end)
    points = "[[128, 96], [100, 60]]"
    tracks = node("RDVFITracks", trajectory=["fit", 0], image=start, frames=5, columns=4, points=points, source="start")
    drawn = node("WanMoveVisualizeTracks", images=["work", 0], tracks=["tracks", 0], line_resolution=24, circle_size=9,
                 opacity=1.0, line_width=4)  # fmt: skip
    graph = nodes | {"fit": fit(start, end), "both": both, "work": interpolate(["both", 0], 4), "tracks": tracks}
    result = server.run(graph | {"drawn": drawn, "show": preview(["drawn", 0]), "plain": preview(["work", 0])})
    change = (server.images(result, "show") - server.images(result, "plain")).abs().amax(-1)
    for i in (0, 4):
        x = 128 + i * SHIFT // 4
        assert change[i, 96, x] > 0.05 and change[i, 150, 40] < 0.02, i


def test_a_trajectory_survives_its_file(server, pair):
    nodes, start, end = pair
    save = node("RDVFISaveTrajectory", trajectory=["fit", 0], filename_prefix="trajectories/test")
    saved = server.run(nodes | {"fit": fit(start, end), "save": save}).outputs["save"]["text"][0]
    loaded = node("RDVFILoadTrajectory", trajectory=f"{saved} [output]")
    steps = {"load": loaded, "flow": flow(["load", 0], 1), "fuse": fuse(start, end, ["flow", 0])}
    result = server.run(nodes | steps | {"show": preview(["fuse", 0])})
    assert psnr(server.images(result, "show")[0], moved(SHIFT // 2)) > 33


@pytest.mark.parametrize("frames, multiplier", [(2, 4), (3, 2)])
def test_cores_own_node_runs_our_model(server, frames, multiplier):
    """Core hands over a pair at a time."""
    core = node("FrameInterpolate", interp_model=["model", 2], images=["clip", 0], multiplier=multiplier)
    nodes = {"model": LOADER, "clip": sample(frames, 130, 98), "core": core, "show": preview(["core", 0])}
    for i in range(frames - 1):
        nodes[f"pair {i}"] = node("ImageFromBatch", image=["clip", 0], batch_index=i, length=2)
        nodes[f"ours {i}"] = interpolate([f"pair {i}", 0], multiplier)
        nodes[f"show {i}"] = preview([f"ours {i}", 0])
    result = server.run(nodes)
    theirs = server.images(result, "show")
    ours = torch.cat([server.images(result, f"show {i}")[i > 0 :] for i in range(frames - 1)])
    assert theirs.shape == ours.shape == (((frames - 1) * multiplier + 1), 98, 130, 3)
    assert (theirs - ours).abs().max() <= 1.5 / 255


# Bad input


def refused(server, nodes: dict) -> str:
    with pytest.raises(ValidationError) as error:
        server.run(nodes)
    return str(error.value)


def test_bad_input_is_refused_in_one_sentence(server, pair):
    nodes, start, end = pair
    server.upload(moved(0)[:100], "low.png")
    server.upload(moved(0)[:48, :48], "tiny.png")
    foreign = node("EmptyLatentImage", width=64, height=64, batch_size=5)
    more = nodes | {"foreign": foreign, "low": load("low.png"), "tiny": load("tiny.png")}
    cases = {
        "at least 2": {"work": interpolate(start), "out": preview(["work", 0])},
        "start_image is 256x192 and end_image is 256x100": {"work": fit(start, ["low", 0]), "out": keep("work")},
        "at least 64 pixels": {"work": fit(["tiny", 0], ["tiny", 0]), "out": keep("work")},
        "holds 2 images": {
            "both": node("ImageBatch", image1=start, image2=end), "work": fit(["both", 0], end), "out": keep("work")
        },
        "connect the VAE": {
            "work": from_frames(["foreign", 0]), "decode": node("VAEDecode", samples=["work", 0], vae=["model", 1]),
            "out": preview(["decode", 0]),
        },
        "no keyframe generator": {"work": interpolate(["clip", 0], keyframes="generated"), "out": preview(["work", 0])},
        "480x224": {
            "fit": fit(["clip", 1], ["clip", 2]), "flow": flow(["fit", 0], 1), "work": fuse(start, end, ["flow", 0]),
            "out": preview(["work", 0]),
        },
        "'soon' is no number": {
            "time": node("RDVFITimeline", mode="times", **{"mode.positions": "0, soon"}, source_fps=24.0, frames=0),
            "work": interpolate(["clip", 0], timeline=["time", 0]), "out": preview(["work", 0]),
        },
        "lies outside the 2 source frames": {
            "time": node("RDVFITimeline", mode="times", **{"mode.positions": "0, 2"}, source_fps=24.0, frames=0),
            "work": interpolate(["clip", 0], timeline=["time", 0]), "out": preview(["work", 0]),
        },
    }  # fmt: skip
    for words, graph in cases.items():
        message = failed(server, more | {"clip": sample(2, 512, 256)} | graph)
        assert words in message and message.count("\n") == 0, message


def keep(name: str) -> dict:
    return node("RDVFISaveTrajectory", trajectory=[name, 0], filename_prefix="trajectories/refused")


def test_what_the_graph_shows_is_refused_before_anything_runs(server, pair):
    nodes, start, end = pair
    graph = nodes | {"fit": fit(start, end)}
    assert "must lie in [0, 1]" in refused(
        server, graph | {"flow": flow(["fit", 0], times="0.5, 2"), "p": preview(["flow", 1])}
    )
    assert "is no number" in refused(
        server, graph | {"flow": flow(["fit", 0], times="half"), "p": preview(["flow", 1])}
    )
    keys = from_frames(["start", 0], times="0.5, 0.2")
    assert "must increase" in refused(
        server, graph | {"keys": keys, "f": fit(start, end, keyframes=["keys", 0]), "o": keep("f")}
    )
    missing = node("RDVFILoadTrajectory", trajectory="nothing.trajectory.safetensors")
    assert "no trajectory file" in refused(server, {"load": missing, "out": keep("load")})
    (server.base / "input" / "broken.trajectory.safetensors").write_bytes(b"no such file")
    broken = node("RDVFILoadTrajectory", trajectory="broken.trajectory.safetensors")
    assert "not a safetensors file" in refused(server, {"load": broken, "out": keep("load")})
    other = {"model": node("RDVFILoadModel", weights="other.safetensors", precision="auto"), "clip": sample()}
    other |= {"work": interpolate(["clip", 0]), "out": preview(["work", 0])}
    assert "no weights file" in refused(server, other)
    points = node("RDVFITracks", trajectory=["fit", 0], image=start, frames=3, columns=4, points="1, 2", source="start")
    size = {"line_resolution": 24, "circle_size": 9, "opacity": 1.0, "line_width": 4}
    drawn = node("WanMoveVisualizeTracks", images=start, tracks=["t", 0], **size)
    assert "JSON list" in refused(server, graph | {"t": points, "d": drawn, "p": preview(["d", 0])})
