"""How the nodes behave in the queue: caches, interrupts, files that fail, flags of the server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import torch
from comfyui import PACK, REPOSITORY, Server, in_comfyui
from graphs import LOADER, fit, flow, fuse, interpolate, keyframes, node, preview, sample

SHIPPED = REPOSITORY / "rdvfi_core" / "pretrained" / "rdvfi-s.safetensors"
CLIP = {"model": LOADER, "clip": sample(2, 160, 96)}
START, END = ["clip", 1], ["clip", 2]


def test_an_unchanged_graph_recomputes_nothing(server):
    graph = CLIP | {"work": interpolate(["clip", 0], 3), "show": preview(["work", 0])}
    server.run(graph)
    again = server.run(graph)
    assert set(again.cached) == set(graph) and not again.executed


def test_another_seed_reruns_only_what_depends_on_it(server):
    def graph(seed: int) -> dict:
        steps = {
            "keys": keyframes(START, END, count=2, seed=seed),
            "fit": fit(START, END, keyframes=["keys", 0]),
            "straight": fit(START, END),
            "flow": flow(["fit", 0], 1),
            "other": flow(["straight", 0], 1),
        }
        return CLIP | steps | {"a": preview(["flow", 1]), "b": preview(["other", 1])}

    server.run(graph(1))
    assert set(server.run(graph(2)).executed) == {"keys", "fit", "flow", "a"}


def test_other_times_keep_the_fitted_trajectory(server):
    def graph(times: str) -> dict:
        steps = {"fit": fit(START, END), "flow": flow(["fit", 0], times=times), "fuse": fuse(START, END, ["flow", 0])}
        return CLIP | steps | {"show": preview(["fuse", 0])}

    server.run(graph("0.3"))
    assert set(server.run(graph("0.7")).executed) == {"flow", "fuse", "show"}


def test_interrupt_comes_within_a_frame_and_the_next_run_is_whole(server):
    graph = {"model": LOADER, "clip": sample(2, 640, 352), "work": interpolate(["clip", 0], 100, source_fps=5.0)}
    graph["show"] = preview(["work", 0])
    stopped = server.run(graph, stop_at=("work", 3))
    assert stopped.interrupted and "show" not in stopped.executed
    assert max(done for name, done, _ in stopped.progress if name == "work") < 12
    short = graph | {"work": interpolate(["clip", 0], 2)}
    assert len(server.images(server.run(short), "show")) == 3


def test_frames_are_previewed_while_they_are_made(server):
    graph = {"model": LOADER, "clip": sample(2, 640, 352), "work": interpolate(["clip", 0], 12)}
    assert server.run(graph | {"show": preview(["work", 0])}).previews >= 1


def test_weights_in_the_models_folder_and_broken_ones(server):
    folder = server.base / "models" / "rdvfi"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED, folder / "mine.safetensors")
    (folder / "broken.safetensors").write_bytes(SHIPPED.read_bytes()[:100_000])
    listed = server.nodes()["RDVFILoadModel"]["input"]["required"]["weights"]
    assert "mine.safetensors" in str(listed)

    def graph(name: str) -> dict:
        model = node("RDVFILoadModel", weights=name, precision="fp32")
        return CLIP | {"model": model, "work": interpolate(["clip", 0], 2), "show": preview(["work", 0])}

    assert len(server.images(server.run(graph("mine.safetensors")), "show")) == 3
    broken = server.run(graph("broken.safetensors"))
    assert "truncated" in broken.error and "work" not in broken.executed


def test_models_are_forgotten_when_comfyui_says_so(server):
    graph = CLIP | {"work": interpolate(["clip", 0], 2), "show": preview(["work", 0])}
    first = server.images(server.run(graph), "show")
    server.forget()
    for _ in range(50):  # the queue's thread does it in its own time
        again = server.run(graph)
        if "model" in again.executed:
            break
    assert "work" in again.executed and torch.equal(server.images(again, "show"), first)


def test_half_precision_images_between_nodes_and_two_copies_of_the_pack(comfyui, tmp_path):
    """The flag that makes every IMAGE fp16; a second clone of the pack under another name does no harm."""
    other = Server(comfyui, tmp_path / "base", "--cpu", "--fp16-intermediates", packs=(PACK, "rdvfi_again"))
    try:
        log = other.log.read_text()
        assert "IMPORT FAILED" not in log and "Traceback" not in log
        result = other.run(CLIP | {"work": interpolate(["clip", 0], 2), "show": preview(["work", 0])})
        assert result.error is None and len(other.images(result, "show")) == 3
    finally:
        other.stop()


def test_weights_that_are_cast_layer_by_layer_give_the_same_frames(comfyui):
    """What ComfyUI does to layers that do not fit: they stay where they are and are cast for each call."""
    found = in_comfyui(
        comfyui,
        """
from pack.nodes.networks import load_patcher, loaded
from pack.rdvfi_core.weights.files import shipped
from pack.rdvfi_core.scenes.sample import sample_scene
patcher = load_patcher(str(shipped()), "fp32")
scene = sample_scene(96, 160)
a, b = scene.render(0.0).image, scene.render(1.0).image
with torch.inference_mode():
    plain = loaded(patcher, 96, 160)(a, b, [0.5])
    layers = [m for m in patcher.model.modules() if hasattr(m, "comfy_cast_weights")]
    for layer in layers:
        layer.comfy_cast_weights = True
    cast = loaded(patcher, 96, 160)(a, b, [0.5])
