"""ComfyUI's own front end in headless Chromium, driven as a user would."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio", LOOPBACK_ONLY]
SECONDS = 120  # for anything, on a busy machine
READY = "() => window.app?.extensionManager?.workflow && window.LiteGraph?.registered_node_types?.RDVFIInterpolate"

# Toasts vanish again, so each is written down when it appears.
RECORD_TOASTS = """
window.toasts = [];
new MutationObserver(records => {
  for (const node of records.flatMap(record => [...record.addedNodes])) {
    if (!(node instanceof Element)) continue;
    for (const toast of [node, ...node.querySelectorAll('*')].filter(e => e.matches('.p-toast-message')))
      window.toasts.push([toast.className, toast.innerText]);
  }
}).observe(document, {childList: true, subtree: true});
"""

LOAD_TEMPLATE = """async ([pack, name]) => {
  const file = await fetch(`/api/workflow_templates/${pack}/${name}.json`);
  await app.loadGraphData(await file.json(), true, true, name);
}"""

WIDGET = """([type, name, value]) => {
  const widgets = app.graph.nodes.find(node => node.type === type).widgets;
  const widget = widgets.find(widget => widget.name === name);
"""

PRESS_RUN = "() => document.querySelector('[data-testid=queue-button]').click()"
RECORD_FINISHED = """() => {
  window.finished = new Set();
  app.api.addEventListener('execution_success', event => finished.add(event.detail.prompt_id));
}"""
STATUS = "async job => (await (await fetch(`/api/history/${job}`)).json())[job]?.status"
QUEUE = "async () => await (await fetch('/api/queue')).text()"


@contextmanager
def chromium() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class FrontEnd:
    """One tab with the front end. A call runs JavaScript in it: tab("() => app.graph.nodes.length")."""

    def __init__(self, browser, url: str, query: str = "", size: tuple[int, int] = (1600, 800)):
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.set_default_timeout(SECONDS * 1000)
        self.page.add_init_script(RECORD_TOASTS)
        self.page.goto(f"{url}/{query}", wait_until="commit")
        self.page.wait_for_function(READY)
        self(RECORD_FINISHED)

    def __call__(self, script: str, argument=None):
        return self.page.evaluate(script, argument)

    def wait(self, condition: str, argument=None) -> None:
        self.page.wait_for_function(condition, arg=argument)

    def renderer(self, name: str) -> None:
        """classic draws nodes on the canvas, nodes2 as HTML."""
        self("on => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)", name == "nodes2")
        self.wait("on => LiteGraph.vueNodesMode === on", name == "nodes2")

    def open(self, pack: str, template: str) -> None:
        self("() => { toasts.length = 0 }")
        self(LOAD_TEMPLATE, [pack, template])

    def new_workflow(self) -> None:
        self("() => { toasts.length = 0 }")
        self("() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        self.wait("() => app.graph.nodes.length === 0")

    def place(self, name: str) -> None:
        """Puts the first thing that the search finds under this name on the empty canvas."""
        self("() => app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
        search = self.page.get_by_role("dialog").get_by_role("textbox").or_(self.page.get_by_role("combobox")).first
        search.fill(name)
        self.page.get_by_text(name, exact=True).last.wait_for()
        search.press("Enter")
        search.wait_for(state="hidden")
        self.page.mouse.move(700, 400)  # it hangs on the pointer until the next click
        self.page.mouse.click(700, 400)
        self.wait("() => app.graph.nodes.length === 1 && !app.graph.nodes[0].flags.ghost")

    def types(self) -> list[str]:
        return self("() => app.graph.nodes.map(node => node.type)")

    def overlapping(self) -> list[list[str]]:
        """Types of the nodes that lie on each other, title bars included."""
        return self(
            """() => {
              const box = ({pos: [x, y], size: [w, h]}) => [x, y - LiteGraph.NODE_TITLE_HEIGHT, x + w, y + h];
              const apart = (a, b) => a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
              const nodes = app.graph.nodes, found = [];
              nodes.forEach((a, i) => nodes.slice(i + 1).forEach(b => {
                if (!apart(box(a), box(b))) found.push([a.type, b.type]);
              }));
              return found;
            }"""
        )

    def unknown(self) -> list[str]:
        """Types of nodes that the page could not make."""
        return self("() => app.graph.nodes.filter(node => node.has_errors).map(node => node.type)")

    def complaints(self) -> list[str]:
        """Red and yellow toasts since the last workflow was opened, and the list of errors that the page shows now."""
        toasts = self("() => toasts.filter(([kind]) => /error|warn/.test(kind)).map(([, text]) => text)")
        return toasts + self.page.get_by_test_id("error-overlay").all_inner_texts()

    def node(self, title: str) -> str:
        """The number of the node with this title."""
        return self("title => String(app.graph.nodes.find(node => node.title === title).id)", title)

    def prompt(self) -> dict:
        """The graph in the API's format."""
        return self("async () => (await app.graphToPrompt()).output")

    def widget(self, node_type: str, name: str):
        return self(WIDGET + "return widget.value }", [node_type, name])

    def set_widget(self, node_type: str, **values) -> None:
        for name, value in values.items():
            self(WIDGET + "widget.value = value }", [node_type, name, value])

    def select(self, node_type: str) -> None:
        """Clicks on the title of a node that the canvas draws."""
        x, y = self(
            """type => {
              const {pos: [x, y], size: [width]} = app.graph.nodes.find(node => node.type === type);
              return app.canvasPosToClientPos([x + width / 2, y - 15]);
            }""",
            node_type,
        )
        self.page.mouse.click(x, y)

    def run(self) -> str:
        """Presses Run; the number of the finished job, whose outputs the page shows. A busy page may lose its
        connection, and with it the messages about a job; then Run shows what the server has kept."""
        from playwright.sync_api import TimeoutError

        for _ in range(3):
            job = self._finish()
            try:
                self.page.wait_for_function("job => finished.has(job)", arg=job, timeout=5000)
                return job
            except TimeoutError:
                continue
        raise AssertionError("The page never heard of a finished job.")

    def _finish(self) -> str:
        with self.page.expect_response(
            lambda answer: answer.request.method == "POST" and answer.url.endswith("/prompt")
        ) as answer:
            self(PRESS_RUN)
        job = answer.value.json()["prompt_id"]
        deadline = time.monotonic() + SECONDS
        while not (status := self(STATUS, job)):
            assert time.monotonic() < deadline, f"the run takes too long: {self(QUEUE)}"
            self.page.wait_for_timeout(200)
        assert status["status_str"] == "success", status["messages"]
        return job

    def fit_view(self) -> None:
        self("() => app.extensionManager.command.execute('Comfy.Canvas.FitView')")

    def picture(self, path: Path) -> None:
        self.page.wait_for_timeout(800)  # until nodes have found their sizes
        self.page.screenshot(path=path)
