"""ComfyUI's own front end in headless Chromium, as a user would have it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio", LOOPBACK_ONLY]
READY = "() => window.app?.extensionManager?.workflow && window.LiteGraph?.registered_node_types?.RDVFIInterpolate"
# Toasts vanish again, so each is written down when it appears.
RECORD_TOASTS = """
window.toasts = [];
new MutationObserver(records => {
  for (const node of records.flatMap(record => [...record.addedNodes]))
    for (const toast of node.querySelectorAll?.('.p-toast-message') ?? [])
      window.toasts.push({severity: toast.className.match(/p-toast-message-(\\w+)/)?.[1], text: toast.innerText});
}).observe(document, {childList: true, subtree: true});
"""


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class FrontEnd:
    """One tab."""

    def __init__(self, browser, url: str, query: str = "", size: tuple[int, int] = (1600, 900)):
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.add_init_script(RECORD_TOASTS)
        self.page.goto(f"{url}/{query}", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=60_000)

    def __call__(self, script: str, argument=None):
        return self.page.evaluate(script, argument)
