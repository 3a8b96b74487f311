"""Diffusion backbones in a real ComfyUI: small random models of the true classes, from images to frames."""

from __future__ import annotations

import pytest
from comfyui import in_comfyui


@pytest.fixture(scope="module")
def inside(comfyui) -> dict:
    """All answers of `backbones_inside`; starting ComfyUI's Python takes longer than they do."""
    return in_comfyui(comfyui, "import backbones_inside\nprint(json.dumps(backbones_inside.answers()))")


def test_wan_keyframes_are_those_of_the_core_nodes_bit_for_bit(inside):
    assert set(inside["equal_to_core_nodes"].values()) == {True}, inside["equal_to_core_nodes"]


def test_pairs_are_sampled_in_one_call_of_the_model(inside):
    found = inside["several_pairs_in_one_call"]
    assert found["calls"] == [[3, 36, 3, 8, 8]]
    assert found["difference"] < 1e-4


def test_the_vae_sees_the_whole_pictures_in_one_clip(inside):
    assert inside["what_the_vae_sees"] == {
        "shape": [9, 64, 64, 3],
        "whole": True,
        "grey": True,
        "times": [0.0, 0.5, 1.0],
        "space": "wan21",
        "latent": [1, 16, 3, 8, 8],
    }


def test_a_tiny_autoencoder_keeps_time(inside):
    found = inside["tiny_autoencoder"]
    assert found["latents"] == 3 and found["works"] == [1, 16, 3, 8, 8]
    assert found["first"] < 1e-4 and found["frame"] < 1e-4


def test_the_bridge_decodes_what_it_needs(inside):
    found = inside["the_bridge"]
    assert found["asked"] == [[1, 16, 3, 8, 8], [2, 4, 8, 8]]
    assert found["wan"] < 1e-4 and found["svd"] < 1e-4
    assert found["frames"] == [25, 7]


def test_svd_knows_both_ends(inside):
    assert inside["svd"] == {
        "call": [5, 8, 8, 8],
        "times": [0.0, 0.25, 0.5, 0.75, 1.0],
        "space": "svd",
        "latent": [5, 4, 8, 8],
        "one step": True,
        "guided": True,
        "ends matter": True,
        "augmentation": True,
        "embedding": [1, 1, 1024],
        "video": [1, 4, 5, 8, 8],
    }


@pytest.mark.parametrize(
    "case, words",
    [
        ("an image model", "a Flux, which does not make a clip"),
        ("text only", "text-to-video Wan"),
        ("control", "reads 48 channels"),
        ("VACE", "WAN21_Vace"),
        ("no VAE", "connect the Wan 2.1 VAE"),
        ("another VAE", "with 4 channels"),
        ("Hunyuan's tiny autoencoder", "HunyuanVideo's"),
        ("two latents", "count is 2"),
        ("other text", "positive has 768 channels"),
        ("straight", "set source to auto"),
        ("unequal batches", "start_image holds 2 images and end_image 1"),
        ("SVD: no VAE", "connect the VAE of its checkpoint"),
        ("SVD: another VAE", "with 16 channels"),
        ("SVD: two frames", "count is 2"),
        ("SVD: two pairs", "there are 2 pairs"),
        ("SV3D", "SV3D_u"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence_before_any_work(inside, case, words):
    sentence = inside["refusals"]["sentences"][case]
    assert words in sentence and "\n" not in sentence
    assert inside["refusals"]["worked"] == []
