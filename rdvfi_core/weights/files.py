"""Weight files: one safetensors file for a set of networks.

Tensors are named "<network>.<parameter>". Metadata, all strings: "format" and "version" of this layout, "configs"
(JSON: the constructor arguments of each network), "latent_space", "licence", and any free text beside them.

A file may also hold the diffusion model, or a LoRA for one, that makes keyframes for these networks, under the names by
which ComfyUI loads it from the same file (`sets`). It is left unread here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..files import whole_file

FORMAT = "rdvfi-weights"
VERSION = "1"
BACKBONE_PREFIXES = ("model.diffusion_model.", "diffusion_model.")  # a whole model, a LoRA
NULL_TEXT = "null_text"  # key of a tensor (1, L, D)
NAMED = 3  # how many wrong keys a message names


@dataclass(frozen=True, eq=False)
class WeightSet:
    states: dict[str, dict[str, Tensor]]  # network -> state dict, on the CPU, in the stored precision
    configs: dict[str, dict]  # network -> constructor arguments
    metadata: dict[str, str]  # "latent_space", "licence" and free text

    def network(self, name: str) -> tuple[dict, dict[str, Tensor]]:
        """(config, state) of one network: `build(KeyframeGenerator, *weights.network("generator"))`."""
        if name not in self.states:
            raise ValueError(f"The weights hold no network '{name}', only {_some(self.states)}; choose another file.")
        return self.configs[name], self.states[name]


def shipped() -> Path:
    """The weights that come with the package."""
    return Path(__file__).parents[1] / "pretrained" / "rdvfi-s.safetensors"


def save(
    path: str | Path,
    networks: Mapping[str, nn.Module],
    configs: Mapping[str, dict],
    extra: Mapping[str, str],  # "latent_space" and "licence" at least
    dtype: torch.dtype | None = None,  # stored precision of floating-point weights; None keeps theirs
) -> None:
    """An interrupted save leaves no half file under the name."""
    _check_request(networks, configs, extra)
    tensors = {}
    for name, network in networks.items():
        for key, tensor in network.state_dict().items():
            tensors[f"{name}.{key}"] = _stored(f"{name}.{key}", tensor, dtype)
    metadata = {**extra, "format": FORMAT, "version": VERSION, "configs": json.dumps(dict(configs), sort_keys=True)}
    with whole_file(path) as unfinished:
        save_file(tensors, unfinished, metadata)


def load(path: str | Path) -> WeightSet:
    """Reads a whole file onto the CPU and checks that it is one of ours; `build` makes a network of each part."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no weights file {path}; check the name, or use the weights that are shipped.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            ours = [key for key in file.keys() if not key.startswith((*BACKBONE_PREFIXES, NULL_TEXT))]
            tensors = {key: file.get_tensor(key) for key in ours}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name} is truncated or no safetensors file ({error}); copy it again.") from error
    configs = _configs(path, metadata)
    states: dict[str, dict[str, Tensor]] = {name: {} for name in configs}
    for key, tensor in tensors.items():
        name, _, parameter = key.partition(".")
        if name not in states:
            raise ValueError(f"{path.name} has a weight '{key}' of a network that it does not describe; save it anew.")
        states[name][parameter] = tensor
    free = {key: text for key, text in metadata.items() if key not in ("format", "version", "configs")}
    return WeightSet(states, configs, free)


def load_null_text(path: str | Path) -> Tensor | None:  # (1, L, D)
    """The text embedding that the diffusion model in a file was trained with, where the file holds one."""
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(NULL_TEXT) if NULL_TEXT in file.keys() else None


def build(network_class: type[nn.Module], config: dict, state: Mapping[str, Tensor], operations=nn) -> nn.Module:
    """network_class(**config) with exactly the weights `state`, in evaluation mode."""
    try:
        with torch.device("meta"):  # shapes only; asked of torch.nn because other operations may allocate lazily
            expected = network_class(**config).state_dict()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{network_class.__name__} cannot be made from its stored config {config}: {error}") from error
    _check_state(network_class.__name__, expected, state)
    network = network_class(**config, operations=operations)
    network.load_state_dict(dict(state), strict=True)
    return network.eval()


def _configs(path: Path, metadata: dict[str, str]) -> dict[str, dict]:
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "none")
        raise ValueError(f"{path.name} has the format '{found}', not '{FORMAT}'; choose an RDVFI weights file.")
    if metadata.get("version") != VERSION:
        found = metadata.get("version", "none")
        raise ValueError(f"{path.name} has layout version {found}, this package reads {VERSION}; update either.")
    try:
        configs = json.loads(metadata["configs"])
    except (KeyError, json.JSONDecodeError):
        configs = None
    if not isinstance(configs, dict) or not all(isinstance(config, dict) for config in configs.values()):
        raise ValueError(f"{path.name} does not describe its networks; its metadata was changed, so fetch it again.")
    return configs


def _check_state(owner: str, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    faults = {
        "lacks": [key for key in expected if key not in state],
        "does not know": [key for key in state if key not in expected],
        "has other shapes for": [
            f"{key} {tuple(expected[key].shape)} vs {tuple(state[key].shape)}"
            for key in expected
            if key in state and expected[key].shape != state[key].shape
        ],
    }
    found = "; ".join(f"it {verb} {_some(keys)}" for verb, keys in faults.items() if keys)
    if found:
        raise ValueError(f"These are not the weights of {owner} as configured: {found}.")


def _check_request(networks: Mapping[str, nn.Module], configs: Mapping[str, dict], extra: Mapping[str, str]) -> None:
    if set(networks) != set(configs):
        raise ValueError(f"Networks {_some(networks)} and configs {_some(configs)} must have the same names.")
    dotted = [name for name in networks if "." in name]
    if dotted:
        raise ValueError(f"Network names may not hold a dot, which ends the name in a key: {_some(dotted)}.")
    taken = [name for name in networks if name in ("model", "diffusion_model")]
    if taken:
        raise ValueError(f"Networks may not be called {_some(taken)}, which a diffusion model's keys begin with.")
    missing = [key for key in ("latent_space", "licence") if key not in extra]
    if missing:
        raise ValueError(f"The weights' extra text must state {_some(missing)}.")
    reserved = [key for key in ("format", "version", "configs") if key in extra]
    if reserved:
        raise ValueError(f"The extra text may not set {_some(reserved)}, which the file format uses itself.")


def _stored(key: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    if dtype is not None and tensor.is_floating_point():
        cast = tensor.to(dtype)
        if cast.isfinite().all() < tensor.isfinite().all():
            raise ValueError(f"{key} reaches {tensor.abs().max():.3g}, beyond {dtype}; store it in a wider precision.")
        tensor = cast
    return tensor.contiguous()


def _some(keys) -> str:
    keys = list(keys)
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return (", ".join(keys[:NAMED]) or "nothing") + more
