"""Files of a whole system: a diffusion model or a LoRA for it beside our networks."""

import json

import diffusers_names
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rdvfi_core.__main__ import main
from rdvfi_core.errors import Interrupted
from rdvfi_core.keyframes.latents import latent_times
from rdvfi_core.weights import files as weights
from rdvfi_core.weights.sets import inspect, join
from rdvfi_core.weights.tensor_files import read_header, write

WAN = diffusers_names.wan(2)


def values(names) -> dict[str, torch.Tensor]:
    return {name: torch.full((2, 3), float(i), dtype=torch.bfloat16) for i, name in enumerate(names)}


@pytest.fixture
def model(tmp_path):
    save_file(values(WAN), tmp_path / "model.safetensors", {"config": "{}"})
    return tmp_path / "model.safetensors"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


def test_a_converted_model_has_the_same_tensors_under_other_names(model, out):
    join([model], out)
    found, given = load_file(out), values(WAN)
    assert {key: found[native].tolist() for key, native in WAN.items()} == {k: t.tolist() for k, t in given.items()}
    with safe_open(out, framework="pt") as file:
        assert file.metadata() == {"config": "{}"}


def test_shards_become_one_file(model, out, tmp_path):
    names = list(WAN)
    shards = [tmp_path / f"{i}-of-2.safetensors" for i in (1, 2)]
    for shard, part in zip(shards, (names[:20], names[20:]), strict=True):
        save_file(values(part), shard)
    with pytest.raises(ValueError, match="1-of-2.safetensors"):
        join(shards[:1], out)
    join(shards, out)
    assert set(load_file(out)) == set(WAN.values())
    with pytest.raises(ValueError, match="is in 1-of-2.safetensors and in 1-of-2.safetensors"):
        join([shards[0], shards[0]], out)


def test_a_whole_system_in_one_file(model, out, tmp_path):
    save_file({"text": torch.ones(1, 4, 8)}, tmp_path / "text.safetensors")
    found = join([model, weights.shipped()], out, latent_times(7, 4), tmp_path / "text.safetensors", "mine")
    assert found.backbone.family == "wan" and set(found.networks) == set(weights.load(weights.shipped()).configs)
    assert found.times == pytest.approx([i / 6 for i in range(7)]) and found.file.metadata["licence"] == "mine"
    words = found.describe()
    assert "RDVFI-D (Wan): whole model" in words and "7 keyframes" in words and "(1, 4, 8)" in words
    loaded, shipped = weights.load(out), weights.load(weights.shipped())
    assert loaded.configs == shipped.configs
    assert all(torch.equal(loaded.states["motion"][key], tensor) for key, tensor in shipped.states["motion"].items())
    assert weights.load_null_text(out).shape == (1, 4, 8) and weights.load_null_text(weights.shipped()) is None
    assert f"model.diffusion_model.{WAN['proj_out.weight']}" in found.file.tensors
    with pytest.raises(ValueError, match="holds a diffusion model already"):
        join([model, out], tmp_path / "twice.safetensors", latent_times(7, 4))
    with pytest.raises(ValueError, match="both hold RDVFI networks"):
        join([out, weights.shipped()], tmp_path / "twice.safetensors")


def test_a_lora_and_networks_in_one_file(out, tmp_path):
    save_file(values(["transformer.blocks.0.attn1.to_q.lora_A.weight"]), tmp_path / "lora.safetensors")
    found = join([tmp_path / "lora.safetensors", weights.shipped()], out, latent_times(3, 4))
    assert "diffusion_model.blocks.0.self_attn.q.lora_A.weight" in found.file.tensors
    assert json.loads(found.file.metadata["backbone"])["kind"] == "lora" and "LoRA" in found.describe()


def test_damaged_and_unknown_files_are_refused_and_nothing_is_written(model, out, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(model.read_bytes()[:-10])
    with pytest.raises(ValueError, match="damaged.safetensors is truncated"):
        join([damaged], out)
    damaged.write_bytes(b"not a header")
    with pytest.raises(ValueError, match="no safetensors file"):
        inspect(damaged)
    with pytest.raises(ValueError, match="There is no file"):
        inspect(tmp_path / "missing.safetensors")
    with pytest.raises(ValueError, match="also an input"):
        join([model], model)
    save_file({"a": torch.ones(1, 2, 3), "b": torch.ones(1)}, tmp_path / "two.safetensors")
    with pytest.raises(ValueError, match="a null text is one tensor"):
        join([model], out, null_text=tmp_path / "two.safetensors")
    assert not out.exists()


def test_a_stopped_copy_leaves_no_file(model, out):
    header = read_header(model)
    with pytest.raises(Interrupted):
        write(out, header.tensors, {}, should_stop=lambda: True)
    assert [path.name for path in out.parent.iterdir()] == [model.name]


def test_the_command_converts_and_describes(model, out, capsys):
    assert main(["convert", str(model), "-o", str(out)]) == 0
    assert main(["convert", str(out)]) == 0
    assert capsys.readouterr().out.count("RDVFI-D (Wan): whole model, 87 tensors") == 2
    assert main(["convert", str(model), "-o", str(model)]) == 2
    assert "also an input" in capsys.readouterr().err
