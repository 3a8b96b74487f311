"""The viewer and the preview as a user has them before him: mouse, keys, and what of it the workflow keeps."""

from __future__ import annotations

import json

import pytest

RENDERERS = pytest.mark.parametrize("renderer", ["classic", "nodes2"])

GRAPH = """([width, height]) => {
  const place = (type, x, values = {}) => {
    const node = LiteGraph.createNode(type);
    app.graph.add(node);
    node.pos = [x, 0];
    for (const [name, value] of Object.entries(values)) node.widgets.find(w => w.name === name).value = value;
    return node;
  };
  const link = (from, output, to, input) => from.connect(output, to, to.inputs.findIndex(i => i.name === input));
  const clip = place('RDVFISampleClip', -1000, {width, height, frames: 2});
  const shown = place('RDVFITrajectoryViewer', 0);
  const [model, fit] = [place('RDVFILoadModel', -1400), place('RDVFIFitTrajectory', -500)];
  link(model, 0, fit, 'model');
  link(clip, 1, fit, 'start_image');
  link(clip, 2, fit, 'end_image');
  link(fit, 0, shown, 'trajectory');
  link(clip, 1, shown, 'start_image');
  link(clip, 2, shown, 'end_image');
  app.canvas.ds.scale = 1;
  app.canvas.ds.offset = [300, 100];
  app.canvas.setDirty(true, true);
}"""

SAVED = "() => app.graph.serialize()"
PREVIEWS = "app.graph.nodes.flatMap(node => node.widgets ?? []).flatMap(w => w.name === 'preview' ? w.panel : [])"

PIXELS = """() => {
  const canvas = document.querySelector('.rdvfi-stage canvas');
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, i) => (sum + value * (i % 997 + 1)) % 1000003, 0);
}"""


OPENING = """async panel => {
  const began = performance.now();
  await panel.load(panel.node.properties.rdvfi_files);
  panel.stage.draw();
  return performance.now() - began;
}"""

SCRUBBING = """async panel => {
  const frames = [];
  const next = () => new Promise(requestAnimationFrame);
  let last = await next();
  for (let i = 0; i < 120; i += 1) {
    panel.setTau((i % 60) / 60);
    const now = await next();
    frames.push(now - last);
    last = now;
  }
  return frames.sort((a, b) => a - b)[60];
}"""


class Canvas:
    """The one of the only viewer node, with places in shares of its picture."""

    panel = "app.graph.nodes.find(node => node.type === 'RDVFITrajectoryViewer')?.widgets.at(-1).panel"

    def __init__(self, tab, renderer: str, size=(640, 360)):
        self.tab, self.size = tab, size
        tab.renderer(renderer)
        tab.new_workflow()
        tab(GRAPH, size)
        tab.run()
        tab.wait(f"() => {self.panel} && !{self.panel}.stage.message.textContent")
        tab.page.wait_for_timeout(300)

    def __call__(self, expression: str):
        return self.tab(f"() => {self.panel}.{expression}")

    @property
    def locator(self):
        return self.tab.page.locator(".rdvfi-stage canvas")

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.locator.bounding_box()
        width = min(box["width"], box["height"] * self.size[0] / self.size[1])
        height = width * self.size[1] / self.size[0]
        return box["x"] + box["width"] / 2 + (x - 0.5) * width, box["y"] + box["height"] / 2 + (y - 0.5) * height

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        mouse = self.tab.page.mouse
        mouse.move(*self.at(*start))
        mouse.down(button=button)
        mouse.move(*self.at(*end), steps=4)
        mouse.up(button=button)

    def click(self, x: float, y: float) -> None:
        self.tab.page.mouse.click(*self.at(x, y))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.page.keyboard.press(key)

    def saved(self) -> dict:
        return next(node for node in self.tab(SAVED)["nodes"] if node["type"] == "RDVFITrajectoryViewer")


@RENDERERS
def test_the_viewer_plays_and_keeps_what_is_set(tab, renderer, artefacts):
    canvas = Canvas(tab, renderer)
    assert canvas("playback.playing") is False and canvas("state.tau") == 0
    before = tab(PIXELS)
    canvas.locator.focus()
    canvas.press("Shift+ArrowRight", "Shift+ArrowRight", "ArrowRight")
    assert canvas("state.tau") == pytest.approx(17 / 64)
    tab.page.wait_for_timeout(200)
    assert tab(PIXELS) != before
    tab.page.get_by_role("button", name="Play").click()
    tab.wait(f"() => {canvas.panel}.state.tau > 0.5")
    tab.page.get_by_role("button", name="Pause").click()
    canvas.click(0.4, 0.6)
    canvas.click(0.8, 0.6)
    assert len(canvas("state.points")) == 2
    tab.page.get_by_label("Overlay", exact=True).select_option("error")
    tab.page.get_by_label("Wipe with", exact=True).select_option("end")
    canvas.drag((0.5, 0.3), (0.25, 0.3))
    tab.picture(artefacts / f"viewer-{renderer}.png")
    kept = canvas.saved()["properties"]["rdvfi_view"]
    assert kept["field"] == "error" and kept["edge"] == pytest.approx(0.25, abs=0.01) and len(kept["points"]) == 2
    assert "rdvfi_view" not in json.dumps(tab.prompt())  # what is only looked at runs nothing again
    tab("graph => app.loadGraphData(graph)", tab(SAVED))
    tab.wait(f"() => {canvas.panel}?.paths")
    assert canvas("state.points.length") == 2 and canvas("state.tau") == pytest.approx(kept["tau"])
    assert not tab.complaints()


