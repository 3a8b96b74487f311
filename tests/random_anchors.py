"""A folder of anchors in which small networks lie, with random weights, under the names of the published ones."""

import re
from pathlib import Path

import torch

from rdvfi_core.anchors.lpips import BACKBONES, files
from rdvfi_core.anchors.rife import FILE, Rife

WIDTH = 8  # of LPIPS' convolutions


def random_anchors(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_rife(folder / FILE)
    for backbone in BACKBONES:
        write_lpips(folder, backbone)
    return folder


def write_rife(path: Path) -> Rife:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Rife(4, (16, 12, 8, 8, 8))
    for stage in network.blocks:
        stage.lastconv[0].weight.data *= 6  # motions of several px, shares far from one half
    state = network.state_dict().items()
    torch.save({re.sub(r"^blocks\.(\d)", r"module.block\1", key): value for key, value in state}, path)
    return network.eval()


def write_lpips(folder: Path, backbone: str) -> None:
    generator, layout = torch.Generator().manual_seed(1), BACKBONES[backbone]
    features, before = {"classifier.1.bias": torch.zeros(3)}, 3
    for number, _, _ in layout.layers:
        kernel = 11 if (backbone, number) == ("alex", 0) else 5 if (backbone, number) == ("alex", 3) else 3
        weight = torch.randn(WIDTH, before, kernel, kernel, generator=generator)
        features[f"features.{number}.weight"] = weight / (before * kernel**2 / 2) ** 0.5
        features[f"features.{number}.bias"] = torch.zeros(WIDTH)
        before = WIDTH
    heads = {f"lin{k}.model.1.weight": torch.full((1, WIDTH, 1, 1), 1 / WIDTH) for k in range(len(layout.seen))}
    for name, state in zip(files(backbone), (features, heads), strict=True):
        torch.save(state, folder / name)
