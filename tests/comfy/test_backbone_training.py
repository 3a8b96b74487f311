"""One-step training of backbones in ComfyUI's own classes: what is saved, ComfyUI loads again. Small random models."""

from __future__ import annotations

import pytest
from comfyui import in_comfyui


@pytest.fixture(scope="module")
def inside(comfyui, tmp_path_factory) -> dict:
    """All answers of `training_inside`; starting ComfyUI's Python takes longer than they do."""
    folder = str(tmp_path_factory.mktemp("backbones"))
    script = f"import training_inside\nprint(json.dumps(training_inside.answers({folder!r}, {str(comfyui)!r})))"
    return in_comfyui(comfyui, script)


def test_what_is_trained_comfyui_loads_again(inside):
    found = inside["wan"]
    assert found["statuses"] == [0, 0]
    assert all(row["step"] == 2 and 0 < row["loss"] < 100 for row in found["rows"])
    assert found["same keys"] and found["moved"] > 0.5
    assert found["patches"] == found["linear"] > 10 and found["up"] > 0


def test_full_and_lora_learn_from_one_cache(inside):
    assert inside["wan"]["cache"] == ["00000000.safetensors", "cache.json"]


def test_svd_learns_on_its_own_schedule_with_both_ends_known(inside):
    found = inside["svd"]
    assert found["latents"] == [1, 4, 5, 8, 8] and found["between"] == 0
    assert found["sigma"] == pytest.approx([0.002, 700], rel=1e-3)
    assert found["finite"] and found["learning"] > 50
    assert all(0 <= loss < 10 for loss in found["losses"]), found["losses"]


def test_other_files_are_refused_in_one_line(inside):
    status, said = inside["refused"]["missing"]
    assert status == 2 and "There is no file" in said
    status, said = inside["refused"]["no model"]
    assert status == 2 and "is no diffusion model that this ComfyUI knows" in said
    status, said = inside["refused"]["no vae"]
    assert status == 2 and "is no VAE of these latents" in said
