"""What a user sees beside the results: templates in both renderers, the blueprint and the help pages."""

from __future__ import annotations

import json

import pytest
from comfyui import PACK
from templates import TEMPLATES

SMALL = "rdvfi-in-the-core-interpolation-node"
BLUEPRINT = "Frame Interpolation (RDVFI)"


def test_a_link_opens_a_template(tab):
    assert not tab.unknown() and not tab.complaints()


def test_an_unknown_node_is_noticed(tab):
    """Else the checks below would prove nothing."""
    tab("() => app.loadGraphData({version: 0.4, links: [], nodes: [{id: 1, type: 'RDVFINothing', pos: [0, 0]}]})")
    assert tab.unknown() == ["RDVFINothing"]
    tab.page.get_by_test_id("error-overlay").wait_for()
    assert tab.complaints()


def test_the_template_browser_lists_all_with_their_pictures(server):
    listed = json.loads(server.get("/api/workflow_templates"))[PACK]
    assert sorted(listed) == TEMPLATES
    for name in listed:
        assert server.get(f"/api/workflow_templates/{PACK}/{name}.jpg").startswith(b"\xff\xd8")


@pytest.mark.parametrize("renderer", ["classic", "nodes2"])
def test_templates_open_in_both_renderers(tab, renderer, artefacts):
    tab.renderer(renderer)
    for template in TEMPLATES:
        tab.open(PACK, template)
        tab.picture(artefacts / f"{template}-{renderer}.png")
        assert not tab.unknown() and not tab.complaints(), template
        assert not tab.overlapping(), template
        graph = tab.prompt()
        assert sorted(node["class_type"] for node in graph.values()) == sorted(set_aside_notes(tab.types()))
        linked = [value for node in graph.values() for value in node["inputs"].values() if isinstance(value, list)]
        assert len(linked) == tab("() => app.graph.links.size"), template


def test_a_video_plays_on_its_node_in_nodes_2(tab, artefacts):
    tab.renderer("nodes2")
    tab.open(PACK, SMALL)
    tab.set_widget("RDVFISampleClip", frames=2, width=160, height=96)
    tab.run()
    tab.wait("() => [...document.querySelectorAll('video')].some(video => video.videoWidth === 160)")
    tab.picture(artefacts / "video-nodes2.png")
    assert not tab.complaints()


@pytest.mark.parametrize("renderer", ["classic", "nodes2"])
@pytest.mark.parametrize(("container", "element"), [("webm", "video"), ("mp4", "video"), ("gif", "img")])
def test_a_node_that_saves_shows_its_file(tab, server, renderer, container, element, artefacts):
    """With no node behind it: on the page, and in the list of what was made."""
    tab.renderer(renderer)
    tab.new_workflow()
    tab(
        """() => {
          const types = ['RDVFILoadModel', 'RDVFISampleClip', 'CreateVideo', 'RDVFIInterpolateVideo'];
          const [model, clip, video, work] = types.map((type, i) => {
            const node = LiteGraph.createNode(type);
            app.graph.add(node);
            node.pos = [i < 1 ? 0 : 350 * (i - 1), i < 1 ? 400 : 0];
            return node;
          });
          const join = (from, to, input) => from.connect(0, to, to.findInputSlot(input));
          join(clip, video, 'images');
          join(model, work, 'model');
          join(video, work, 'video');
        }"""
    )
    tab.set_widget("RDVFISampleClip", frames=2, width=160, height=96)
    tab.set_widget("CreateVideo", fps=12)
    tab.fit_view()
    tab.set_widget("RDVFIInterpolateVideo", container=container, filename_prefix=f"alone/{renderer}-{container}")
    job = tab.run()
    (outputs,) = json.loads(server.get(f"/history/{job}"))[job]["outputs"].values()
    (file,) = outputs["images"]
    assert (server.base / "output" / file["subfolder"] / file["filename"]).is_file()
    tab.wait(
        """([element, name]) => [...document.querySelectorAll(element)].some(
          shown => decodeURIComponent(shown.currentSrc || shown.src).includes(name) &&
            (shown.videoWidth || shown.naturalWidth) === 160
        ) || app.graph.nodes.some(node => node.imgs?.some(shown => shown.src.includes(name)))""",
        [element, file["filename"]],
    )
    tab.picture(artefacts / f"alone-{container}-{renderer}.png")
    assert not tab.complaints()


def test_the_blueprint_can_be_placed_and_run(tab, artefacts):
    tab.renderer("classic")
    tab.new_workflow()
    tab.place(BLUEPRINT)
    tab(
        """() => {
          const [blueprint] = app.graph.nodes;
          const [clip, preview] = ['RDVFISampleClip', 'PreviewImage'].map(type => LiteGraph.createNode(type));
          for (const node of [clip, preview]) app.graph.add(node);
          for (const [i, node] of [clip, blueprint, preview].entries()) node.pos = [320 * i, 0];
          clip.connect(0, blueprint, 0);
          blueprint.connect(0, preview, 0);
        }"""
    )
    tab.set_widget("RDVFISampleClip", frames=2, width=160, height=96)
    tab.run()
    tab.wait("() => app.graph.nodes.find(node => node.type === 'PreviewImage').imgs?.length === 3")
    tab.fit_view()
    tab.picture(artefacts / "blueprint.png")
    assert not tab.unknown() and not tab.complaints()


PLAN = """{"fps": "24", "source_frames": 2, "frames": [
{"time": "0", "copy": 0},
{"time": "1/24", "between": [0, 1], "tau": "1/3"}]}"""


def test_an_edited_plan_goes_through_the_page_unchanged(tab, artefacts):
    """Braces have a meaning in the page's other texts: what stands in them is chosen from at random."""
    tab.renderer("classic")
    tab.new_workflow()
    tab(
        """() => ['RDVFITimeline', 'RDVFIInterpolateVideo'].forEach((type, i) => {
          const node = LiteGraph.createNode(type);
          app.graph.add(node);
          node.pos = [450 * i, 0];
        })"""
    )
    tab.set_widget("RDVFITimeline", mode="plan")
    tab.set_widget("RDVFITimeline", **{"mode.plan": PLAN})
    tab.fit_view()
    tab.picture(artefacts / "plan.png")
    (time,) = (node for node in tab.prompt().values() if node["class_type"] == "RDVFITimeline")
    assert time["inputs"]["mode"] == "plan" and time["inputs"]["mode.plan"] == PLAN
    assert not tab.complaints()


def test_help_opens_from_the_toolbox_of_a_node(tab, artefacts):
    tab.renderer("classic")
    tab.open(PACK, SMALL)
    tab.select("RDVFILoadModel")
    tab.page.get_by_test_id("info-button").click()
    help_page = tab.page.locator(".node-help-content")
    help_page.get_by_role("heading").first.wait_for()
    tab.picture(artefacts / "help.png")
    assert "models/rdvfi" in help_page.inner_text()
    tab.page.get_by_label("Toggle properties panel").click()
    help_page.wait_for(state="hidden")


def set_aside_notes(types: list[str]) -> list[str]:
    return [kind for kind in types if kind != "MarkdownNote"]
