from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rdvfi_core.trajectory.file import check, load, save
from rdvfi_core.trajectory.trajectory import MAPS, Trajectory


def random_trajectory(times=(0.0, 0.25, 0.625, 1.0), **beyond) -> Trajectory:
    generator = torch.Generator().manual_seed(1)
    maps = {name: torch.rand(2, len(times), channels, 8, 12, generator=generator) for name, channels in MAPS.items()}
    return Trajectory(times, **maps, **beyond)


def test_a_saved_trajectory_comes_back_as_it_was(tmp_path):
    trajectory = random_trajectory((0.0, 1 / 3, 1.0))
    save(trajectory, tmp_path / "motion.safetensors")
    loaded = load(tmp_path / "motion.safetensors")
    assert loaded.times == trajectory.times
    assert all(torch.equal(getattr(loaded, name), getattr(trajectory, name)) for name in MAPS)
    assert [file.name for file in tmp_path.iterdir()] == ["motion.safetensors"]


def test_views_and_shared_tensors_can_be_saved(tmp_path):
    trajectory = random_trajectory((0.0, 1.0))
    wide = trajectory.visible1[..., :1].expand_as(trajectory.visible1)
    save(replace(trajectory, previous=trajectory.to0, visible0=wide), tmp_path / "motion.safetensors")
    loaded = load(tmp_path / "motion.safetensors")
    assert torch.equal(loaded.previous, trajectory.to0) and torch.equal(loaded.visible0, wide)


@pytest.mark.parametrize("length", [0, 4, 200, -1])
def test_a_truncated_file_is_refused(tmp_path, length):
    path = tmp_path / "motion.safetensors"
    save(random_trajectory(), path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="motion.safetensors is cut off"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "names", "message"),
    [
        (None, tuple(MAPS), "does not hold"),
        ({"format": "other"}, tuple(MAPS), "does not hold"),
        ({"format": "rdvfi_trajectory", "version": "1"}, ("to0",), "does not hold"),
        ({"format": "rdvfi_trajectory", "version": "2"}, tuple(MAPS), "version 2"),
        ({"format": "rdvfi_trajectory", "version": "1"}, tuple(MAPS), "knot times"),
        ({"format": "rdvfi_trajectory", "version": "1", "times": "[0, 1"}, tuple(MAPS), "knot times"),
        ({"format": "rdvfi_trajectory", "version": "1", "times": "[0, 0.5, 1]"}, tuple(MAPS), "shape"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, metadata, names, message):
    tensors = {name: torch.zeros(1, 2, MAPS[name], 4, 4) for name in names}
    save_file(tensors, tmp_path / "file.safetensors", metadata)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "file.safetensors")


def test_whether_knots_are_keyframes_is_kept_and_in_older_files_they_were(tmp_path):
    path = tmp_path / "motion.safetensors"
    for keyframed in (False, True):
        save(replace(random_trajectory(), keyframed=keyframed), path)
        assert load(path).keyframed is keyframed
    with safe_open(path, framework="pt") as file:
        metadata = {name: text for name, text in file.metadata().items() if name != "keyframed"}
    save_file(load_file(path), tmp_path / "older.safetensors", metadata)
    assert load(tmp_path / "older.safetensors").keyframed
    save(random_trajectory((0.0, 1.0)), path)
    save_file(load_file(path), tmp_path / "older.safetensors", metadata | {"times": "[0.0, 1.0]"})
    assert not load(tmp_path / "older.safetensors").keyframed
    save_file(load_file(path), tmp_path / "odd.safetensors", metadata | {"times": "[0.0, 1.0]", "keyframed": "{"})
    for read in (check, load):
        with pytest.raises(ValueError, match="no readable list of knot times"):
            read(tmp_path / "odd.safetensors")
