"""Stage 2, one-step diffusion: estimator and phi_s are frozen, the generator learns to denoise the true keyframes of
windows, at noise times whose lower bound rises to 1 during training.

    L = 1.0 L_theta + 0.5 L_rec

L_theta is the squared error of the denoised keyframes, not of v. The two differ by a factor: z = alpha z_t - sigma v,
so an error of v is that of z divided by sigma, and the v loss of a network that predicts z over a base grows without
bound as t nears 0. At the end of training, where every t is 1, they are the same. L_rec goes through the decoding
chain: keyframes -> fit_keyframes -> sample -> phi_s -> frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..conventions import KEYFRAMES
from ..keyframes.autoencoder import Autoencoder
from ..keyframes.diffusion import add_noise, denoised, training_time
from ..keyframes.generator import KeyframeGenerator
from ..keyframes.keyframes import Keyframes, from_frames
from ..motion.fitting import fit_keyframes
from ..precision import mixed
from ..weights.networks import renderer
from .cache import Cache
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .keyframe_sources import warped_base
from .losses import FrameLoss
from .motion import LARGEST
from .processes import Share
from .rendering import window_losses, window_sheet
from .windows import Footage, WindowBatch

TERMS = ("latent", "latent+l2", "full")  # the ablation: L_theta alone, with L2 on frames, with all of L_rec
LATENT_WEIGHT, FRAME_WEIGHT = 1.0, 0.5


@dataclass(frozen=True)
class Lesson:
    """A window and what its networks that do not learn make of it. z's are latents on the latent grid."""

    window: WindowBatch
    z: Tensor  # (P, N, C, h, w) the true keyframes
    z0: Tensor  # (P, C, h, w)
    z1: Tensor
    base: Tensor  # (P, N, C, h, w) by the motion in between
    validity: Tensor  # (P, N, 1, h, w)


def train_generation(
    plan: TrainingPlan,
    networks: dict[str, nn.Module],  # all but perhaps keyframe_synthesis
    footage: Footage,
    frame_loss: FrameLoss,
    terms: str = "full",
    cache: Path | None = None,
    cached: int = 1000,
) -> KeyframeGenerator:
    """Trains the generator in the run folder and returns its average. cache: folder for `cached` batches that are
    prepared once and then drawn in another order each time round; without it every batch is new."""
    generator = trained(networks["generator"], plan.device)
    named = ("autoencoder", "motion", "between", "fusion")
    still = *(networks[name] for name in named), renderer(networks, keyframed=True)
    autoencoder, motion, between, fusion, synthesis = (frozen(network, plan.device) for network in still)
    extent = {"cached": cached} if cache is not None else {}
    settings = plan.settings("generator", terms=terms, loss=frame_loss.name, **vars(footage), **extent)
    run = Run(plan, {"generator": generator}, settings)

    def windows(share: Share) -> Iterator[WindowBatch]:
        return footage.windows(plan, share, KEYFRAMES, LARGEST)

    def prepared(window: WindowBatch) -> Lesson:
        with mixed(plan.device):
            return prepare(window.to(plan.device), autoencoder, motion, between)

    def batches(share: Share) -> Iterator[Lesson]:
        if cache is None:
            return map(prepared, windows(share))
        data = plan.settings("cache", **vars(footage))
        store = Cache(cache, cached, data, (autoencoder, motion, between), plan.processes)
        store.fill(windows, lambda window: _packed(prepared(window)))
        return map(_unpacked, store.batches(share, plan.seed))

    def frames(lesson: Lesson, z: Tensor) -> Losses:
        found = Keyframes(z, lesson.window.knot_times[1:-1], autoencoder.space)
        trajectory = fit_keyframes(motion, between, fusion, autoencoder, *lesson.window.ends, found)
        return window_losses(trajectory, synthesis, lesson.window, frame_loss)

    def losses(lesson: Lesson, progress: float) -> Losses:
        lesson = _moved(lesson, plan.device)
        with mixed(plan.device):
            z = denoise(generator, lesson, progress)
            found = latent_losses(z, lesson)
            if terms == "latent":
                return found
            rendered = frames(lesson, z)
        loss = LATENT_WEIGHT * found["loss"] + FRAME_WEIGHT * rendered.pop("loss")
        return rendered | {"latent": found["loss"].detach(), "base": found["base"], "loss": loss}

    @torch.no_grad()
    def sheet(lesson: Lesson) -> Sheet:
        lesson = _moved(lesson, plan.device)
        with mixed(plan.device):
            z = denoise(generator, lesson, 1.0)
            found = Keyframes(z, lesson.window.knot_times[1:-1], autoencoder.space)
            trajectory = fit_keyframes(motion, between, fusion, autoencoder, *lesson.window.ends, found)
            rows = window_sheet(trajectory, synthesis, lesson.window)
            middle = z.shape[1] // 2
            kinds = {"true": lesson.z, "warped": lesson.base, "generated": z}
            pictures = {name: autoencoder.decode(latents[:3, middle]) for name, latents in kinds.items()}
            for i in range(min(3, len(z))):
                rows[f"middle keyframe of window {i}"] = [(name, shown[i]) for name, shown in pictures.items()]
        return rows

    run.train(batches, losses, sheet)
    return run.averaged["generator"]


