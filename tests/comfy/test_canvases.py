"""What the nodes with a canvas hand to the page."""

from __future__ import annotations

import io
import json
import struct
from urllib.parse import urlencode

import av
import numpy as np
from comfyui import in_comfyui
from graphs import LOADER, fit, interpolate, node, sample
from PIL import Image

LARGEST = 2 * 2**20  # bytes of the paths


def content(server, file: dict) -> bytes:
    return server.get(f"/view?{urlencode(file)}")


def size(server, file: dict) -> tuple[int, int]:
    return Image.open(io.BytesIO(content(server, file))).size


def motion(**clip) -> dict:
    return {"model": LOADER, "clip": sample(2, **clip), "fit": fit(["clip", 1], ["clip", 2])}


def viewer(**more) -> dict:
    return node("RDVFITrajectoryViewer", trajectory=["fit", 0], **more)


def test_the_viewer_hands_paths_and_pictures_to_the_page(server):
    both = {"start_image": ["clip", 1], "end_image": ["clip", 2], "frames": ["frames", 0]}
    graph = motion(width=640, height=360) | {"frames": interpolate(["clip", 0], 2), "view": viewer(**both)}
    (shown,) = server.run(graph).outputs["view"]["rdvfi_viewer"]
    paths = content(server, shown["paths"])
    (length,) = struct.unpack("<I", paths[4:8])
    header = json.loads(paths[8 : 8 + length])
    knots, count = len(header["times"]), header["columns"] * header["rows"]
    assert paths[:4] == b"RDVP" and LARGEST / 3 < len(paths) <= LARGEST
    places = np.frombuffer(paths, "<u2", 2 * knots * count, 8 + length).reshape(knots, count, 2) / 65535 * 3 - 1
    assert places[0].min() > 0 and places[0].max() < 1
    assert 0.005 < np.abs(places[-1] - places[0]).max() < 0.5
    assert [len(shown[name]) for name in ("start", "end", "frames")] == [1, 1, 3] and "other" not in shown
    assert {size(server, file) for name in ("start", "end", "frames") for file in shown[name]} == {(640, 360)}


def test_without_images_the_viewer_shows_the_trajectorys_own(server):
    graph = motion(width=128, height=64) | {"view": viewer()}
    (shown,) = server.run(graph).outputs["view"]["rdvfi_viewer"]
    assert size(server, shown["start"][0]) == size(server, shown["end"][0])
    again = server.run(motion(width=128, height=64) | {"view": viewer(end_image=["clip", 2])})
    assert again.outputs["view"]["rdvfi_viewer"][0]["paths"] == shown["paths"]  # named by what it holds


def test_pictures_of_another_shape_are_refused_beneath_paths(server):
    graph = motion(width=128, height=64) | {"other": sample(2, 64, 128), "view": viewer(frames=["other", 0])}
    assert "frames is 64x128 and the trajectory is of images with the aspect of" in server.run(graph).error


def test_interpolated_frames_come_with_a_small_video_and_what_each_is(server, tmp_path):
    graph = {"model": LOADER, "clip": sample(3, 642, 362), "work": interpolate(["clip", 0], 3)}
    show = {"show": node("PreviewAny", source=["work", 2])}
    (shown,) = server.run(graph | show).outputs["work"]["rdvfi_preview"]
    assert shown["fps"] == 72 and shown["frames"] == ["copied", "made", "made", "copied", "made", "made", "copied"]
    (tmp_path / "preview.mp4").write_bytes(content(server, shown["video"]))
    with av.open(tmp_path / "preview.mp4") as video:
        stream = video.streams.video[0]
        assert sum(1 for _ in video.decode(stream)) == 7
        assert (stream.width, stream.height, stream.pix_fmt) == (512, 288, "yuv420p")


def test_a_preview_that_fails_costs_no_frame(comfyui, tmp_path):
    """The temp folder is a file, so that nothing can be written there."""
    (tmp_path / "temp").write_text("")
    found = in_comfyui(
        comfyui,
        f"""
import folder_paths
folder_paths.set_temp_directory({str(tmp_path / "temp")!r})
from fractions import Fraction
from pack.nodes.preview import Preview
from pack.rdvfi_core.timeline import Source, Timeline
plan = Timeline.multiplied(1).plan(Source.constant(2, Fraction(24)))
preview = Preview(plan, 64, 64)
with preview:
    for _ in plan:
        preview.write(torch.rand(1, 3, 64, 64))
print(json.dumps(preview.shown()))
""",
    )
    assert found == {}
