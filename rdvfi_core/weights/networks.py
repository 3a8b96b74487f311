"""Which networks a weights file holds, and how they come to life."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ..keyframes.autoencoder import Autoencoder
from ..keyframes.generator import KeyframeGenerator
from ..motion.adjacent import AdjacentMotion
from ..motion.between import Between
from ..motion.fusion import IterativeFusion
from ..rendering.synthesis import KeyframeSynthesis, Synthesis
from . import files as weight_files

NETWORKS: dict[str, type[nn.Module]] = {
    "autoencoder": Autoencoder,
    "motion": AdjacentMotion,
    "between": Between,
    "fusion": IterativeFusion,
    "synthesis": Synthesis,
    "keyframe_synthesis": KeyframeSynthesis,
    "generator": KeyframeGenerator,
}
OPTIONAL = ("between", "keyframe_synthesis", "generator")


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


def check_complete(networks: dict[str, nn.Module]) -> None:
    missing = [name for name in NETWORKS if name not in networks and name not in OPTIONAL]
    if missing:
        raise ValueError(f"The weights lack the network '{missing[0]}'; choose a complete RDVFI weights file.")


def renderer(networks: dict[str, nn.Module], keyframed: bool) -> nn.Module:
    """phi_s for flows of a trajectory through keyframes or of one without. Keyframes show what lies between, so frames
    along them are made otherwise than along straight motion, where the colours at tau are the ends' own."""
    own = networks.get("keyframe_synthesis") if keyframed else None
    return networks["synthesis"] if own is None else own
