"""What the nodes with a canvas hand to the page, and which guides they refuse."""

from __future__ import annotations

import io
import json
import struct
from urllib.parse import urlencode

import av
import numpy as np
import pytest
from comfyui import ValidationError
from graphs import LOADER, fit, interpolate, node, sample
from PIL import Image

LARGEST = 2 * 2**20  # bytes of the paths
GUIDE = {"points": [[0, 0.25, 0.5], [0.5, 0.4, 0.25], [1, 0.5, 0.5]], "radius": 0.06, "in_front": False}


def content(server, file: dict) -> bytes:
    return server.get(f"/view?{urlencode(file)}")


def size(server, file: dict) -> tuple[int, int]:
    return Image.open(io.BytesIO(content(server, file))).size


def motion(**clip) -> dict:
    return {"model": LOADER, "clip": sample(2, **clip), "fit": fit(["clip", 1], ["clip", 2])}


def viewer(**more) -> dict:
    return node("RDVFITrajectoryViewer", trajectory=["fit", 0], **more)


def guides(text: str, clip: dict | None = None) -> dict:
    images = {"start_image": ["clip", 1], "end_image": ["clip", 2]}
    return {"clip": clip or sample(2, 128, 64), "guides": node("RDVFIGuides", guides=text, **images)}


def written(*guides: dict, size=(128, 64), version=1) -> str:
    return json.dumps({"version": version, "size": size, "guides": guides})


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


@pytest.mark.parametrize("text", ["", written(), written(GUIDE), written(GUIDE, size=(1280, 640))])
def test_guides_are_taken_and_both_images_shown(server, text):
    result = server.run(guides(text))
    (shown,) = result.outputs["guides"]["rdvfi_guides"]
    assert result.error is None and shown["size"] == [128, 64]
    assert [size(server, *shown[name]) for name in ("start", "end")] == [(128, 64)] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "guides is no JSON"),
        ("[]", "guides holds no list of guides"),
        (written(version=2), "The guides are of version 2, this pack reads 1"),
        (written(size=[0, 64]), "The guides' size is [0, 64]"),
        (written(GUIDE | {"points": [[0, 0.5, 0.5]]}), "Guide 1 has no points"),
        (
            written(GUIDE, GUIDE | {"points": [[0, 0.5, 0.5], [1, 1.2, 0.5]]}),
            "Guide 2 has a point at (1.2, 0.5)",
        ),
        (written(GUIDE | {"points": [[0, 0.5, 0.5], [2, 0.5, 0.5]]}), "Guide 1 has a point at the time 2"),
        (written(GUIDE | {"points": [[0.5, 0.5, 0.5], [1, 0.5, 0.5]]}), "Guide 1 runs from 0.5 to 1"),
        (
            written(GUIDE | {"points": [[0, 0.1, 0.1], [0, 0.5, 0.5], [1, 0.5, 0.5]]}),
            "The times of guide 1 do not",
        ),
        (written(GUIDE | {"radius": 0}), "The radius of guide 1 is 0"),
        (written(GUIDE | {"in_front": 1}), "in_front of guide 1 is 1"),
        (written(GUIDE, GUIDE | {"points": [[0, 0.25, 0.5], [1, 0.9, 0.5]]}), "Guides 1 and 2 begin at the same point"),
    ],
)
def test_bad_guides_are_refused_before_anything_runs(server, text, said):
    with pytest.raises(ValidationError) as refused:
        server.run(guides(text))
    assert json.dumps(said)[1:-1] in str(refused.value)


def test_guides_of_another_aspect_are_refused(server):
    result = server.run(guides(written(GUIDE), sample(2, 64, 128)))
    assert result.error.startswith("The guides were drawn on images of 128x64, these are 64x128")
