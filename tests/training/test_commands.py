"""`train STAGE` from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rdvfi_core.__main__ import main
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.motion.adjacent import AdjacentMotion
from rdvfi_core.pipeline import Interpolator
from rdvfi_core.training.commands import write_weights
from rdvfi_core.training.pairs import RenderedPairs
from rdvfi_core.weights import files as weights
from rdvfi_core.weights.networks import load_networks

QUICK = ["--steps", "1", "--crop", "64x64", "--device", "cpu"]


def train(stage: str, folder: Path, *more) -> int:
    return main(["train", stage, "--run", str(folder), *QUICK, *map(str, more)])


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(RenderedPairs, "SCENES", 1)  # in a block of the stream


@pytest.fixture
def latents(tmp_path) -> Path:
    """A weights file with an autoencoder alone."""
    torch.manual_seed(0)
    write_weights(tmp_path / "latents.safetensors", {"autoencoder": Autoencoder()})
    return tmp_path / "latents.safetensors"


def refused(capsys, *arguments) -> str:
    """The one line on stderr of a command that is refused."""
    try:
        status = train(*arguments)
    except SystemExit as stopped:  # the parser's way
        status = stopped.code
    said = capsys.readouterr().err
    assert status == 2 and said.startswith("error: ") and said.count("\n") == 1
    return said


def test_autoencoder_stage_writes_a_weights_file(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (17, 17, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((272, 272), Image.Resampling.BICUBIC).save(pictures / "a.png")
    assert train("autoencoder", tmp_path / "run", "--textures", pictures, "--batch", 2) == 0
    found = weights.load(tmp_path / "run" / "weights.safetensors")
    assert set(found.states) == {"autoencoder"}
    assert found.metadata == {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    weights.build(Autoencoder, *found.network("autoencoder"))


def test_motion_stage_adds_its_network_to_the_file_it_starts_from(tmp_path, latents):
    run = tmp_path / "run"
    assert train("motion", run, "--weights", latents, "--batch", 1) == 0
    found = load_networks(run / "weights.safetensors")
    assert set(found) == {"autoencoder", "motion"} and isinstance(found["motion"], AdjacentMotion)
    before = load_networks(latents)["autoencoder"].state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in found["autoencoder"].state_dict().items())
    assert (run / "checkpoint.pt").exists() and (run / "curves.png").exists()


def test_weights_are_stored_in_half_precision(latents):
    found = weights.load(latents).states["autoencoder"]
    assert {tensor.dtype for tensor in found.values()} == {torch.float16}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("synthesis", "run"), "The stage synthesis needs --clips"),
        (("joint", "run"), "The stage joint needs --clips"),
        (("autoencoder", "run"), "The stage autoencoder needs --textures"),
        (("autoencoder", "run", "--textures", ".", "--crop", "64x128"), "square crops, not 64x128; write 64x64"),
        (("fusion", "run", "--batch", "2"), "one sequence at a time; leave --batch out"),
        (("motion", "run", "--anchors", "x"), "The stage motion has no use for --anchors; leave it out"),
        (
            ("joint", "run", "--scratch", "--clips", "."),
            "The stage joint goes on from networks that are trained; leave --scratch",
        ),
        (
            ("decoding", "run", "--scratch"),
            "The stage decoding goes on from networks that are trained; leave --scratch",
        ),
        (("decoding", "run", "--terms", "latent"), "The stage decoding has no use for --terms"),
        (("generator", "run", "--cached", "5"), "--cached says how many batches --cache keeps"),
        (("generator", "run", "--terms", "all"), "invalid choice: 'all'"),
        (("motion", "run", "--minutes", "0"), "'0' is not a number of minutes above 0"),
        (("motion", "run", "--minutes", "ten"), "'ten' is not a number of minutes above 0"),
        (("motion", "run", "--accumulate", "0"), "'0' is no whole number from 1 up"),
        (("joint", "run", "--alone", "--clips", "."), "The stage joint has no use for --alone; leave it out."),
        (("decoding", "run", "--rendered", "1.5"), "'1.5' is not a share from 0 to 1"),
        (("decoding", "run", "--anchors", "here"), "--anchors here is not a folder; give the one that holds RIFE's"),
        (("decoding", "run", "--lpips", "vgg"), "--lpips says which network of --anchors is used; name its folder"),
        (("decoding", "run", "--clips", "none"), "none is not a folder; give one that holds clips"),
        (("motion", "run", "--weights", "none.safetensors"), "There is no weights file none.safetensors"),
        (("motion", "run", "--crop", "64"), "'64' is not a size; write HxW"),
        (("motion", "run", "--crop", "65x96"), "65x96 must have sides of at least 64 that are multiples of 32"),
        (("motion", "run", "--crop", "32x96"), "32x96 must have sides of at least 64"),
        (("everything", "run"), "invalid choice: 'everything'"),
    ],
)
def test_bad_requests_are_refused_in_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_stages_ask_for_what_comes_before_them(tmp_path, latents, capsys):
    assert "no motion network; train that stage first" in refused(
        capsys, "fusion", tmp_path / "run", "--weights", latents
    )
    torch.manual_seed(0)
    write_weights(tmp_path / "motion.safetensors", {"motion": AdjacentMotion()})
    assert "no autoencoder; train that stage first" in refused(
        capsys, "motion", tmp_path / "run", "--weights", tmp_path / "motion.safetensors"
    )


def test_both_stages_of_the_paper_write_a_whole_set(tmp_path):
    """From the shipped weights, on drawn scenes alone: what comes out, the pipeline loads."""
    small = ["--batch", 1, "--workers", 0]
    assert train("decoding", tmp_path / "one", *small) == 0
    assert train("generator", tmp_path / "two", *small, "--weights", tmp_path / "one" / "weights.safetensors") == 0
    found = load_networks(tmp_path / "two" / "weights.safetensors")
    assert set(found) == {"autoencoder", "motion", "between", "fusion", "synthesis", "keyframe_synthesis", "generator"}
    Interpolator(found)
    config = json.loads((tmp_path / "two" / "config.json").read_text())
    assert config["run"]["terms"] == "full" and config["run"]["loss"].startswith("stand-in for 0.2 LPIPS")


def test_networks_of_another_size_are_not_stored(tmp_path):
    with pytest.raises(ValueError, match="The network autoencoder is not of its default size"):
        write_weights(tmp_path / "s.safetensors", {"autoencoder": Autoencoder(channels=6)})
    assert list(tmp_path.iterdir()) == []
