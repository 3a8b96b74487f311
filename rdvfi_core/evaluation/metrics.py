"""PSNR, SSIM and HaarPSI of single frames, from piq, on the CPU."""

from __future__ import annotations

from torch import Tensor

METRICS = ("psnr", "ssim", "haarpsi")  # higher is better for all of them


def measure(
    frames: Tensor,  # (T, 3, H, W) in [0, 1]; values outside are clamped
    truth: Tensor,  # (T, 3, H, W) in [0, 1]
) -> dict[str, list[float]]:  # metric -> one value per frame
    """PSNR in dB over all channels (identical frames read 80 dB: piq adds 1e-8 to the squared error); SSIM of RGB
    with a Gaussian window of 11, frames with a short side over 384 px first averaged down to about 256 px, as its
    authors advise; HaarPSI of YIQ at half size. Sides of at least 64 px are enough for all three."""
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
    }
    return {metric: scores[metric].tolist() for metric in METRICS}