def test_how_long_the_viewer_takes_is_told(tab, capsys):
    canvas = Canvas(tab, "classic", (1024, 576))
    opening, frame = (tab(f"() => ({script})({canvas.panel})") for script in (OPENING, SCRUBBING))
    with capsys.disabled():
        print(f"\nA 1024x576 trajectory opens in {opening:.0f} ms; while scrubbing {1000 / frame:.0f} frames a second.")


def test_a_click_on_a_point_removes_it_at_any_time(tab):
    canvas = Canvas(tab, "classic")
    canvas.locator.focus()
    canvas.press("End")
    canvas.click(0.3, 0.4)
    canvas.press("Home")
    path = "paths.nearest($.state.points[0])"
    place = tab(f"() => {{ const $ = {canvas.panel}; return [...$.paths.placesAt(0, [$.{path}])] }}")
    assert len(canvas("state.points")) == 1
    canvas.click(*place)
    assert canvas("state.points") == []


@RENDERERS
def test_the_middle_button_is_the_graphs_and_a_wheel_zooms_what_was_clicked(tab, renderer):
    canvas = Canvas(tab, renderer)
    offset = tab("() => [...app.canvas.ds.offset]")
    canvas.drag((0.3, 0.3), (0.4, 0.4), button="middle")
    tab.wait("([x, y]) => app.canvas.ds.offset[0] > x + 10 && app.canvas.ds.offset[1] > y + 10", offset)
    assert canvas("state.points") == [] and canvas("stage.view.zoom") == 1
    scale = tab("() => app.canvas.ds.scale")
    canvas.click(0.5, 0.5)
    tab.page.mouse.wheel(0, -100)
    tab.wait(f"() => {canvas.panel}.stage.view.zoom > 1.1")
    assert tab("() => app.canvas.ds.scale") == scale


@RENDERERS
def test_interpolated_frames_are_shown_as_a_video_with_their_ticks(tab, renderer, artefacts):
    tab.renderer(renderer)
    tab.new_workflow()
    tab(
        """() => {
          const types = ['RDVFILoadModel', 'RDVFISampleClip', 'RDVFIInterpolate', 'PreviewImage'];
          const [model, clip, work, shown] = types.map((type, i) => {
            const node = LiteGraph.createNode(type);
            app.graph.add(node);
            node.pos = [-300 + 320 * i, 0];
            return node;
          });
          model.connect(0, work, 0);
          clip.connect(0, work, 1);
          work.connect(0, shown, 0);
          app.canvas.ds.scale = 1;
          app.canvas.ds.offset = [400, 100];
        }"""
    )
    tab.set_widget("RDVFISampleClip", frames=3, width=320, height=180)
    tab.set_widget("RDVFIInterpolate", multiplier=4)
    for _ in range(2):
        tab.run()
        tab.wait(f"() => {PREVIEWS}[0]?.video.videoWidth === 320")
    assert tab(f"() => {PREVIEWS}.length") == 1
    box = tab.page.locator(".rdvfi-preview canvas:visible").bounding_box()
    tab.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 5)
    tab.wait(f"() => Math.abs({PREVIEWS}[0].video.currentTime - 4.5 / 96) < 1e-3")
    tab.picture(artefacts / f"preview-{renderer}.png")
    assert not tab.complaints()


def test_files_that_are_gone_are_said_to_be(tab, server):
    canvas = Canvas(tab, "classic")
    graph = tab(SAVED)
    for file in (server.base / "temp").glob("*.paths"):
        file.unlink()
    tab("graph => app.loadGraphData(graph)", graph)
    tab.page.get_by_text("The files of this view are gone from ComfyUI's temp folder.").wait_for()
    assert canvas("paths") is None


def test_the_pages_cubic_is_the_cores(tab):
    from rdvfi_core.trajectory.cubic import cubic_weights

    script = """async ([times, taus]) => {
      const {cubicWeights} = await import('/extensions/comfyui-rdvfi/paths/cubic.js');
      return taus.map(tau => times.map((_, knot) => new Map(cubicWeights(times, tau)).get(knot) ?? 0));
    }"""
    taus = [0, 0.1, 0.3, 0.5, 0.77, 1]
    for times in ([0, 1], [0, 0.3, 1], [0, 0.2, 0.5, 0.6, 1]):
        for tau, weights in zip(taus, tab(script, [times, taus]), strict=True):
            assert weights == pytest.approx(cubic_weights(times, tau), abs=1e-12)
