"""The whole method on two images: phase 1 fits a trajectory at low resolution, phase 2 renders frames at full
resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from . import weights as weight_files
from .autoencoder import Autoencoder
from .conventions import KEYFRAMES, LATENT_STRIDE, motion_size, uniform_times
from .errors import Interrupted
from .fitting import fit_keyframes, fit_straight
from .fusion import IterativeFusion
from .generator import KeyframeGenerator
from .inputs import check_frames, check_pair, check_times
from .keyframes import Keyframes, from_frames, generate, straight_keyframes
from .keyframes import check_times as check_keyframe_times
from .memory import TORCH, Memory, frames_at_once, in_batches, pairs_at_once
from .motion import AdjacentMotion
from .precision import mixed
from .synthesis import Synthesis
from .trajectory import FlowPair, Trajectory
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
        memory: Memory = TORCH,
    ):
        """networks: on `device` already, or able to work there; they are neither moved nor changed."""
        missing = [name for name in NETWORKS if name not in networks and name not in OPTIONAL]
        if missing:
            raise ValueError(f"The weights lack the network '{missing[0]}'; choose a complete RDVFI weights file.")
        self.device = torch.device(device) if device is not None else default_device()
        self.dtype, self.memory, self.networks = dtype, memory, networks

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Interpolator:
        """path: a weights file, None for the shipped one. device: None for the GPU where there is one. dtype: precision
        of the networks' convolutions, None for bfloat16 where the hardware is fast at it and float32 elsewhere."""
        networks = load_networks(weight_files.shipped() if path is None else path)
        device = torch.device(device) if device is not None else default_device()
        for network in networks.values():
            network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        return cls(networks, device, dtype)

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
        if self._wants_generated(keyframes):
            found = self.keyframes(image0, image1, KEYFRAMES, seed, should_stop=should_stop)
            return self.fit_keyframes(image0, image1, found, progress, should_stop)
        _stop(should_stop)
        straight = self._straight(self._small(image0), self._small(image1))
        if progress is not None:
            progress(1, 1)
        return straight

    def pairs_at_once(self, height: int, width: int) -> int:
        """How many pairs of images of this size to hand to `fit_pairs`."""
        return pairs_at_once(self.device, height, width, self.memory)

    @torch.no_grad()
    def fit_pairs(
        self,
        pairs: Sequence[tuple[Tensor, Tensor]],  # images of one size
        seed: int = 0,
        keyframes: str = "auto",
        should_stop: ShouldStop | None = None,
    ) -> list[Trajectory]:
        """`fit` of several pairs at once, fewer where memory runs out. A pair's trajectory does not depend on the
        others, to within rounding."""
        generated = self._wants_generated(keyframes)

        def fitted(batch: list[tuple[Tensor, Tensor]]) -> list[Trajectory]:
            _stop(should_stop)
            small0, small1 = (torch.cat([self._small(image) for image in side]) for side in zip(*batch, strict=True))
            if not generated:
                return self._straight(small0, small1).split()
            found = self._keyframes(small0, small1, KEYFRAMES, seed, 1, generated, should_stop)
            return self._fit_keyframes(small0, small1, found, should_stop=should_stop).split()

        return list(in_batches(fitted, [check_pair(*pair) for pair in pairs], len(pairs), self.memory))

    @torch.no_grad()
    def keyframes(
        self,
        image0: Tensor,
        image1: Tensor,
        count: int = KEYFRAMES,
        seed: int = 0,
        keyframes: str = "auto",
        steps: int = 1,
        should_stop: ShouldStop | None = None,
    ) -> Keyframes:
        """`count` keyframes evenly between the two images, in the built-in latent space: the ends warped along straight
        motion, and with a generator's weights its `steps`-step correction of them."""
        image0, image1 = check_pair(image0, image1)
        generated = self._wants_generated(keyframes)
        return self._keyframes(self._small(image0), self._small(image1), count, seed, steps, generated, should_stop)

    @torch.no_grad()
    def encode_frames(
        self,
        frames: Tensor,  # (N, 3, H, W) float, RGB in [0, 1], of any size
        times: Iterable[float],  # (N,) strictly increasing
        size: tuple[int, int] | None = None,  # (h, w) of the motion grid, None for the one of the frames' shape
    ) -> Keyframes:
        """Frames that exist already, such as those of a generated video, as keyframes in the built-in latent space."""
        times = check_times(times)
        check_keyframe_times(times)
        frames = check_frames(frames, len(times))
        size = size or motion_size(*frames.shape[-2:])
        small = torch.cat([resize(frame.to(self.device, torch.float32), *size) for frame in frames.split(1)])
        with mixed(self.device, self.dtype):
            return from_frames(self.networks["autoencoder"], small[None], times)

    @torch.no_grad()
    def fit_keyframes(
        self,
        image0: Tensor,
        image1: Tensor,
        keyframes: Keyframes,  # in the built-in latent space, of the images' aspect
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
        direct: bool = False,
    ) -> Trajectory:
        """Phase 1 through keyframes: motion is chained along them by phi1 and phi2, so paths may be curved. Only the
        images' own pixels are warped later. direct: one long-range estimate per keyframe instead of the chain."""
        image0, image1 = check_pair(image0, image1)
        small0, small1 = self._small(image0), self._small(image1)
        keyframes = _checked_keyframes(keyframes, self.networks["autoencoder"], small0)
        return self._fit_keyframes(small0, small1, keyframes, progress, should_stop, direct)

    def fit_frames(
        self,
        image0: Tensor,
        image1: Tensor,
        frames: Tensor,  # (N, 3, H', W') float, RGB in [0, 1], of any size and the images' aspect
        times: Iterable[float],  # (N,) strictly increasing
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Trajectory:
        """`fit_keyframes` through frames that exist already; they are resized to the images' motion grid."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(times)
        encoded = self.encode_frames(frames, times, motion_size(*image0.shape[-2:]))
        return self.fit_keyframes(image0, image1, encoded, progress, should_stop)

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
        planes: tuple[Tensor, Tensor] | None = None,
    ) -> Iterator[Tensor]:  # (3, H, W) each, on the CPU, in the inputs' precision
        """Phase 2 in the order of `times`, a few frames at once where a GPU has room for them; memory does not grow
        with their number. planes: (1, E, H, W) of each image, such as alpha, that follow the same motion; frames are
        then (3 + E, H, W)."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(times)
        if len(trajectory.to0) != 1:
            raise ValueError(f"The trajectory holds {len(trajectory.to0)} pairs; render them one at a time.")
        trajectory = trajectory.to(self.device)
        self._check_grid(image0, trajectory.to0, "trajectory")
        return self._stream(image0, image1, times, lambda i: trajectory.sample(times[i]), progress, should_stop, planes)

    def fuse(
        self,
        image0: Tensor,
        image1: Tensor,
        flows: Sequence[FlowPair],  # of one time each
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
        planes: tuple[Tensor, Tensor] | None = None,
    ) -> Iterator[Tensor]:  # (3, H, W) each
        """`stream` along flows that were sampled before."""
        image0, image1 = check_pair(image0, image1)
        times = check_times(flow.times[0] for flow in flows)
        for flow in flows:
            if len(flow.to0) != 1:
                raise ValueError(f"A flow holds {len(flow.to0)} times; hand over flows of one time each.")
            self._check_grid(image0, flow.to0, "flow")
        return self._stream(image0, image1, times, lambda i: flows[i].to(self.device), progress, should_stop, planes)

    def _stream(self, image0, image1, times, flow_at, progress, should_stop, planes) -> Iterator[Tensor]:
        planes = (None, None) if planes is None else planes
        given0, given1 = (_with_planes(*both) for both in zip((image0, image1), planes, strict=True))
        ends = {0.0: given0[0].detach(), 1.0: given1[0].detach()}
        full0, full1 = (image.to(self.device, torch.float32) for image in (given0, given1))
        small0, small1 = self._small(image0), self._small(image1)

        def frames(batch: list[int]) -> list[Tensor]:
            _stop(should_stop)
            found, inner = iter(()), [i for i in batch if times[i] not in ends]
            if inner:
                images = (image.expand(len(inner), -1, -1, -1) for image in (full0, full1, small0, small1))
                with torch.no_grad(), mixed(self.device, self.dtype):
                    flows = FlowPair.batch([flow_at(i) for i in inner])
                    found = iter(self.networks["synthesis"](*images, flows).to("cpu", image0.dtype))
            return [next(found) if i in inner else ends[times[i]].to("cpu", copy=True) for i in batch]

        size = frames_at_once(self.device, *image0.shape[-2:], self.memory)
        done = 0
        for frame in in_batches(frames, range(len(times)), size, self.memory):
            yield frame
            done += 1
            if progress is not None:
                progress(done, len(times))

    def _check_grid(self, image: Tensor, flow: Tensor, name: str) -> None:
        expected, given = motion_size(*image.shape[-2:]), tuple(flow.shape[-2:])
        if expected != given:
            raise ValueError(
                f"The {name} was fitted on a {given[1]}x{given[0]} grid, but images of this size need "
                f"{expected[1]}x{expected[0]}; fit it on images of the same shape."
            )

    def _keyframes(self, small0, small1, count, seed, steps, generated, should_stop) -> Keyframes:
        autoencoder = self.networks["autoencoder"]
        _stop(should_stop)
        straight = self._straight(small0, small1)
        _stop(should_stop)
        with mixed(self.device, self.dtype):
            base, validity = straight_keyframes(autoencoder, small0, small1, straight, uniform_times(count))
            if not generated:
                return base
            generator = self.networks["generator"]
            return generate(
                generator, autoencoder, small0, small1, base, validity, seed, steps, should_stop=should_stop
            )

    def _fit_keyframes(
        self, small0, small1, keyframes, progress=None, should_stop=None, direct: bool = False
    ) -> Trajectory:
        estimator = (self.networks[name] for name in ("motion", "fusion", "autoencoder"))
        with mixed(self.device, self.dtype):
            return fit_keyframes(*estimator, small0, small1, keyframes, progress, should_stop, direct)

    def _straight(self, small0: Tensor, small1: Tensor) -> Trajectory:
        with mixed(self.device, self.dtype):
            return fit_straight(self.networks["motion"], self.networks["autoencoder"], small0, small1)

    def _small(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) float32 on the motion grid."""
        return resize(image.to(self.device, torch.float32), *motion_size(*image.shape[-2:]))

    def _wants_generated(self, keyframes: str) -> bool:
        if keyframes not in ("auto", "straight", "generated"):
            raise ValueError(f"keyframes is {keyframes!r}; give 'auto', 'straight' or 'generated'.")
        if keyframes == "generated" and "generator" not in self.networks:
            raise ValueError("These weights hold no keyframe generator; take straight motion or other weights.")
        return keyframes != "straight" and "generator" in self.networks


def load_networks(path: str | Path, operations=nn) -> dict[str, nn.Module]:
    """The networks of a weights file in float32, complete or not. operations: where their layers come from."""
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
        networks[name] = weight_files.build(NETWORKS[name], config, state, operations)
    return networks


def default_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _with_planes(image: Tensor, planes: Tensor | None) -> Tensor:  # (1, 3 + E, H, W)
    if planes is None:
        return image
    if planes.ndim != 4 or planes.shape[2:] != image.shape[2:] or len(planes) != 1:
        raise ValueError(
            f"The planes are {tuple(planes.shape)}; beside an image of {tuple(image.shape)} give (1, E, H, W)."
        )
    return torch.cat((image, planes.to(image)), 1)


def _checked_keyframes(keyframes: Keyframes, autoencoder: Autoencoder, small: Tensor) -> Keyframes:
    """On the images' device and latent grid; anything else is refused."""
    own = autoencoder.space().name
    if keyframes.space != own:
        raise ValueError(
            f"The keyframes are in the latent space '{keyframes.space}', the weights work in '{own}'; re-encode them."
        )
    given = keyframes.latents.shape[2:]
    expected = (autoencoder.channels, small.shape[-2] // LATENT_STRIDE, small.shape[-1] // LATENT_STRIDE)
    if tuple(given) != expected or len(keyframes.latents) != 1:
        raise ValueError(
            f"The keyframes are latents of {given[2]}x{given[1]} with {given[0]} channels, {len(keyframes.latents)} in "
            f"the batch, but these images need {expected[2]}x{expected[1]} with {expected[0]}, 1 in the batch; make "
            "them from frames of the images' shape."
        )
    return Keyframes(keyframes.latents.to(small.device, torch.float32), keyframes.times, keyframes.space)


def _stop(should_stop: ShouldStop | None) -> None:
    if should_stop is not None and should_stop():
        raise Interrupted("The interpolation was stopped.")
