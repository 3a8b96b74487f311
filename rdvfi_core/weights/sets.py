"""Files of one system in full: a diffusion model (RDVFI-D, RDVFI-U) or a LoRA for it, with the networks that read its
latents.

One safetensors file. The networks lie in it as in any of our files (`files`). The diffusion model has ComfyUI's own
names behind "model.diffusion_model.", a LoRA for it behind "diffusion_model.", so that ComfyUI's loaders take the same
file. Metadata besides: "backbone" (JSON: "family", "kind", "times" of the keyframes). "null_text" may be a tensor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..callbacks import Progress, ShouldStop
from ..keyframes.keyframes import check_times
from . import files as weights
from . import key_names
from .tensor_files import Stored, TensorFile, read_header, write

FULL_PREFIX, LORA_PREFIX = weights.BACKBONE_PREFIXES
SYSTEMS = {"wan": "RDVFI-D (Wan)", "svd": "RDVFI-U (SVD)"}


@dataclass(frozen=True)
class Contents:
    """What a file holds, told by its keys."""

    file: TensorFile
    backbone: key_names.Backbone | None
    networks: tuple[str, ...]
    others: tuple[str, ...]  # keys of neither, such as a VAE in a checkpoint

    @property
    def space(self) -> str | None:
        return self.file.metadata.get("latent_space")

    @property
    def times(self) -> tuple[float, ...]:
        return tuple(json.loads(self.file.metadata["backbone"])["times"]) if "backbone" in self.file.metadata else ()

    def describe(self) -> str:
        lines = [self.file.path.name]
        if self.backbone is not None:
            kind = "whole model" if self.backbone.kind == "full" else "LoRA"
            lines.append(f"  {SYSTEMS[self.backbone.family]}: {kind}, {len(self.backbone.names)} tensors")
        if self.networks:
            lines.append(f"  networks: {', '.join(self.networks)}; latent space {self.space}")
        if self.times:
            lines.append(f"  {len(self.times)} keyframes at {', '.join(f'{time:.4g}' for time in self.times)}")
        if weights.NULL_TEXT in self.file.tensors:
            lines.append(f"  null text {self.file.tensors[weights.NULL_TEXT].shape}")
        if self.others:
            lines.append(f"  {len(self.others)} other tensors, such as {self.others[0]}")
        lines.append(f"  licence: {self.file.metadata.get('licence', 'not stated')}")
        return "\n".join(lines)


def inspect(path: str | Path) -> Contents:
    return _contents(read_header(path))


def join(
    paths: Sequence[str | Path],  # a diffusion model or LoRA, in several shards perhaps, and a file of our networks
    out: str | Path,
    times: Sequence[float] = (),  # of the keyframes, where both are given
    null_text: str | Path | None = None,  # a file with one tensor (1, L, D)
    licence: str | None = None,  # None for the networks' own
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Contents:
    """Writes one file under the names by which ComfyUI and this package load it, and says what is in it."""
    files = [read_header(path) for path in paths]
    _refuse_overwriting(out, files)
    ours = [file for file in files if file.metadata.get("format") == weights.FORMAT]
    if len(ours) > 1:
        raise ValueError(f"{ours[0].path.name} and {ours[1].path.name} both hold RDVFI networks; give one of them.")
    shards = [file for file in files if file not in ours]
    tensors, metadata = {}, {key: text for shard in shards for key, text in shard.metadata.items()}
    backbone = _join_shards(shards) if shards else None
    if backbone is not None:
        found, stored = backbone
        prefix = LORA_PREFIX if found.kind == "lora" else FULL_PREFIX if ours else ""
        tensors |= {prefix + native: stored[key] for key, native in found.names.items()}
    if ours:
        (file,) = ours
        if backbone is not None and any(key.startswith(weights.BACKBONE_PREFIXES) for key in file.tensors):
            raise ValueError(f"{file.path.name} holds a diffusion model already; give one model.")
        tensors |= file.tensors
        metadata |= file.metadata
        if backbone is not None:
            check_times(times)
            metadata["backbone"] = json.dumps(
                {"family": found.family, "kind": found.kind, "times": [float(time) for time in times]}
            )
    if null_text is not None:
        tensors[weights.NULL_TEXT] = _null_text(null_text)
    if licence is not None:
        metadata["licence"] = licence
    write(out, tensors, metadata, progress, should_stop)
    return inspect(out)


def _contents(file: TensorFile) -> Contents:
    configs = json.loads(file.metadata.get("configs", "{}"))
    ours = {key for key in file.tensors if key.partition(".")[0] in configs or key == weights.NULL_TEXT}
    rest = [key for key in file.tensors if key not in ours]
    backbone = key_names.recognise(rest, file.path.name) if rest else None
    others = tuple(key for key in rest if backbone is not None and key not in backbone.names)
    return Contents(file, backbone, tuple(configs), others)


def _join_shards(shards: list[TensorFile]) -> tuple[key_names.Backbone, dict[str, Stored]]:
    stored: dict[str, Stored] = {}
    for shard in shards:
        twice = [key for key in shard.tensors if key in stored]
        if twice:
            first = stored[twice[0]].path.name
            raise ValueError(f"{twice[0]} is in {first} and in {shard.path.name}; give one model, or all its shards.")
        stored |= shard.tensors
    return key_names.recognise(stored, " + ".join(shard.path.name for shard in shards)), stored


def _null_text(path: str | Path) -> Stored:
    file = read_header(path)
    shapes = [stored.shape for stored in file.tensors.values()]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
        raise ValueError(
            f"{file.path.name} holds tensors of {shapes}; a null text is one tensor (1, tokens, channels)."
        )
    return next(iter(file.tensors.values()))


def _refuse_overwriting(out: str | Path, files: list[TensorFile]) -> None:
    if any(Path(out).resolve() == file.path.resolve() for file in files):
        raise ValueError(f"{Path(out).name} is also an input; choose another name for the output.")
