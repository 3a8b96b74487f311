"""Stage 1, motion-guided decoding: the trajectory estimator (phi1 and phi2) and phi_s learn to turn latent keyframes
into flow and frames, by L_rec on frames in between. The generator, where there is one, is frozen.

phi_s is one of its own, which starts as a copy of the one that renders along straight motion; it can learn alone. phi1
keeps its exact supervision on rendered pairs as a second term, as in `joint`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ..conventions import KEYFRAMES
from ..motion.fitting import fit_keyframes
from ..precision import mixed
from ..rendering.synthesis import KeyframeSynthesis
from ..trajectory.trajectory import Trajectory
from .engine import Losses, Run, Sheet, TrainingPlan, frozen, trained
from .keyframe_sources import draw_keyframes
from .losses import FrameLoss
from .motion import LARGEST
from .pairs import PairBatch
from .processes import Share
from .rendering import window_losses, window_sheet, with_motion_loss, with_pairs
from .windows import Footage, WindowBatch

DECODERS = ("motion", "fusion", "keyframe_synthesis")


def train_decoding(
    plan: TrainingPlan,
    networks: dict[str, nn.Module],  # all but perhaps keyframe_synthesis and generator
    footage: Footage,
    frame_loss: FrameLoss,
    alone: bool = False,  # phi_s alone
) -> dict[str, nn.Module]:
    """Trains the DECODERS in the run folder and returns their averages."""
    networks = {"keyframe_synthesis": KeyframeSynthesis.of(networks["synthesis"])} | networks
    autoencoder = frozen(networks["autoencoder"], plan.device)
    between = frozen(networks["between"], plan.device)
    generator = frozen(networks["generator"], plan.device) if "generator" in networks else None
    still = DECODERS[:-1] if alone else ()
    estimator = {name: frozen(networks[name], plan.device) for name in still}
    learning = {name: trained(networks[name], plan.device) for name in DECODERS if name not in still}
    networks = estimator | learning
    trains = "decoding, phi_s alone" if alone else "decoding"
    settings = plan.settings(trains, loss=frame_loss.name, generated=generator is not None, **vars(footage))
    run = Run(plan, learning, settings)

    def batches(share: Share) -> Iterator[tuple[WindowBatch, PairBatch | None]]:
        windows = footage.windows(plan, share, KEYFRAMES, LARGEST)
        return ((w, None) for w in windows) if alone else with_pairs(windows, plan, share, footage.textures)

    def fitted(window: WindowBatch) -> Trajectory:
        found = draw_keyframes(window, autoencoder, networks["motion"], between, generator)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not alone):
            return fit_keyframes(networks["motion"], between, networks["fusion"], autoencoder, *window.ends, found)

    def losses(data: tuple[WindowBatch, PairBatch | None], progress: float) -> Losses:
        window, pairs = data
        window = window.to(plan.device)
        with mixed(plan.device):
            terms = window_losses(fitted(window), networks["keyframe_synthesis"], window, frame_loss)
            return terms if pairs is None else with_motion_loss(terms, networks["motion"], autoencoder, pairs)

    @torch.no_grad()
    def sheet(data: tuple[WindowBatch, PairBatch | None]) -> Sheet:
        window = data[0].to(plan.device)
        with mixed(plan.device):
            return window_sheet(fitted(window), networks["keyframe_synthesis"], window)

    run.train(batches, losses, sheet)
    return run.averaged
