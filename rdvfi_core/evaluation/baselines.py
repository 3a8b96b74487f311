"""Interpolation to compare with: without training, and RIFE. Every function is a method as `runner.evaluate` takes it:
(image0 (3, H, W), image1 (3, H, W), times) -> frames (T, 3, H, W), all in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from ..anchors.rife import Between, Rife
from ..pixels.warp import backward_warp
from ..video.colour import to_integers

# Of the filter's modes the strongest on real clips (0.2 to 0.5 dB over its default, bilateral search with plain OBMC).
# Scene detection is off: it would answer large motion with a repeated frame.
MINTERPOLATE = "mi_mode=mci:me_mode=bidir:mc_mode=aobmc:vsbmc=1:scd=none"


def blend(image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:
    """Linear cross-fade: (1 - tau) I0 + tau I1."""
    return torch.stack([(1 - tau) * image0 + tau * image1 for tau in times])


def dis(image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:
    """OpenCV's DIS medium flow of the full-size grey frames in both directions, and the plainest warp with it: flows at
    tau as in Super SloMo (Jiang et al. 2018, eq. 4),
        f_{tau->0} = -(1 - tau) tau f_{0->1} + tau^2 f_{1->0}
        f_{tau->1} = (1 - tau)^2 f_{0->1} - tau (1 - tau) f_{1->0},
    and the time-weighted mean of the two backward warps. It stays this plain because forward-backward occlusion weights
    and forward-splatted flow reversal both measured worse on real clips."""
    forward, backward = dis_flow(image0, image1), dis_flow(image1, image0)
    frames = []
    for tau in times:
        to0, to1 = _flows_at(tau, forward, backward)
        frames.append((1 - tau) * backward_warp(image0[None], to0) + tau * backward_warp(image1[None], to1))
    return torch.cat(frames)


def dis_flow_at(image0: Tensor, image1: Tensor, tau: float) -> Tensor:  # f_{tau->0}, (1, 2, H, W) px
    return _flows_at(tau, dis_flow(image0, image1), dis_flow(image1, image0))[0]


def _flows_at(tau: float, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
    return -(1 - tau) * tau * forward + tau**2 * backward, (1 - tau) ** 2 * forward - tau * (1 - tau) * backward


def dis_flow(image0: Tensor, image1: Tensor) -> Tensor:
    """f_{0->1}, (1, 2, H, W) px, by OpenCV's DIS with its medium preset."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "The DIS baseline needs OpenCV, which is not installed; install the extra `evaluate`: "
            "pip install -e .[evaluate]"
        ) from error
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey0, grey1 = (cv2.cvtColor(to_integers(image), cv2.COLOR_RGB2GRAY) for image in (image0, image1))
    return torch.from_numpy(estimator.calc(grey0, grey1, None)).permute(2, 0, 1)[None]


def minterpolate(image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:
    """ffmpeg's motion-compensated filter through PyAV, in 8 bits and full chroma. The filter looks at a frame before
    and one after the pair, so each input is given twice and the frames between seconds 1 and 2 are taken."""
    wanted = [1 + Fraction(tau).limit_denominator(1000) for tau in times]
    rate = math.lcm(*(time.denominator for time in wanted))
    found = dict(_minterpolated([to_integers(image) for image in (image0, image0, image1, image1)], rate))
    return torch.stack([torch.from_numpy(found[time]).permute(2, 0, 1) / 255 for time in wanted])


def _minterpolated(frames: list[np.ndarray], rate: int) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(seconds, RGB bytes) of what the filter makes of one frame a second at `rate` frames a second."""
    height, width = frames[0].shape[:2]
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format="yuv444p", time_base=Fraction(1, rate))
    graph.link_nodes(source, graph.add("minterpolate", f"fps={rate}:{MINTERPOLATE}"), graph.add("buffersink"))
    graph.configure()
    for second, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv444p")
        frame.pts, frame.time_base = second * rate, Fraction(1, rate)
        graph.push(frame)
    graph.push(None)
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")


class RifeMethod:
    """RIFE in this process; a file that holds none is refused with a ValueError."""

    def __init__(self, path: Path, device: torch.device):
        self._network, self._device = Rife.load(path, device), device

    def __call__(self, image0: Tensor, image1: Tensor, times: Sequence[float]) -> Tensor:
        return torch.cat([self._between(image0, image1, tau).frame.clamp(0, 1).cpu() for tau in times])

    def flow_at(self, image0: Tensor, image1: Tensor, tau: float) -> Tensor:  # f_{tau->0}, (1, 2, H, W) px
        return self._between(image0, image1, tau).to0

    @torch.no_grad()
    def _between(self, image0: Tensor, image1: Tensor, tau: float) -> Between:
        pair = (image[None].float().to(self._device) for image in (image0, image1))
        return self._network(*pair, torch.tensor([tau], device=self._device))


BASELINES = {"blend": blend, "dis": dis, "minterpolate": minterpolate}
FLOWS = {"dis": dis_flow_at}
