"""Finding core's weights, and the pipe to ComfyUI's own process."""

import io

import numpy as np
import pytest

from rdvfi_core.evaluation.core_interpolation import core_weights
from rdvfi_core.evaluation.core_interpolation_worker import receive, send


def test_weights_are_found_in_comfyui_by_name_unless_given(tmp_path):
    with pytest.raises(ValueError, match="is no ComfyUI; give"):
        core_weights(tmp_path, {"rife": None})
    (tmp_path / "comfy").mkdir()
    (tmp_path / "comfy" / "model_management.py").touch()
    with pytest.raises(ValueError, match="a ComfyUI without frame interpolation"):
        core_weights(tmp_path, {"rife": None})
    (tmp_path / "comfy_extras").mkdir()
    (tmp_path / "comfy_extras" / "nodes_frame_interpolation.py").touch()
    assert core_weights(tmp_path, {"rife": None, "film": None}) == {}
    folder = tmp_path / "models" / "frame_interpolation"
    folder.mkdir(parents=True)
    for name in ("RIFE_v4.26.safetensors", "rife.txt", "film_net_fp16.safetensors"):
        (folder / name).touch()
    own = {"rife": folder / "RIFE_v4.26.safetensors", "film": folder / "film_net_fp16.safetensors"}
    assert core_weights(tmp_path, {"rife": None, "film": None}) == own
    given = {"rife": folder / "rife.txt", "film": None}
    assert core_weights(tmp_path, given)["rife"] == folder / "rife.txt"
    with pytest.raises(ValueError, match="--film .* is no file"):
        core_weights(tmp_path, {"rife": None, "film": tmp_path / "none"})


def test_messages_to_comfyui_survive_the_pipe():
    pipe, frames = io.BytesIO(), np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    send(pipe, {"steps": 8}, frames)
    send(pipe, {"error": "no"})
    pipe.seek(0)
    head, received = receive(pipe)
    assert head["steps"] == 8 and np.array_equal(received, frames)
    assert receive(pipe) == ({"error": "no"}, None)
    with pytest.raises(EOFError):
        receive(pipe)
