"""The whole method on two images: phase 1 fits a trajectory at low resolution, phase 2 renders frames at full
resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from . import weights as weight_files
from .autoencoder import Autoencoder
from .conventions import KEYFRAMES, motion_size, uniform_times
from .errors import Interrupted
from .fitting import fit_keyframes, fit_straight
from .fusion import IterativeFusion
from .generator import KeyframeGenerator
from .inputs import check_frames, check_pair, check_times
from .keyframes import from_frames, generate, straight_keyframes
from .motion import AdjacentMotion
from .precision import mixed
from .synthesis import Synthesis
from .trajectory import Trajectory
from .warp import resize

Progress = Callable[[int, int], None]  # (done, total)
ShouldStop = Callable[[], bool]

NETWORKS: dict[str, type[nn.Module]] = {
    "autoencoder": Autoencoder,
    "motion": AdjacentMotion,
    "fusion": IterativeFusion,
    "synthesis": Synthesis,
    "generator": KeyframeGenerator,
}
OPTIONAL = ("generator",)


class Interpolator:
    """Frames between two images.

    >>> interpolator = Interpolator.from_pretrained()
    >>> frames = interpolator(image0, image1, [0.25, 0.5, 0.75])  # (3, 3, H, W)

    Images are (3, H, W) or (1, 3, H, W), float, RGB in [0, 1]; times are numbers in [0, 1]. At the times 0 and 1 the
    inputs themselves come back, bit for bit. The same seed on the same machine gives the same frames. Bad input raises
    a ValueError of one sentence before any work; `should_stop` answering true raises `errors.Interrupted`."""

    def __init__(
        self,
        networks: dict[str, nn.Module],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        missing = [name for name in NETWORKS if name not in networks and name not in OPTIONAL]
        if missing:
            raise ValueError(f"The weights lack the network '{missing[0]}'; choose a complete RDVFI weights file.")
        self.device = torch.device(device) if device is not None else default_device()
        self.dtype = dtype
        self.networks = {
            name: network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
            for name, network in networks.items()
        }

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Interpolator:
        """path: a weights file, None for the shipped one. device: None for the GPU where there is one. dtype: precision
        of the networks' convolutions, None for bfloat16 where the hardware is fast at it and float32 elsewhere."""
        return cls(load_networks(weight_files.shipped() if path is None else path), device, dtype)

    def __call__(
        self,
        image0: Tensor,
        image1: Tensor,
        times: Iterable[float],
        seed: int = 0,
        keyframes: str = "auto",
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:  # (T, 3, H, W) on the CPU, in the inputs' precision
        """keyframes: "straight", "generated", or "auto" for generated where the weights hold a generator."""
        times = check_times(times)
        trajectory = self.fit(image0, image1, seed, keyframes, should_stop=should_stop)
        return self.render(image0, image1, trajectory, times, progress, should_stop)

    @torch.no_grad()
    def fit(
        self,
        image0: Tensor,
        image1: Tensor,
        seed: int = 0,
        keyframes: str = "auto",
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Trajectory:
        """Phase 1, at the motion resolution: its cost does not depend on the size of the images or the number of
        frames."""
        image0, image1 = check_pair(image0, image1)
        generated = self._wants_generated(keyframes)
        small0, small1 = self._small(image0), self._small(image1)
        motion, autoencoder = self.networks["motion"], self.networks["autoencoder"]
        _stop(should_stop)
        with mixed(self.device, self.dtype):
            straight = fit_straight(motion, autoencoder, small0, small1)
            if not generated:
                if progress is not None:
                    progress(1, 1)
                return straight
            _stop(should_stop)
            times = uniform_times(KEYFRAMES)
            base, validity = straight_keyframes(autoencoder, small0, small1, straight, times)
            found = generate(self.networks["generator"], autoencoder, small0, small1, base, validity, seed)
            return fit_keyframes(
                motion, self.networks["fusion"], autoencoder, small0, small1, found, progress, should_stop
            )

    @torch.no_grad()
    def fit_frames(
        self,
        image0: Tensor,
        image1: Tensor,
        frames: Tensor,  # (N, 3, H', W') float, RGB in [0, 1], of any size and the images' aspect
        times: Iterable[float],  # (N,) strictly increasing
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Trajectory:
        """Phase 1 through keyframes that exist already, such as frames of a generated video: motion is chained along
        them by phi1 and phi2, so paths may be curved. Only the images' own pixels are warped later."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(times)
        frames = check_frames(frames, len(times))
        small0, small1 = self._small(image0), self._small(image1)
        small = resize(frames.to(self.device, torch.float32), *small0.shape[-2:])
        autoencoder = self.networks["autoencoder"]
        with mixed(self.device, self.dtype):
            keyframes = from_frames(autoencoder, small[None], times)
            return fit_keyframes(
                self.networks["motion"],
                self.networks["fusion"],
                autoencoder,
                small0,
                small1,
                keyframes,
                progress,
                should_stop,
            )

    def render(
        self,
        image0: Tensor,
        image1: Tensor,
        trajectory: Trajectory,
        times: Iterable[float],
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Tensor:  # (T, 3, H, W) on the CPU, in the inputs' precision
        """Phase 2 for all times at once. `stream` holds one frame at a time."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(times)
        frames = image0.new_empty((len(times), *image0.shape[1:]), device="cpu")
        for i, frame in enumerate(self.stream(image0, image1, trajectory, times, progress, should_stop)):
            frames[i] = frame
        return frames

    def stream(
        self,
        image0: Tensor,
        image1: Tensor,
        trajectory: Trajectory,
        times: Sequence[float],
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Iterator[Tensor]:  # (3, H, W) each, on the CPU, in the inputs' precision
        """Phase 2, one frame after the other in the order of `times`; memory does not grow with their number."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(times)
        if len(trajectory.to0) != 1:
            raise ValueError(f"The trajectory holds {len(trajectory.to0)} pairs; render them one at a time.")
        expected, given = motion_size(*image0.shape[-2:]), tuple(trajectory.to0.shape[-2:])
        if expected != given:
            raise ValueError(
                f"The trajectory was fitted on a {given[1]}x{given[0]} grid, but images of this size need "
                f"{expected[1]}x{expected[0]}; fit it on images of the same shape."
            )
        return self._stream(image0, image1, trajectory.to(self.device), times, progress, should_stop)

    def _stream(self, image0, image1, trajectory, times, progress, should_stop) -> Iterator[Tensor]:
        ends = {0.0: image0[0].detach(), 1.0: image1[0].detach()}
        full0, full1 = (image.to(self.device, torch.float32) for image in (image0, image1))
        small0, small1 = self._small(image0), self._small(image1)
        for i, tau in enumerate(times):
            _stop(should_stop)
            if tau in ends:
                frame = ends[tau].to("cpu", copy=True)
            else:
                with torch.no_grad(), mixed(self.device, self.dtype):
                    frame = self.networks["synthesis"](full0, full1, small0, small1, trajectory.sample(tau))
                frame = frame[0].to("cpu", image0.dtype)
            yield frame
            if progress is not None:
                progress(i + 1, len(times))

    def _small(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) float32 on the motion grid."""
        return resize(image.to(self.device, torch.float32), *motion_size(*image.shape[-2:]))

    def _wants_generated(self, keyframes: str) -> bool:
        if keyframes not in ("auto", "straight", "generated"):
            raise ValueError(f"keyframes is {keyframes!r}; give 'auto', 'straight' or 'generated'.")
        if keyframes == "generated" and "generator" not in self.networks:
            raise ValueError("These weights hold no keyframe generator; use keyframes='straight' or other weights.")
        return keyframes != "straight" and "generator" in self.networks


def load_networks(path: str | Path) -> dict[str, nn.Module]:
    """The networks of a weights file in float32, complete or not."""
    stored = weight_files.load(path)
    unknown = [name for name in stored.states if name not in NETWORKS]
    if unknown:
        raise ValueError(
            f"The weights hold an unknown network '{unknown[0]}'; update the package or choose another file."
        )
    networks = {}
    for name in stored.states:
        config, state = stored.network(name)
        state = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
        networks[name] = weight_files.build(NETWORKS[name], config, state)
    return networks


def default_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _stop(should_stop: ShouldStop | None) -> None:
    if should_stop is not None and should_stop():
        raise Interrupted("The interpolation was stopped.")
