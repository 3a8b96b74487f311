"""LPIPS, FLIP, FID and FVD, on small or random networks; the Frechet distance on known Gaussians."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_anchors import random_anchors
from torch import Tensor

from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.evaluation.features import empty_inception, frechet_distance, video_features
from rdvfi_core.evaluation.metrics import ALWAYS, Metrics
from rdvfi_core.evaluation.protocols import PROTOCOLS, Protocol
from rdvfi_core.evaluation.runner import evaluate

pytest.importorskip("piq")


class TinyI3D(torch.nn.Module):
    """The interface of i3d_torchscript.pt; its features are means over the video and over its changes."""

    def forward(self, x: Tensor, rescale: bool, resize: bool, return_features: bool) -> Tensor:
        if rescale:
            x = x / 127.5 - 1
        changes = (x[:, :, 1:] - x[:, :, :-1]).abs()
        return torch.cat((x.mean((2, 3, 4)), changes.mean((2, 3, 4))), 1)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    """A folder with all three, random."""
    folder = tmp_path_factory.mktemp("networks")
    generator = torch.Generator().manual_seed(0)

    def random(tensor: Tensor) -> Tensor:
        if tensor.ndim < 2:
            return torch.zeros(tensor.shape, dtype=tensor.dtype)
        return torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5

    state = {}
    for name, tensor in empty_inception().state_dict().items():
        ones = name.endswith(("bn.weight", "running_var"))
        state[name] = torch.ones(tensor.shape) if ones else random(tensor)
    torch.save(state, folder / "inception.pth")
    torch.jit.script(TinyI3D()).save(str(folder / "i3d.pt"))
    return random_anchors(folder)


def test_frechet_distance_of_known_gaussians():
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(1, 3, 6, dtype=torch.float64)
    white = torch.linalg.qr(torch.randn(400, 6, generator=generator, dtype=torch.float64)).Q
    white = torch.linalg.qr(white - white.mean(0)).Q * 399**0.5  # covariance exactly the identity, mean exactly zero
    moved = white * axis + 2  # covariance axis^2, mean 2
    expected = 6 * 4 + (axis - 1).square().sum().item()  # |mu|^2 + sum (sigma_1 - sigma_2)^2
    assert frechet_distance(white, moved) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(moved, white) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_with_fewer_samples_than_features():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(n, 50, generator=generator, dtype=torch.float64) for n in (8, 11))
    roots = torch.linalg.eigvals(first.T.cov() @ second.T.cov()).sqrt().real.sum()
    spread = first.T.cov().trace() + second.T.cov().trace() - 2 * roots
    expected = (first.mean(0) - second.mean(0)).square().sum() + spread
    assert frechet_distance(first, second) == pytest.approx(expected.item(), rel=1e-6)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="1 sample has no covariance"):
        frechet_distance(first[:1], second)


def test_a_video_reaches_its_network_in_bytes_and_in_order(networks):
    video = torch.zeros(9, 3, 64, 64)
    video[:, 0] = torch.arange(9).view(9, 1, 1) / 8  # red rises by 1/8 a frame
    features = video_features(networks / "i3d.pt")(video)
    assert features[0].tolist() == pytest.approx([0, -1, -1, 2 / 8, 0, 0], abs=1e-6)


def test_distances_that_networks_see(networks, tmp_path):
    for name, shift in (("a", 1), ("b", 3)):
        folder = tmp_path / "clips" / name
        folder.mkdir(parents=True)
        noise = np.random.default_rng(shift).integers(0, 255, (64, 64 + 9 * shift, 3), dtype=np.uint8)
        for index in range(9):
            Image.fromarray(noise[:, shift * index : shift * index + 64]).save(folder / f"{index}.png")
    metrics = Metrics.load(networks, fid=networks / "inception.pth", fvd=networks / "i3d.pt")
    assert metrics.names == (*ALWAYS, "lpips") and set(metrics.left_out) == {"flip"}

    def knows(image0, image1, times):
        folder = next(f for f in (tmp_path / "clips").iterdir() if torch.equal(_picture(f / "0.png"), image0))
        return torch.stack([_picture(folder / f"{round(8 * tau)}.png") for tau in times])

    middle = Protocol("middle", gap=8, offsets=(4,), windows_at_most=1)
    report = evaluate(tmp_path / "clips", middle, {"blend": blend, "knows": knows}, metrics)
    means = json.loads(report.to_json())["mean"]
    for distance in ("lpips", "fid"):
        assert abs(means["knows"][distance]) < 1e-4 < means["blend"][distance]
    assert [len(samples) for samples in report.features["fid"].values()] == [2, 2, 2]
    assert "| method | PSNR dB | SSIM | HaarPSI | sharpness | LPIPS | FID | s per window |" in report.to_markdown()
    assert "FVD is left out: middle takes 3 of a window's 9 frames" in report.to_markdown()

    videos = Metrics(features={"fvd": metrics.features["fvd"]}, left_out={})
    report = evaluate(tmp_path / "clips", PROTOCOLS["davis7"], {"blend": blend, "knows": knows}, videos)
    assert abs(report.distances()["knows"]["fvd"]) < 1e-9 < report.distances()["blend"]["fvd"]
    assert not report.left_out() and "| FVD |" in report.to_markdown()
    alone = evaluate(tmp_path / "clips", PROTOCOLS["davis7"], {"blend": blend}, videos, limit=1)
    assert alone.left_out() == {"fvd": "there is one sample only"} and "fvd" not in alone.distances()["blend"]


def _picture(path: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255


def test_wrong_files_are_refused_in_one_sentence(networks, tmp_path):
    (tmp_path / "torn").write_bytes(b"torn")
    (tmp_path / "torn anchors").mkdir()
    for name in ("alexnet.pth", "lpips_alex.pth"):
        (tmp_path / "torn anchors" / name).write_bytes(b"torn")
    for given, words in (
        ({"fid": tmp_path / "none"}, "There is no file"),
        ({"fid": tmp_path / "torn"}, "is damaged or no PyTorch file"),
        ({"fid": networks / "alexnet.pth"}, "not those of pytorch-fid's InceptionV3"),
        ({"fvd": tmp_path / "torn"}, "is no TorchScript file"),
        ({"anchors": tmp_path / "torn anchors"}, "is damaged or no PyTorch file"),
    ):
        with pytest.raises(ValueError, match=words):
            Metrics.load(**given)


@pytest.mark.parametrize("kind", ["moved", "darker", "tinted"])
def test_flip_grows_with_what_is_seen(kind):
    pytest.importorskip("flip_evaluator")
    truth = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    truth = torch.nn.functional.interpolate(truth, (64, 96), mode="bicubic").clamp(0, 1)
    tint = torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1)
    change = {"moved": lambda k: truth.roll(k, -1), "darker": lambda k: truth * (1 - k / 16)}
    change["tinted"] = lambda k: (truth + k / 40 * tint).clamp(0, 1)
    metrics = Metrics.load(flip=True)
    assert metrics.names == (*ALWAYS, "flip") and "flip" not in metrics.left_out
    frames = torch.cat([change[kind](k) for k in (0, 1, 3, 6)])
    found = metrics.measure(frames, truth.expand(4, -1, -1, -1))["flip"]
    assert found[0] == 0 and 0.001 < found[1] < found[2] < found[3] < 1


def test_flip_is_left_out_with_a_sentence_where_its_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    found = Metrics.load(flip=True)
    assert found.names == ALWAYS and "is not installed (pip install flip-evaluator)" in found.left_out["flip"]
    assert "was not asked for (--flip" in Metrics.load().left_out["flip"]
