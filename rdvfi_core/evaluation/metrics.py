"""How far frames are from the true ones.

PSNR, SSIM, HaarPSI and sharpness need piq alone. LPIPS, FID and FVD are what networks see: each is computed only where
the network's weight files are given by path. FLIP is computed where it is asked for and its package is installed. A
report says which ones are left out. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..anchors import ENVIRONMENT
from ..anchors.lpips import files
from .distances import BACKBONE, Distance, flip_distance, lpips_distance
from .features import SHORTEST_VIDEO, frame_features, video_features
from .protocols import Protocol

LABELS = {  # metric -> (heading, decimals)
    "psnr": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "haarpsi": ("HaarPSI", 4),
    "sharpness": ("sharpness", 2),
    "lpips": ("LPIPS", 4),
    "flip": ("FLIP", 4),
    "fid": ("FID", 2),
    "fvd": ("FVD", 2),
}
# Of single frames. Higher is better; the best sharpness is 1.
ALWAYS = ("psnr", "ssim", "haarpsi", "sharpness")
OPTIONAL = ("lpips", "flip", "fid", "fvd")  # lower is better
OPTIONS = {
    "lpips": f"--anchors FOLDER, or {ENVIRONMENT} in the environment, with {' and '.join(files(BACKBONE))}",
    "flip": "--flip, half a second a frame of 640x360",
    "fid": "--fid FILE, the weights of pytorch-fid (pt_inception-2015-12-05-6726825d.pth)",
    "fvd": "--fvd FILE, an I3D network as TorchScript (i3d_torchscript.pt)",
}
LEAST_DETAIL = 1e-4  # of a Laplacian: plain pictures have nothing to compare
_Features = Callable[[Tensor], Tensor]  # (T, 3, H, W) in [0, 1] -> (n, D) on the CPU


@dataclass(frozen=True)
class Metrics:
    """What is computed beside those of ALWAYS, and why the rest is not."""

    distances: dict[str, Distance] = field(default_factory=dict)  # "lpips" and "flip"
    features: dict[str, _Features] = field(default_factory=dict)  # "fid" and "fvd"
    left_out: dict[str, str] = field(default_factory=lambda: {name: _reason(name) for name in OPTIONAL})

    @classmethod
    def load(
        cls,
        anchors: Path | None = None,  # folder of LPIPS' files
        flip: bool = False,
        fid: Path | None = None,
        fvd: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> Metrics:
        """Those that are asked for; a file that is not what it should be is refused with a ValueError."""
        given = {"lpips": anchors, "flip": flip or None, "fid": fid, "fvd": fvd}
        features = {} if fid is None else {"fid": frame_features(fid, device)}
        if fvd is not None:
            features["fvd"] = video_features(fvd, device)
        left_out = {name: _reason(name) for name, path in given.items() if path is None}
        missing = [name for name in files(BACKBONE) if anchors is not None and not (anchors / name).is_file()]
        if missing:
            left_out["lpips"] = f"the folder of anchors has no {' and no '.join(missing)}"
        found = {} if "lpips" in left_out else {"lpips": lpips_distance(anchors, device)}
        if flip:
            try:
                found["flip"] = flip_distance()
            except ImportError:
                left_out["flip"] = "its package is not installed (pip install flip-evaluator)"
        return cls(found, features, left_out)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the metrics of single frames."""
        return (*ALWAYS, *self.distances)

    @property
    def ranking(self) -> str:
        """The metric by which the worst windows and clips are found."""
        return "lpips" if "lpips" in self.distances else "psnr"

    def for_protocol(self, protocol: Protocol) -> Metrics:
        """Without FVD where a window is no video: too short, or its frames are not evenly spaced."""
        frames = len(protocol.offsets) + 2
        if "fvd" not in self.features or (frames >= SHORTEST_VIDEO and frames == protocol.gap + 1):
            return self
        taken = f"{protocol.name} takes {frames} of a window's {protocol.gap + 1} frames"
        reason = f"{taken}, and a video must be whole and have at least {SHORTEST_VIDEO}"
        features = {name: function for name, function in self.features.items() if name != "fvd"}
        return replace(self, features=features, left_out=self.left_out | {"fvd": reason})

    def measure(
        self,
        frames: Tensor,  # (T, 3, H, W) in [0, 1]; values outside are clamped
        truth: Tensor,  # (T, 3, H, W) in [0, 1]
    ) -> dict[str, list[float]]:  # metric -> one value per frame
        scores = measure(frames, truth)
        frames, truth = frames.float().cpu().clamp(0, 1), truth.float().cpu()
        for name, distance in self.distances.items():
            scores[name] = [distance(*pair) for pair in zip(frames, truth, strict=True)]
        return scores


def measure(
    frames: Tensor,  # (T, 3, H, W) in [0, 1]; values outside are clamped
    truth: Tensor,  # (T, 3, H, W) in [0, 1]
) -> dict[str, list[float]]:  # metric of ALWAYS -> one value per frame
    """PSNR in dB over all channels (identical frames read 80 dB: piq adds 1e-8 to the squared error); SSIM of RGB
    with a Gaussian window of 11, frames with a short side over 384 px first averaged down to about 256 px, as its
    authors advise; HaarPSI of YIQ at half size; sharpness, how strong the finest detail is in parts of the true
    frame's, wherever it is: frames that are softer than those around them let a video pulse. Sides of at least 64 px
    are enough. On the CPU."""
    try:
        import piq
    except ImportError as error:
        raise ImportError(
            "The metrics need piq, which is not installed; install the extra `evaluate`: pip install -e .[evaluate]"
        ) from error
    if frames.shape != truth.shape:
        raise ValueError(f"Frames of shape {tuple(frames.shape)} cannot be compared with {tuple(truth.shape)}.")
    if not frames.isfinite().all():
        raise ValueError("The frames hold NaN or infinite values, which have no error; repair what made them.")
    frames, truth = frames.float().cpu().clamp(0, 1), truth.float().cpu()
    scores = {
        "psnr": piq.psnr(frames, truth, reduction="none"),
        "ssim": piq.ssim(frames, truth, reduction="none"),
        "haarpsi": piq.haarpsi(frames, truth, reduction="none"),
        "sharpness": (_finest(frames) + LEAST_DETAIL) / (_finest(truth) + LEAST_DETAIL),
    }
    return {metric: scores[metric].tolist() for metric in ALWAYS}


def _finest(frames: Tensor) -> Tensor:  # (T, 3, H, W) -> (T,)
    """Root mean square of the brightness' Laplacian."""
    grey = F.pad(frames.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across, down = grey[..., 1:-1, :], grey[..., 1:-1]
    curved = across[..., 2:] + across[..., :-2] + down[..., 2:, :] + down[..., :-2, :] - 4 * grey[..., 1:-1, 1:-1]
    return curved.square().mean((1, 2, 3)).sqrt()


def _reason(name: str) -> str:
    what = "it was not asked for" if name == "flip" else "its network's weights were not given"
    return f"{what} ({OPTIONS[name]})"
