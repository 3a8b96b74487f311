"""RIFE and FILM as baselines, through the nodes of the real ComfyUI: networks with random weights in the published key
format, written by ComfyUI's own Python."""

import subprocess

import pytest
import torch
from comfyui import find_comfyui, python_of

from rdvfi_core.evaluation.comfyui import NODES, CoreInterpolation, core_weights

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


@pytest.mark.parametrize("name", ("rife", "film"))
def test_frames_come_in_the_order_and_size_asked_for(weights, name):
    generator = torch.Generator().manual_seed(0)
    image0, image1 = torch.rand(2, 3, 65, 97, generator=generator)
    found = core_weights(COMFYUI, {name: weights / f"{name}_v1.safetensors"})
    method = CoreInterpolation(COMFYUI, found[name])
    try:
        frames = method(image0, image1, [0.0, 0.5, 1.0])
        assert frames.shape == (3, 3, 65, 97) and frames.dtype == torch.float32
        for frame, image in ((frames[0], image0), (frames[2], image1)):
            assert (frame - image).abs().max() < 0.51 / 255  # the ends go through 8 bits
        assert torch.equal(method(image0, image1, [0.5])[0], frames[1])  # the same process, asked again
        assert not torch.equal(frames[1], frames[0])
        with pytest.raises(ValueError, match="equal steps"):
            method(image0, image1, [0.123])
    finally:
        method.close()


def test_a_file_that_is_no_such_network_is_told_by_the_process(weights, tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "rife_none.safetensors")
    method = CoreInterpolation(COMFYUI, tmp_path / "rife_none.safetensors")
    try:
        with pytest.raises(RuntimeError, match="rife_none.safetensors in ComfyUI: .*Unrecognized"):
            method(*torch.rand(2, 3, 64, 64), [0.5])
    finally:
        method.close()
