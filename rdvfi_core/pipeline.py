"""The whole method on two images: phase 1 fits a trajectory at low resolution, phase 2 renders frames at full
resolution.

images -> `ImagePair` -> `between`, `fit` (`motion.moments`), `fit_keyframes` (`motion.fitting`) -> FlowPair, Trajectory
                      -> `stream`, `fuse` (`rendering.frames`, flows of the moments that are asked for) -> frames
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
from .keyframes.keyframes import SOURCES, Keyframes, fitting_latents, from_frames, generate, warped_keyframes
from .keyframes.keyframes import check_times as check_keyframe_times
from .memory import TORCH, Memory
from .motion.fitting import fit_keyframes
from .motion.moments import MOST_MOMENTS, flows_between, trajectory_between
from .motion.views import Beside, View
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
        before: Tensor | None = None,
        after: Tensor | None = None,
    ) -> Tensor:  # (T, 3, H, W) on the CPU, in the inputs' precision
        """Both phases. seed: of generated keyframes' noise. keyframes: "straight" for none, "generated", or "auto" for
        generated where the weights hold a generator; "generated" without one is a ValueError. before, after: as of
        `fit`."""
        times, pair = check_times(times), ImagePair.of(image0, image1)
        self._wants_generated(keyframes)  # refuses what it cannot be
        first, second, *beside = self._looked_at(pair, before, after)
        motion = self.between(first, second, times, seed, keyframes, *beside, should_stop=should_stop)
        return self._whole(pair, motion, times, progress, should_stop)

    @torch.no_grad()
    def look(self, image: Tensor) -> View:  # (1, 3, H, W)
        """What phase 1 sees of an image: it serves both of a frame's pairs."""
        return self._views(resize(image.to(self.device, torch.float32), *motion_size(*image.shape[-2:])))[0]

    @torch.no_grad()
    def look_at(self, pair: ImagePair, first: View | None = None) -> tuple[View, View]:
        """Of both images. first: of image0, where that was looked at before, as the end of the pair before."""
        if first is None:
            return self._views(*pair.small(self.device))
        second = self.look(pair.image1)
        pair.keep_small(self.device, first.small, second.small)
        return first, second

    @torch.no_grad()
    def between(
        self,
        first: View,
        second: View,
        times: Sequence[float],
        seed: int = 0,
        keyframes: str = "auto",
        before: Beside | None = None,  # a frame of the same clip before the pair
        after: Beside | None = None,
        should_stop: ShouldStop | None = None,
    ) -> FlowPair | Trajectory:
        """Phase 1 for these times: the flows at just these, or where they are many a trajectory through knots. Either
        answers `sample` at each of them. seed, keyframes: as of the whole; motion through generated keyframes takes no
        notice of the frames beside the pair."""
        generated = self._wants_generated(keyframes)
        check_stop(should_stop)
        if generated:
            found = self._keyframes(first, second, KEYFRAMES, seed, 1, generated, should_stop)
            return self._fit_keyframes(first.small, second.small, found, should_stop=should_stop)
        inner = sorted({tau for tau in times if 0 < tau < 1})
        with mixed(self.device, self.dtype):
            network, beside = self.networks["between"], (before, after)
            if len(inner) > MOST_MOMENTS:
                return trajectory_between(network, first, second, *beside, memory=self.memory)
            return FlowPair.batch(flows_between(network, first, second, inner or [0.0], *beside, self.memory))

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
        """Phase 1 for any times, at the motion resolution: its cost does not depend on the size of the images or the
        number of frames. seed, keyframes: as of the whole. The motion is bent by `before` and `after` where they are
        given; motion through generated keyframes takes no notice of them."""
        pair, generated = ImagePair.of(image0, image1), self._wants_generated(keyframes)
        check_stop(should_stop)
        first, second, *beside = self._looked_at(pair, before, after)
        if generated:
            found = self._keyframes(first, second, KEYFRAMES, seed, 1, generated, should_stop)
            return self._fit_keyframes(first.small, second.small, found, progress, should_stop)
        check_stop(should_stop)
        with mixed(self.device, self.dtype):
            found = trajectory_between(self.networks["between"], first, second, *beside, memory=self.memory)
        if progress is not None:
            progress(1, 1)
        return found

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
        """`count` keyframes evenly between the two images, in the built-in latent space: the ends warped along the
        motion in between, and with a generator's weights its `steps`-step correction of them."""
        pair, generated = ImagePair.of(image0, image1), self._wants_generated(keyframes)
        return self._keyframes(*self.look_at(pair), count, seed, steps, generated, should_stop)

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
        return self._whole(ImagePair.of(image0, image1), trajectory, check_times(times), progress, should_stop)

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
        motion: Trajectory | FlowPair,  # that `sample` of each of the times answers for
        times: Sequence[float],
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Iterator[Tensor]:
        """`stream` of a pair that is on the motion grid already."""
        times = check_times(times)
        if isinstance(motion, Trajectory) and len(motion.to0) != 1:
            raise ValueError(f"The trajectory holds {len(motion.to0)} pairs; render them one at a time.")
        motion = motion.to(self.device)
        check_grid(pair, motion.to0, "trajectory")
        return self._render(pair, times, lambda i: motion.sample(times[i]), progress, should_stop)

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

    def _whole(self, pair: ImagePair, motion, times, progress, should_stop) -> Tensor:
        frames = pair.image0.new_empty((len(times), 3, *pair.size), device="cpu")
        for i, frame in enumerate(self.stream_pair(pair, motion, times, progress, should_stop)):
            frames[i] = frame
        return frames

    def _render(self, pair, times, flow_at, progress, should_stop) -> Iterator[Tensor]:
        how = self.device, self.dtype, self.memory
        return render_frames(self.networks, pair, times, flow_at, *how, progress, should_stop)

    def _looked_at(
        self, pair: ImagePair, before: Tensor | None, after: Tensor | None
    ) -> tuple[View, View, Beside | None, Beside | None]:
        """Frames beside the pair lie as far from it as its images from each other."""
        ends = ((before, pair.image0, "before", "image0"), (after, pair.image1, "after", "image1"))
        beside = [None if frame is None else ImagePair.of(frame, end, names=names) for frame, end, *names in ends]
        views = [None if more is None else self.look(more.image0) for more in beside]
        sides = (None if v is None else Beside(v, time) for v, time in zip(views, (-1.0, 2.0), strict=True))
        return *self.look_at(pair), *sides

    @torch.no_grad()
    def _views(self, *small: Tensor) -> tuple[View, ...]:  # (1, 3, h, w) each
        with mixed(self.device, self.dtype):
            latents = self.networks["autoencoder"].encode(images := torch.cat(small))  # a copy: frames are let go
            features = self.networks["motion"].encode(latents.contiguous(memory_format=torch.channels_last))
        return tuple(View.of(images[i : i + 1], features[i : i + 1]) for i in range(len(images)))

    def _keyframes(self, first: View, second: View, count, seed, steps, generated, should_stop) -> Keyframes:
        autoencoder, small = self.networks["autoencoder"], (first.small, second.small)
        check_stop(should_stop)
        times = uniform_times(count)
        with mixed(self.device, self.dtype):
            motion = flows_between(self.networks["between"], first, second, times, memory=self.memory)
            check_stop(should_stop)
            base, validity = warped_keyframes(autoencoder, *small, motion)
            if not generated:
                return base
            generator = self.networks["generator"]
            return generate(generator, autoencoder, *small, base, validity, seed, steps, should_stop=should_stop)

    def _fit_keyframes(
        self, small0, small1, keyframes, progress=None, should_stop=None, long_range="best"
    ) -> Trajectory:
        estimator = (self.networks[name] for name in ("motion", "between", "fusion", "autoencoder"))
        with mixed(self.device, self.dtype):
            return fit_keyframes(*estimator, small0, small1, keyframes, progress, should_stop, long_range)

    def _wants_generated(self, keyframes: str) -> bool:
        if keyframes not in SOURCES:
            raise ValueError(f"keyframes is {keyframes!r}; give 'auto', 'straight' or 'generated'.")
        if keyframes == "generated" and "generator" not in self.networks:
            raise ValueError("These weights hold no keyframe generator; take straight motion or other weights.")
        return keyframes != "straight" and "generator" in self.networks
