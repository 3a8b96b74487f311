"""A real ComfyUI for the tests: where it is, a server of our own, and a client that runs graphs on it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
import torch
from PIL import Image

from rdvfi_core.comfyui import python_of

REPOSITORY = Path(__file__).parents[2]
PACK = "comfyui-rdvfi"
START_SECONDS = 240
RUN_SECONDS = 300


def find_comfyui() -> Path | None:
    """COMFYUI_PATH, the ComfyUI whose custom_nodes holds this repository, or ~/ComfyUI."""
    named = os.environ.get("COMFYUI_PATH")
    places = [Path(named)] if named else [REPOSITORY.parents[1], Path.home() / "ComfyUI"]
    return next((place for place in places if (place / "comfy" / "model_management.py").is_file()), None)


def in_comfyui(comfyui: Path, script: str) -> dict:
    """What the script prints last, as JSON; it runs in ComfyUI's own process environment on the CPU, with the pack as
    the package `pack`."""
    head = (
        "import sys, json, types, importlib.util\n"
        "from comfy.cli_args import args\nargs.cpu = True\n"
        "import torch\ntorch.set_num_threads(1)\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        f"spec = importlib.util.spec_from_file_location('pack', {str(REPOSITORY / '__init__.py')!r},"
        f" submodule_search_locations=[{str(REPOSITORY)!r}])\n"
        "pack = importlib.util.module_from_spec(spec)\nsys.modules['pack'] = pack\nspec.loader.exec_module(pack)\n"
    )
    command = [python_of(comfyui), "-c", head + script]
    done = subprocess.run(command, cwd=comfyui, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@dataclass
class Result:
    """What one run of a graph gave."""

    outputs: dict[str, dict] = field(default_factory=dict)  # node id -> ui values
    executed: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    progress: list[tuple[str, int, int]] = field(default_factory=list)  # node id, done, total
    previews: int = 0
    error: str | None = None
    interrupted: bool = False


class ValidationError(Exception):
    """The server refused the graph; the text holds every message."""


class Server:
    """ComfyUI on the loopback address with a base folder of its own, in which the pack is a link to this repository."""

    def __init__(self, comfyui: Path, base: Path, *flags: str, packs: tuple[str, ...] = (PACK,)):
        self.base, self.log = base, base / "server.log"
        (base / "custom_nodes").mkdir(parents=True)
        for pack in packs:
            (base / "custom_nodes" / pack).symlink_to(REPOSITORY, target_is_directory=True)
        settings = base / "user" / "default" / "comfy.settings.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"Comfy.TutorialCompleted": True}))
        (base / "input").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [python_of(comfyui), "main.py", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(base), "--disable-auto-launch"]
        command += ["--database-url", "sqlite:///:memory:", *flags]  # else the user's own database is opened
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=comfyui, stdout=log, stderr=log, env=environment)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(URLError, ConnectionError, TimeoutError):
                self.get("/system_stats")
                return
            time.sleep(0.3)
        self.stop()
        raise RuntimeError(f"ComfyUI did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def get(self, path: str) -> bytes:
        with urlopen(self.url + path, timeout=30) as answer:
            return answer.read()

    def post(self, path: str, content: dict) -> dict:
        request = Request(self.url + path, json.dumps(content).encode(), {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=30) as answer:
                text = answer.read()
        except HTTPError as error:
            raise ValidationError(error.read().decode()) from error
        return json.loads(text) if text else {}

    def nodes(self) -> dict:
        return json.loads(self.get("/object_info"))

    def run(self, graph: dict, stop_at: tuple[str, int] | None = None) -> Result:
        """The graph in the API's format. stop_at: (node id, steps done) at which the run is interrupted."""
        return asyncio.run(asyncio.wait_for(self._run(graph, stop_at), RUN_SECONDS))

    async def _run(self, graph: dict, stop_at: tuple[str, int] | None) -> Result:
        import aiohttp

        client, result = uuid.uuid4().hex, Result()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws?clientId={client}", max_msg_size=0) as socket,
        ):
            number = self.post("/prompt", {"prompt": graph, "client_id": client})["prompt_id"]
            async for message in socket:
                if message.type != aiohttp.WSMsgType.TEXT:
                    result.previews += message.type == aiohttp.WSMsgType.BINARY
                    continue
                event = json.loads(message.data)
                kind, data = event["type"], event["data"]
                if kind == "execution_cached":
                    result.cached += data["nodes"]
                elif kind == "progress":
                    result.progress.append((data["node"], data["value"], data["max"]))
                    if stop_at is not None and data["node"] == stop_at[0] and data["value"] >= stop_at[1]:
                        self.post("/interrupt", {"prompt_id": number})
                        stop_at = None
                elif kind == "execution_error":
                    result.error = data["exception_message"].strip()
                elif kind == "execution_interrupted":
                    result.interrupted = True
                elif kind == "executing" and data.get("prompt_id") == number:
                    if data["node"] is None:
                        break
                    result.executed.append(data["node"])
                if kind in ("execution_error", "execution_interrupted"):
                    break
        result.outputs = json.loads(self.get(f"/history/{number}")).get(number, {}).get("outputs", {})
        return result

    def upload(self, image: torch.Tensor, name: str) -> str:
        """(H, W, C) in [0, 1] as a PNG in the input folder; the name for Load Image."""
        pixels = (image.clamp(0, 1) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(self.base / "input" / name)
        return name

    def images(self, result: Result, node: str) -> torch.Tensor:
        """(B, H, W, C) in [0, 1]: what a Save Image or Preview Image node showed."""
        found = []
        for file in result.outputs[node]["images"]:
            query = urlencode({key: file[key] for key in ("filename", "subfolder", "type")})
            found.append(np.array(Image.open(io.BytesIO(self.get(f"/view?{query}")))))
        return torch.from_numpy(np.stack(found)).float() / 255

    def forget(self) -> None:
        """Drops all cached results and models."""
        self.post("/free", {"unload_models": True, "free_memory": True})
