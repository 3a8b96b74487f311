"""RIFE and FILM as baselines, through the nodes of the real ComfyUI: networks with random weights in the published key
format, written by ComfyUI's own Python. And this package's RIFE against core's."""

import os
import subprocess
from pathlib import Path

import pytest
import torch
from comfyui import find_comfyui, python_of
from panning_clips import panning
from random_anchors import write_rife

from rdvfi_core.anchors import ENVIRONMENT
from rdvfi_core.anchors.rife import FILE
from rdvfi_core.evaluation.baselines import RifeMethod
from rdvfi_core.evaluation.core_interpolation import NODES, CoreInterpolation, core_weights

COMFYUI = find_comfyui()
pytestmark = pytest.mark.skipif(
    COMFYUI is None or not (COMFYUI / NODES).is_file(), reason="no ComfyUI with frame interpolation"
)

WRITE = """
import sys
sys.path.insert(0, sys.argv[1]); folder = sys.argv[2]; sys.argv = sys.argv[:1]
from comfy.cli_args import args
args.cpu = True
import torch
from safetensors.torch import save_file
from comfy_extras.frame_interpolation_models.film_net import FILMNet
from comfy_extras.frame_interpolation_models.ifnet import IFNet
torch.manual_seed(0)
for name, network in (("rife", IFNet(4, (16, 16, 16, 16, 16))), ("film", FILMNet())):
    state = {key: torch.randn(value.shape) * 0.02 for key, value in network.state_dict().items()}
    if name == "rife":  # as its authors publish it
        state = {"module." + key.replace("blocks.", "block"): value for key, value in state.items()}
    else:
        state = {key: value.half() for key, value in state.items()}
    save_file(state, f"{folder}/{name}_v1.safetensors")
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    subprocess.run([python_of(COMFYUI), "-c", WRITE, str(COMFYUI), str(folder)], check=True)
    return folder


CORE = """
import sys
sys.path.insert(0, sys.argv[1]); folder = sys.argv[2]; sys.argv = sys.argv[:1]
from comfy.cli_args import args
args.cpu = True
import folder_paths, torch
from comfy_extras.nodes_frame_interpolation import FrameInterpolate, FrameInterpolationModelLoader
folder_paths.add_model_folder_path("frame_interpolation", folder)
images = torch.load(f"{folder}/pair.pt").movedim(1, -1)
with torch.inference_mode():
    for name in ("rife", "film"):
        model = FrameInterpolationModelLoader.execute(f"{name}_v1.safetensors")[0]
        torch.save(FrameInterpolate.execute(model, images, 4)[0].movedim(-1, 1).clone(), f"{folder}/{name}.pt")
"""


def test_frames_are_those_of_cores_own_node(weights):
    pair = torch.randint(256, (2, 3, 65, 97), generator=torch.Generator().manual_seed(0)) / 255
    torch.save(pair, weights / "pair.pt")
    subprocess.run([python_of(COMFYUI), "-c", CORE, str(COMFYUI), str(weights)], check=True)
    for name in ("rife", "film"):
        expected = torch.load(weights / f"{name}.pt")  # tau = 0, 1/4, 1/2, 3/4, 1
        found = core_weights(COMFYUI, {name: weights / f"{name}_v1.safetensors"})
        method = CoreInterpolation(COMFYUI, found[name]).start()
        try:
            frames = method(*pair, [0.5, 0.25])
            assert frames.shape == (2, 3, 65, 97) and frames.dtype == torch.float32
            assert (frames - expected[[2, 1]]).abs().max() < 1e-5 < (frames[0] - frames[1]).abs().max()
            assert torch.equal(method(*pair, [0.5])[0], frames[0])  # the same process, asked again
            assert method(*pair, [0.123]).isfinite().all()
        finally:
            method.close()


@pytest.mark.parametrize("weights_of", ["random", "anchors"])
def test_rife_of_this_package_gives_cores_frames(tmp_path, weights_of):
    anchors = os.environ.get(ENVIRONMENT)
    if weights_of == "random":
        write_rife(tmp_path / FILE)
    elif anchors is None or not Path(anchors, FILE).is_file():
        pytest.skip(f"{ENVIRONMENT} names no folder with {FILE}")
    path = tmp_path / FILE if weights_of == "random" else Path(anchors, FILE)
    own, core = RifeMethod(path, torch.device("cpu")), CoreInterpolation(COMFYUI, path).start()
    try:
        for height, width in ((128, 192), (65, 97), (200, 130)):  # two of them are padded
            pair = torch.from_numpy(panning(2, height, width, speed=6)).permute(0, 3, 1, 2) / 255
            found, expected = (method(*pair, [0.25, 0.5]) for method in (own, core))
            assert (found - expected).abs().max() < 1e-3 and (found - expected).abs().mean() < 1e-5
            assert (found[0] - found[1]).abs().max() > 1e-2
    finally:
        core.close()


def test_a_file_that_is_no_such_network_is_told_by_the_process(weights, tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "rife_none.safetensors")
    with pytest.raises(ValueError, match="rife_none.safetensors in ComfyUI: .*Unrecognized"):
        CoreInterpolation(COMFYUI, tmp_path / "rife_none.safetensors").start()
