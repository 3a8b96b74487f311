"""The whole method on two images: phase 1 fits a trajectory at low resolution, phase 2 renders frames at full
resolution.

images -> `ImagePair` -> `fit*` (`motion.fitting`, with `keyframes`) -> Trajectory
                      -> `stream`, `fuse` (`rendering.frames`, flows sampled from the trajectory) -> frames
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .callbacks import Progress, ShouldStop, check_stop
from .conventions import KEYFRAMES, motion_size, uniform_times
from .image_pair import ImagePair
from .inputs import check_frames, check_times
from .keyframes.keyframes import SOURCES, Keyframes, fitting_latents, from_frames, generate, straight_keyframes
from .keyframes.keyframes import check_times as check_keyframe_times
from .memory import TORCH, Memory, in_batches, pairs_at_once
from .motion.fitting import fit_keyframes, fit_straight
from .pixels.warp import resize
from .precision import default_device, mixed
from .rendering.frames import check_grid, render_frames
from .trajectory.flow_pair import FlowPair, keyframed
from .trajectory.trajectory import Trajectory
from .weights import files as weight_files
from .weights.networks import check_complete, load_networks


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
        check_complete(networks)
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
        """Both phases. seed: of generated keyframes' noise. keyframes: "straight" for none, "generated", or "auto" for
        generated where the weights hold a generator; "generated" without one is a ValueError."""
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
        before: Tensor | None = None,  # as image0: the frame of the same clip as long before it as image1 is after it
        after: Tensor | None = None,  # as image1: the one as long after it
    ) -> Trajectory:
        """Phase 1, at the motion resolution: its cost does not depend on the size of the images or the number of
        frames. seed, keyframes: as of the whole. Straight motion is bent by `before` and `after` where they are given,
        see `Trajectory.continued`; motion through generated keyframes takes no notice of them."""
        pair, generated = ImagePair.of(image0, image1), self._wants_generated(keyframes)
        beyond = [(before, image0, ("before", "image0")), (image1, after, ("image1", "after"))]
        beyond = [None if a is None or b is None else ImagePair.of(a, b, names=names) for a, b, names in beyond]
        check_stop(should_stop)
        small = pair.small(self.device)
        if generated:
            found = self._keyframes(*small, KEYFRAMES, seed, 1, generated, should_stop)
            return self._fit_keyframes(*small, found, progress, should_stop)
        straight = []
        for beside in (pair, *beyond):
            straight.append(None if beside is None else self._straight(*beside.small(self.device)))
            check_stop(should_stop)
        if progress is not None:
            progress(1, 1)
        return straight[0].continued(*straight[1:])

    def pairs_at_once(self, height: int, width: int) -> int:
        """How many pairs of images of this size to hand to `fit_pairs`."""
        return pairs_at_once(self.device, height, width, self.memory)

    @torch.no_grad()
    def fit_pairs(
        self,
        pairs: Sequence[ImagePair],  # of one size
        seed: int = 0,
        keyframes: str = "auto",
        should_stop: ShouldStop | None = None,
    ) -> list[Trajectory]:
        """`fit` of several pairs at once, fewer where memory runs out. A pair's trajectory does not depend on the
        others, to within rounding and, through keyframes, what rounding chooses where two ways match alike."""
        generated = self._wants_generated(keyframes)

        def fitted(batch: list[ImagePair]) -> list[Trajectory]:
            check_stop(should_stop)
            sides = zip(*(pair.small(self.device) for pair in batch), strict=True)
            small0, small1 = (torch.cat(side) for side in sides)
            if not generated:
                return self._straight(small0, small1).split()
            found = self._keyframes(small0, small1, KEYFRAMES, seed, 1, generated, should_stop)
            return self._fit_keyframes(small0, small1, found, should_stop=should_stop).split()

        return list(in_batches(fitted, pairs, len(pairs), self.memory))

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
        pair, generated = ImagePair.of(image0, image1), self._wants_generated(keyframes)
        return self._keyframes(*pair.small(self.device), count, seed, steps, generated, should_stop)

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
        long_range: str = "best",
    ) -> Trajectory:
        """Phase 1 through keyframes: motion is chained along them by phi1 and phi2, so paths may be curved. The
        images' own pixels are warped later, and the keyframes' colours correct them. long_range: how motion from a
        keyframe to the images is found, one of `fitting.LONG_RANGE`. Latents of another space or shape are a
        ValueError."""
        small = ImagePair.of(image0, image1).small(self.device)
        keyframes = fitting_latents(keyframes, self.networks["autoencoder"], small[0])
        return self._fit_keyframes(*small, keyframes, progress, should_stop, long_range)

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
        size = ImagePair.of(image0, image1).motion_size
        return self.fit_keyframes(image0, image1, self.encode_frames(frames, times, size), progress, should_stop)

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
        pair, times = ImagePair.of(image0, image1), check_times(times)
        frames = pair.image0.new_empty((len(times), 3, *pair.size), device="cpu")
        for i, frame in enumerate(self.stream_pair(pair, trajectory, times, progress, should_stop)):
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
        pair = ImagePair.of(image0, image1, planes)
        return self.stream_pair(pair, trajectory, times, progress, should_stop)

    def stream_pair(
        self,
        pair: ImagePair,
        trajectory: Trajectory,
        times: Sequence[float],
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Iterator[Tensor]:
        """`stream` of a pair that `fit_pairs` has resized already."""
        times = check_times(times)
        if len(trajectory.to0) != 1:
            raise ValueError(f"The trajectory holds {len(trajectory.to0)} pairs; render them one at a time.")
        trajectory = trajectory.to(self.device)
        check_grid(pair, trajectory.to0, "trajectory")
        return self._render(pair, times, lambda i: trajectory.sample(times[i]), progress, should_stop)

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
        pair = ImagePair.of(image0, image1, planes)
        times = check_times(flow.times[0] for flow in flows)
        keyframed(flows)
        for flow in flows:
            if len(flow.to0) != 1:
                raise ValueError(f"A flow holds {len(flow.to0)} times; hand over flows of one time each.")
            check_grid(pair, flow.to0, "flow")
        return self._render(pair, times, lambda i: flows[i].to(self.device), progress, should_stop)

    def _render(self, pair, times, flow_at, progress, should_stop) -> Iterator[Tensor]:
        how = self.device, self.dtype, self.memory
        return render_frames(self.networks, pair, times, flow_at, *how, progress, should_stop)

    def _keyframes(self, small0, small1, count, seed, steps, generated, should_stop) -> Keyframes:
        autoencoder = self.networks["autoencoder"]
        check_stop(should_stop)
        straight = self._straight(small0, small1)
        check_stop(should_stop)
        with mixed(self.device, self.dtype):
            base, validity = straight_keyframes(autoencoder, small0, small1, straight, uniform_times(count))
            if not generated:
                return base
            generator = self.networks["generator"]
            return generate(
                generator, autoencoder, small0, small1, base, validity, seed, steps, should_stop=should_stop
            )

    def _fit_keyframes(
        self, small0, small1, keyframes, progress=None, should_stop=None, long_range="best"
    ) -> Trajectory:
        estimator = (self.networks[name] for name in ("motion", "fusion", "autoencoder"))
        with mixed(self.device, self.dtype):
            return fit_keyframes(*estimator, small0, small1, keyframes, progress, should_stop, long_range)

    def _straight(self, small0: Tensor, small1: Tensor) -> Trajectory:
        with mixed(self.device, self.dtype):
            return fit_straight(self.networks["motion"], self.networks["autoencoder"], small0, small1)

    def _wants_generated(self, keyframes: str) -> bool:
        if keyframes not in SOURCES:
            raise ValueError(f"keyframes is {keyframes!r}; give 'auto', 'straight' or 'generated'.")
        if keyframes == "generated" and "generator" not in self.networks:
            raise ValueError("These weights hold no keyframe generator; take straight motion or other weights.")
        return keyframes != "straight" and "generator" in self.networks
