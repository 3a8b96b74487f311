"""Diffusion backbones in a real ComfyUI: small random models of the true classes, from images to frames."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import torch
from comfyui import REPOSITORY, in_comfyui, python_of
from graphs import LOADER, fit, flow, from_frames, fuse, keyframes, node, preview, sample


@pytest.fixture(scope="module")
def inside(comfyui) -> dict:
    """All answers of `backbones_inside` and `backbone_files_inside`: starting ComfyUI is what takes time."""
    script = "import backbone_files_inside as files, backbones_inside\n"
    return in_comfyui(comfyui, script + "print(json.dumps(backbones_inside.answers(*files.CHECKS)))")


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


def test_an_estimator_of_wans_latents_takes_them_as_they_are(inside):
    found = inside["estimator_of_wans_latents"]
    assert found == {"space": "wan21", "untouched": True, "knots": [0.0, 0.5, 1.0], "chosen": [0.5]}


def test_a_time_for_each_latent_is_that_of_its_last_frame(inside):
    assert inside["times_of_latents"] == {"times": [0.2, 0.9], "equal": True}


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


def test_comfyui_loads_what_was_converted(inside):
    found = dict(inside["converted_files"])
    assert found.pop("networks") == ["autoencoder", "between", "fusion", "keyframe_synthesis", "motion", "synthesis"]
    assert found == {"unknown before": True, "model": True, "system": True, "LoRA": True, "SVD's names": True}


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


# In a running server, from images to frames

WAN = {
    "wan": node("UNETLoader", unet_name="wan_fun_inp.safetensors", weight_dtype="default"),
    "wan vae": node("VAELoader", vae_name="wan_vae.safetensors"),
    "svd vae": node("VAELoader", vae_name="svd_vae.safetensors"),
    "model": LOADER,
    "clip": sample(2, 128, 96),
}
START, END = ["clip", 1], ["clip", 2]


@pytest.fixture(scope="module")
def models(comfyui, server):
    """The small checkpoints lie where a user puts the large ones."""
    folder = server.base / "models"
    script = REPOSITORY / "tests" / "comfy" / "tiny_backbones.py"
    subprocess.run([python_of(comfyui), script, folder], cwd=comfyui, check=True, capture_output=True)
    return server


def wan_keyframes(**more) -> dict:
    given = {"model": ["wan", 0], "vae": ["wan vae", 0], "count": 4, "long_side": 64}
    return keyframes(START, END, **given | more)


def rendered(keys: list, **more) -> dict:
    steps = {"fit": fit(START, END, keyframes=keys, **more), "flow": flow(["fit", 0], times="0, 0.3, 0.6, 1")}
    return steps | {"fuse": fuse(START, END, ["flow", 0]), "show": preview(["fuse", 0])}


def check_frames(server, result, height: int = 96, width: int = 128) -> None:
    frames = server.images(result, "show")
    assert frames.shape == (4, height, width, 3)
    for end, output in ((0, "start"), (-1, "end")):
        assert torch.equal(frames[end], server.images(result, output)[0])


ENDS = {"start": preview(START), "end": preview(END)}


def test_wan_from_images_to_frames(models):
    """Also looked at with core's VAE Decode, and cached when only the times change."""
    looked_at = {"decode": node("VAEDecode", samples=["keys", 0], vae=["wan vae", 0]), "look": preview(["decode", 0])}
    graph = WAN | {"keys": wan_keyframes()} | rendered(["keys", 0], vae=["wan vae", 0]) | ENDS | looked_at
    result = models.run(graph)
    assert result.error is None
    check_frames(models, result)
    assert len(models.images(result, "look")) == 13
    graph["flow"] = flow(["fit", 0], times="0.5")
    assert set(models.run(graph).executed) == {"flow", "fuse", "show"}


def test_a_samplers_latents_become_keyframes_with_the_times_of_their_frames(models):
    """Four latents of Wan, thirteen frames; the eleven between the ends hold five even ones at 1/6 ... 5/6."""
    square = WAN | {"clip": sample(2, 96, 96)}
    graph = square | {"keys": wan_keyframes(), "save": node("SaveLatent", samples=["keys", 0], filename_prefix="wan")}
    saved = models.run(graph).outputs["save"]["latents"][0]
    shutil.copy(models.base / "output" / saved["subfolder"] / saved["filename"], models.base / "input" / "wan.latent")
    latent = {"latent": node("LoadLatent", latent="wan.latent")}  # as from any sampler, without our note
    chosen = {"some": from_frames(["latent", 0], vae=["wan vae", 0], count=5)}
    look = {"decode": node("VAEDecode", samples=["some", 0], vae=["model", 1]), "look": preview(["decode", 0])}
    result = models.run(square | latent | chosen | look | rendered(["some", 0]) | ENDS)
    assert result.error is None
    check_frames(models, result, 96, 96)
    assert len(models.images(result, "look")) == 5
    whole = {"whole": node("VAEDecode", samples=["latent", 0], vae=["wan vae", 0]), "again": from_frames(["whole", 0])}
    whole["again"]["inputs"]["count"] = 5
    look = {"decode": node("VAEDecode", samples=["again", 0], vae=["model", 1]), "look": preview(["decode", 0])}
    by_frames = models.run(square | latent | whole | look)
    assert (models.images(by_frames, "look") - models.images(result, "look")).abs().max() <= 1 / 255
    straight_to_the_fit = models.run(square | latent | rendered(["latent", 0], vae=["wan vae", 0]) | ENDS)
    check_frames(models, straight_to_the_fit, 96, 96)


def test_a_backbones_mistakes_are_refused_by_the_server_in_one_sentence(models):
    text_only = node("UNETLoader", unet_name="wan_t2v.safetensors", weight_dtype="default")
    cases = {
        "text-to-video Wan": {"wan": text_only, "keys": wan_keyframes()} | rendered(["keys", 0], vae=["wan vae", 0]),
        "connect the Wan 2.1 VAE": {"keys": wan_keyframes(vae=["svd vae", 0])} | rendered(["keys", 0]),
        "connect the VAE that decodes them": {"keys": wan_keyframes()} | rendered(["keys", 0]),
        "16 channels, the VAE decodes 4": {"keys": wan_keyframes()} | rendered(["keys", 0], vae=["svd vae", 0]),
        "holds 1 frame": {"keys": node("EmptyLatentImage", width=64, height=64, batch_size=1)}
        | rendered(["keys", 0], vae=["svd vae", 0]),
    }
    for words, graph in cases.items():
        message = models.run(WAN | graph).error
        assert message and words in message and "\n" not in message, message
