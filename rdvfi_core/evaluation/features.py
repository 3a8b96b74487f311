"""What FID and FVD are made of: features of frames and of videos, from networks whose weights lie on this machine, and
the Frechet distance between two sets of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

SHORTEST_VIDEO = 9  # frames; I3D halves time three times and averages two steps of what is left


def frechet_distance(
    first: Tensor,  # (n, D)
    second: Tensor,  # (m, D)
) -> float:
    """|mean_1 - mean_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2)) of the Gaussians fitted to both, in float64.

    With C = R^T R the last trace is the sum of the singular values of R_1 R_2^T, which is exact, also where there are
    fewer samples than features. piq's own iteration for the matrix root gives up early on covariances with a wide
    spectrum: it read 0.10 for two identical sets, and 0.11 where the distance was 0.008."""
    if min(len(first), len(second)) < 2:
        raise ValueError(f"{min(len(first), len(second))} sample has no covariance; at least 2 are needed.")
    means, roots = zip(*(_gaussian(samples.double()) for samples in (first, second)), strict=True)
    spread = sum(root.square().sum() for root in roots)
    shared = torch.linalg.svdvals(roots[0] @ roots[1].T).sum()
    return ((means[0] - means[1]).square().sum() + spread - 2 * shared).item()


def _gaussian(samples: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,), and R (min(n, D), D) with R^T R the unbiased covariance."""
    mean = samples.mean(0)
    return mean, torch.linalg.qr((samples - mean) / (len(samples) - 1) ** 0.5, mode="r").R


def frame_features(path: Path | str, device: torch.device | str = "cpu") -> Callable[[Tensor], Tensor]:
    """(T, 3, H, W) in [0, 1] -> (T, 2048) on the CPU: the last pooling of FID's own InceptionV3, through piq's copy of
    it. path: the weights that pytorch-fid publishes."""
    network = _inception(_state(path)).to(device)

    @torch.no_grad()
    def features(frames: Tensor) -> Tensor:
        found = [network(frame.float().clamp(0, 1).to(device))[0].flatten(1).cpu() for frame in frames.split(1)]
        return torch.cat(found)

    return features


def video_features(path: Path | str, device: torch.device | str = "cpu") -> Callable[[Tensor], Tensor]:
    """(T, 3, H, W) in [0, 1], T >= 9, of one video -> (1, 400) on the CPU, before the softmax of an I3D network. path:
    TorchScript that takes (B, 3, T, H, W) in 0..255 with rescale, resize and return_features, StyleGAN-V's way."""
    try:
        network = torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"{path} is no TorchScript file; give i3d_torchscript.pt.") from error

    @torch.no_grad()
    def features(frames: Tensor) -> Tensor:
        video = 255 * frames.float().clamp(0, 1).to(device).transpose(0, 1)[None]
        return network(video, rescale=True, resize=True, return_features=True).flatten(1).cpu()

    return features


def _state(path: Path | str) -> dict[str, Tensor]:
    if not Path(path).is_file():
        raise ValueError(f"There is no file {path}; give the weights of pytorch-fid.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load's own checks raise whatever its many formats lead to
        raise ValueError(f"{path} is damaged or no PyTorch file; copy it again.") from error


def empty_inception() -> nn.Module:
    """torchvision's InceptionV3 with FID's changes, without weights: on the meta device."""
    try:
        from piq.feature_extractors import fid_inception as piq
        from torchvision.models import inception_v3
    except ImportError as error:
        raise ImportError(f'FID needs piq and torchvision: pip install -e ".[evaluate]" ({error})') from error
    with torch.device("meta"):
        network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        network.Mixed_5b = piq.FIDInceptionA(192, pool_features=32)
        network.Mixed_5c = piq.FIDInceptionA(256, pool_features=64)
        network.Mixed_5d = piq.FIDInceptionA(288, pool_features=64)
        network.Mixed_6b = piq.FIDInceptionC(768, channels_7x7=128)
        network.Mixed_6c = piq.FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6d = piq.FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6e = piq.FIDInceptionC(768, channels_7x7=192)
        network.Mixed_7b = piq.FIDInceptionE1(1280)
        network.Mixed_7c = piq.FIDInceptionE2(2048)
    return network


def _inception(state: dict[str, Tensor]) -> nn.Module:
    """piq makes its network only together with a download; a subclass hands it one that is filled already."""
    filled = empty_inception()
    try:
        filled.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ValueError("These weights are not those of pytorch-fid's InceptionV3; choose that file.") from error
    from piq.feature_extractors import InceptionV3

    class Filled(InceptionV3):
        @staticmethod
        def fid_inception_v3() -> nn.Module:
            return filled

    return Filled().eval()