strays = [n for n, m in patcher.model.named_modules() if list(m.parameters(recurse=False)) and m not in layers]
print(json.dumps({"equal": torch.equal(plain, cast), "layers": len(layers), "strays": strays}))
""",
    )
    assert found["equal"] and found["layers"] > 50 and found["strays"] == []


def test_a_model_that_is_loaded_in_part_gives_the_same_frames(comfyui):
    """What --lowvram and --novram lead to: ComfyUI loads as many layers as fit, here none and half, and casts the
    others for each call."""
    found = in_comfyui(
        comfyui,
        """
from pack.nodes.networks import load_patcher
from pack.rdvfi_core.weights.files import shipped
from pack.rdvfi_core.scenes.sample import sample_scene
scene = sample_scene(96, 160)
a, middle, b = (scene.render(tau).image for tau in (0.0, 0.5, 1.0))
cpu = torch.device("cpu")
frames, cast = [], []
with torch.inference_mode():
    for share in (None, 0.5, 0.0):
        patcher = load_patcher(str(shipped()), "fp32")
        room = 0 if share is None else max(1, int(share * patcher.model_size()))
        patcher.patch_model(cpu, lowvram_model_memory=room)
        interpolator = patcher.model.interpolator(cpu)
        guided = interpolator.render(a, b, interpolator.fit_frames(a, b, middle, [0.5]), [0.3])
        frames.append(torch.cat((interpolator(a, b, [0.5]), guided)))
        cast.append(sum(getattr(m, "comfy_cast_weights", False) for m in patcher.model.modules()))
print(json.dumps({"equal": all(torch.equal(frames[0], f) for f in frames[1:]), "cast": cast}))
""",
    )
    whole, half, none = found["cast"]
    assert found["equal"] and whole == 0 < half < none


def test_trajectories_and_flows_are_seen_by_the_memory_that_caches_use(comfyui):
    """ComfyUI's cache counts tensors in tuples and lists; ours must be found there, all of them."""
    found = in_comfyui(
        comfyui,
        """
from pack.nodes.types import FlowValue, TrajectoryValue
from pack.rdvfi_core.trajectory.trajectory import Trajectory
def count(value):
    if isinstance(value, torch.Tensor): return value.numel()
    return sum(map(count, value)) if isinstance(value, (list, tuple)) else 0
flow, plane, colour = torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64), torch.zeros(1, 3, 64, 64)
two = lambda map: torch.stack((map, map), 1)
maps = (flow, flow, flow, flow, plane, plane, plane, colour)
trajectory = Trajectory((0.0, 1.0), *map(two, maps))
value = TrajectoryValue.of(trajectory)
back = value.trajectory()
print(json.dumps({"trajectory": count(value), "flows": count([FlowValue.of(trajectory.sample(0.5))]),
                  "same": torch.equal(back.to0, trajectory.to0) and back.times == trajectory.times}))
""",
    )
    assert found == {"trajectory": 2 * 14 * 64 * 64, "flows": 10 * 64 * 64, "same": True}


def test_nodes_along_keyframes_give_the_frames_of_the_core(comfyui):
    """The flow tells the last node which phi_s is meant."""
    found = in_comfyui(
        comfyui,
        """
from pack.nodes.flow import RDVFISampleFlow, RDVFIWarpFuse
from pack.nodes.keyframes_from_frames import RDVFIKeyframesFromFrames
from pack.nodes.networks import load_patcher
from pack.nodes.trajectory import RDVFIFitTrajectory
from pack.rdvfi_core.weights.files import shipped
from pack.rdvfi_core.scenes.sample import sample_scene
patcher = load_patcher(str(shipped()), "fp32")
scene = sample_scene(96, 160)
frames = torch.cat([scene.render(i / 3).image for i in range(4)])
images = frames.movedim(1, -1)
with torch.inference_mode():
    keys = RDVFIKeyframesFromFrames.execute(patcher, images, 0, True).result[0]
    shown = []
    for direct in (False, True):
        fitted = RDVFIFitTrajectory.execute(patcher, images[:1], images[-1:], direct, keys).result[0]
        flow = RDVFISampleFlow.execute(fitted, 1, "0.3", "cubic").result[0]
        shown.append(RDVFIWarpFuse.execute(patcher, images[:1], images[-1:], flow).result[0])
    core = patcher.model.interpolator(torch.device("cpu"))
    keyframes = core.encode_frames(frames[1:-1], [1 / 3, 2 / 3])
    wanted = [core.render(frames[0], frames[-1], core.fit_keyframes(frames[0], frames[-1], keyframes, long_range=way),
                          [0.3]).movedim(1, -1) for way in ("best", "direct")]
print(json.dumps([[torch.equal(frame, other) for other in wanted] for frame in shown]))
""",
    )
    assert found == [[True, False], [False, True]]


def test_the_pack_imports_without_comfyui():
    """The root package and the core must not need it, or pytest and the command line would break."""
    script = (
        "import importlib.util, sys, asyncio\n"
        f"spec = importlib.util.spec_from_file_location('pack', {str(REPOSITORY / '__init__.py')!r},"
        f" submodule_search_locations=[{str(REPOSITORY)!r}])\n"
        "pack = importlib.util.module_from_spec(spec)\nsys.modules['pack'] = pack\nspec.loader.exec_module(pack)\n"
        "import pack.rdvfi_core\n"
        "assert pack.WEB_DIRECTORY == './js' and asyncio.iscoroutinefunction(pack.comfy_entrypoint)\n"
        "assert 'comfy' not in sys.modules and not hasattr(pack, 'NODE_CLASS_MAPPINGS')\n"
    )
    import sys

    done = subprocess.run([sys.executable, "-c", script], cwd=Path("/"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