@torch.no_grad()
def prepare(window: WindowBatch, autoencoder: Autoencoder, motion: nn.Module, between: nn.Module) -> Lesson:
    true = from_frames(autoencoder, window.knots, window.knot_times).latents.float()
    base, validity = warped_base(window, autoencoder, motion, between)
    return Lesson(window, true[:, 1:-1], true[:, 0], true[:, -1], base.latents.float(), validity.float())


def denoise(generator: KeyframeGenerator, lesson: Lesson, progress: float) -> Tensor:
    """Noises the true keyframes and has them denoised: (P, N, C, h, w) float32. Noise and its times come from torch's
    own generator, which the run seeds by the batch."""
    random = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    t = training_time(progress, random, len(lesson.z)).to(lesson.z.device)
    noise = torch.randn(lesson.z.shape, generator=random).to(lesson.z)
    z_t = add_noise(lesson.z, noise, t)
    times = torch.tensor(lesson.window.knot_times[1:-1], device=z_t.device)
    output = generator(z_t, lesson.z0, lesson.z1, lesson.base, lesson.validity, times, t)
    return denoised(z_t, output.float(), t)


def latent_losses(z: Tensor, lesson: Lesson) -> Losses:
    """`base` is what the motion in between alone would score."""
    return {"loss": (z - lesson.z).square().mean(), "base": (lesson.base - lesson.z).square().mean()}


def _moved(lesson: Lesson, device: torch.device) -> Lesson:
    return _mapped(replace(lesson, window=lesson.window.to(device)), lambda tensor: tensor.to(device))


def _mapped(lesson: Lesson, change: Callable[[Tensor], Tensor]) -> Lesson:
    tensors = {name: change(value) for name, value in vars(lesson).items() if isinstance(value, Tensor)}
    return replace(lesson, **tensors)


def _packed(lesson: Lesson) -> tuple[dict[str, Tensor], dict]:
    """Tensors and plain values, as a cache keeps them."""
    window = lesson.window
    tensors = {name: value for name, value in vars(lesson).items() if isinstance(value, Tensor)}
    tensors |= {"first": window.first, "second": window.second, "targets": torch.stack(window.targets)}
    return tensors | {"knots": window.knots}, {"times": window.times, "knot_times": window.knot_times}


def _unpacked(stored: tuple[dict[str, Tensor], dict]) -> Lesson:
    tensors, values = stored
    images = {name: tensors.pop(name) for name in ("first", "second", "knots")}
    targets = tuple(tensors.pop("targets"))
    window = WindowBatch(targets=targets, **images, **{name: tuple(times) for name, times in values.items()})
    return Lesson(window, **tensors)
