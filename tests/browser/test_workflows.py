"""Every template runs at the first click and gives what its note promises."""

from __future__ import annotations

import json
import re
import time

import av
import pytest
from comfyui import PACK, Result
from PIL import Image
from templates import PREVIEWS, SHORT, TEMPLATES, VALIDATED_ONLY, VIDEOS, WITH_SMALL_MODELS, WORKFLOWS

SIZE = (SHORT["width"], SHORT["height"])


def test_every_template_is_expected_here():
    assert sorted([*VIDEOS, *PREVIEWS, *WITH_SMALL_MODELS, *VALIDATED_ONLY]) == TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_has_a_picture_and_names_no_place(template):
    with Image.open(WORKFLOWS / f"{template}.jpg") as picture:
        assert picture.size == (400, 300)
    text = (WORKFLOWS / f"{template}.json").read_text()
    assert not re.search(r"/(home|root|tmp|Users)/|\w:\\\\", text)
    assert "ds" not in json.loads(text)["extra"]  # without a saved view, the page fits the graph to its window


@pytest.mark.parametrize("template", sorted(VIDEOS))
def test_a_template_saves_a_video(tab, server, template, artefacts):
    result = run(tab, server, template)
    tab.wait("width => [...document.querySelectorAll('video')].some(video => video.videoWidth === width)", SIZE[0])
    tab.picture(artefacts / f"{template}-done.png")
    assert saved_video(tab, server, result) == VIDEOS[template]


@pytest.mark.parametrize("template", sorted(WITH_SMALL_MODELS))
def test_a_template_runs_on_small_models(tab, server, template):
    tab.renderer("classic")
    tab.open(PACK, template)
    assert not tab.complaints()
    tab.set_widget("RDVFISampleClip", **SHORT | {"frames": 2})
    tab.set_widget("RDVFIKeyframes", count=3, long_side=64)
    tab.set_widget("RDVFISampleFlow", frames=WITH_SMALL_MODELS[template][0])
    result = finished(tab, server)
    assert len(server.images(result, tab.node("Keyframes"))) == 9  # three latents of Wan, decoded by core
    assert saved_video(tab, server, result) == WITH_SMALL_MODELS[template]


@pytest.mark.parametrize("template", VALIDATED_ONLY)
def test_a_template_is_accepted_by_the_server(tab, server, template):
    tab.renderer("classic")
    tab.open(PACK, template)
    assert not tab.complaints()
    answer = server.post("/prompt", {"prompt": tab.prompt()})  # refused, it would raise
    server.post("/interrupt", {"prompt_id": answer["prompt_id"]})
    assert not answer["node_errors"]
    while any(json.loads(server.get("/queue")).values()):
        time.sleep(0.2)


def saved_video(tab, server, result: Result) -> tuple:  # frames and their rate
    (saved,) = result.outputs[tab.node("Save Video")]["images"]
    with av.open(server.base / "output" / saved["subfolder"] / saved["filename"]) as video:
        stream = video.streams.video[0]
        sizes = [(frame.width, frame.height) for frame in video.decode(stream)]
        assert set(sizes) == {SIZE}
        return len(sizes), stream.average_rate


@pytest.mark.parametrize("template", sorted(PREVIEWS))
def test_a_template_shows_pictures(tab, server, template, artefacts):
    result = run(tab, server, template)
    tab.wait("count => app.graph.nodes.filter(node => node.imgs?.length).length >= count", len(PREVIEWS[template]))
    tab.picture(artefacts / f"{template}-done.png")
    shown = {title: server.images(result, tab.node(title)) for title in PREVIEWS[template]}
    assert {title: len(images) for title, images in shown.items()} == PREVIEWS[template]
    assert shown["Frames"].shape[1:3] == SIZE[::-1]
    assert all(images.std() > 0.02 for images in shown.values())


def run(tab, server, template: str) -> Result:
    """Opens the template, makes its sample clip small and presses Run."""
    tab.renderer("classic")
    tab.open(PACK, template)
    frames = tab.widget("RDVFISampleClip", "frames")
    tab.set_widget("RDVFISampleClip", **SHORT | {"frames": min(frames, SHORT["frames"])})
    return finished(tab, server)


def finished(tab, server) -> Result:
    job = tab.run()
    return Result(outputs=json.loads(server.get(f"/history/{job}"))[job]["outputs"])
