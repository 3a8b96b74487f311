import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.keyframes.generator import KeyframeGenerator
from rdvfi_core.weights import files as weights

CONFIGS = {
    "autoencoder": {"channels": 4, "width": 8},
    "generator": {"channels": 4, "width": 32, "depth": 2, "heads": 2},
}
CLASSES = {"autoencoder": Autoencoder, "generator": KeyframeGenerator}
EXTRA = {"latent_space": "rdvfi", "licence": "Apache-2.0", "note": "made by a test"}


def networks() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {name: CLASSES[name](**config) for name, config in CONFIGS.items()}


@pytest.fixture
def saved(tmp_path):
    weights.save(tmp_path / "s.safetensors", networks(), CONFIGS, EXTRA)
    return tmp_path / "s.safetensors"


def test_round_trip(saved):
    found = weights.load(saved)
    assert found.configs == CONFIGS
    assert found.metadata == EXTRA
    for name, original in networks().items():
        network = weights.build(CLASSES[name], *found.network(name))
        assert not network.training
        assert network.state_dict().keys() == original.state_dict().keys()
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), original.parameters(), strict=True))


def test_file_says_what_it_is(saved):
    with safe_open(saved, framework="pt") as file:
        metadata, keys = file.metadata(), set(file.keys())
    assert (metadata["format"], metadata["version"]) == ("rdvfi-weights", "1")
    assert json.loads(metadata["configs"]) == CONFIGS
    assert "autoencoder.analysis.weight" in keys and "generator.head.bias" in keys


def test_half_precision_storage_halves_the_file_and_loads_into_single(saved, tmp_path):
    half = tmp_path / "half.safetensors"
    weights.save(half, networks(), CONFIGS, EXTRA, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * saved.stat().st_size
    found = weights.load(half)
    assert found.states["generator"]["head.weight"].dtype == torch.float16
    network = weights.build(KeyframeGenerator, *found.network("generator"))
    for a, b in zip(network.parameters(), networks()["generator"].parameters(), strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_values_that_half_precision_cannot_hold_are_refused(tmp_path):
    modules = networks()
    modules["autoencoder"].analysis.weight.data[0] = 1e6
    with pytest.raises(ValueError, match="autoencoder.analysis.weight reaches 1e[+]06, beyond torch.float16"):
        weights.save(tmp_path / "s.safetensors", modules, CONFIGS, EXTRA, dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_the_old_file_and_no_other(saved, monkeypatch):
    before = saved.read_bytes()

    def fails(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(weights, "save_file", fails)
    with pytest.raises(OSError, match="No space"):
        weights.save(saved, networks(), CONFIGS, EXTRA)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_file(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="s.safetensors is truncated or no safetensors file"):
        weights.load(saved)


def test_missing_file_and_other_files(tmp_path):
    with pytest.raises(ValueError, match="There is no weights file"):
        weights.load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="There is no weights file"):
        weights.load(tmp_path)
    (tmp_path / "text.safetensors").write_text("not tensors at all, but long enough for a header")
    with pytest.raises(ValueError, match="truncated or no safetensors"):
        weights.load(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="has the format 'pt', not 'rdvfi-weights'"):
        weights.load(tmp_path / "other.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match="has the format 'none'"):
        weights.load(tmp_path / "bare.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "2"}, "layout version 2, this package reads 1"),
        ({"configs": "{"}, "does not describe its networks"),
        ({"configs": '["motion"]'}, "does not describe its networks"),
        ({"configs": '{"motion": 1}'}, "does not describe its networks"),
        ({"configs": "{}"}, "'motion.a' of a network that it does not describe"),
    ],
)
def test_wrong_metadata(tmp_path, changes, words):
    metadata = {"format": "rdvfi-weights", "version": "1", "configs": '{"motion": {}}'} | changes
    save_file({"motion.a": torch.zeros(2)}, tmp_path / "s.safetensors", metadata)
    with pytest.raises(ValueError, match=words):
        weights.load(tmp_path / "s.safetensors")


def test_missing_network(saved):
    with pytest.raises(ValueError, match="no network 'motion', only autoencoder, generator"):
        weights.load(saved).network("motion")


def test_wrong_keys_and_shapes_are_named(saved):
    config, state = weights.load(saved).network("autoencoder")
    fewer = {key: tensor for key, tensor in state.items() if not key.startswith("deblock")}
    with pytest.raises(ValueError, match="it lacks deblock.0.weight, deblock.0.bias, deblock.2.weight and 3 more"):
        weights.build(Autoencoder, config, fewer)
    with pytest.raises(ValueError, match="Autoencoder as configured: it does not know stray"):
        weights.build(Autoencoder, config, state | {"stray": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"shapes for analysis.bias \(4,\) vs \(5,\)"):
        weights.build(Autoencoder, config, state | {"analysis.bias": torch.zeros(5)})
    with pytest.raises(ValueError, match="analysis.weight"):
        weights.build(Autoencoder, config | {"channels": 6}, state)


def test_config_of_another_network(saved):
    _, state = weights.load(saved).network("autoencoder")
    with pytest.raises(ValueError, match="Autoencoder cannot be made from its stored config"):
        weights.build(Autoencoder, CONFIGS["generator"], state)


def test_network_is_built_with_the_given_operations(saved):
    class Operations:
        class Conv2d(torch.nn.Conv2d):
            def reset_parameters(self):  # as ComfyUI's: nothing but the stored weights fills it
                self.weight.data.fill_(float("nan"))

    network = weights.build(Autoencoder, *weights.load(saved).network("autoencoder"), operations=Operations)
    assert isinstance(network.analysis, Operations.Conv2d)
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_save_checks_what_it_is_given(tmp_path):
    path, modules = tmp_path / "s.safetensors", networks()
    with pytest.raises(ValueError, match="must have the same names"):
        weights.save(path, modules, {"autoencoder": CONFIGS["autoencoder"]}, EXTRA)
    with pytest.raises(ValueError, match="must state latent_space, licence"):
        weights.save(path, modules, CONFIGS, {"note": "x"})
    with pytest.raises(ValueError, match="may not set version"):
        weights.save(path, modules, CONFIGS, EXTRA | {"version": "9"})
    with pytest.raises(ValueError, match="may not hold a dot"):
        weights.save(path, {"a.b": modules["generator"]}, {"a.b": {}}, EXTRA)
    assert list(tmp_path.iterdir()) == []


def test_shipped_file_is_beside_the_code():
    assert weights.shipped().parts[-3:] == ("rdvfi_core", "pretrained", "rdvfi-s.safetensors")
