"""Whose weights a file holds, told by the names in it, and the names by which ComfyUI loads them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from . import svd, wan

FAMILIES = {"wan": wan, "svd": svd}
PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "unet.", "model.", "net.", "")
LORA = re.compile(r"\.(lora_(A|B|up|down)(\.default)?\.weight|alpha|diff|diff_b)$")
NAMED = 3  # how many wrong keys a message names


@dataclass(frozen=True)
class Backbone:
    """A diffusion model's keys under ComfyUI's names."""

    family: str  # "wan" or "svd"
    kind: str  # "full", or "lora" for a change of it
    names: dict[str, str]  # key in the file -> native name, without a prefix


def recognise(keys: Collection[str], file: str) -> Backbone:
    """file: what messages call it."""
    keys = set(keys)
    kind = "lora" if any(LORA.search(key) for key in keys) else "full"
    for prefix in PREFIXES:
        bare = {key.removeprefix(prefix): key for key in keys if key.startswith(prefix)}
        for family, names in FAMILIES.items():
            if _fits(names, set(bare), kind):
                return Backbone(family, kind, _native_names(names, bare, kind, file))
    raise ValueError(
        f"{file} holds {_some(sorted(keys))}, which are neither weights nor a LoRA of Wan or SVD; choose a diffusion "
        "model file of one of them."
    )


def _fits(names, keys: set[str], kind: str) -> bool:
    if kind == "full":
        return names.NATIVE_MARK in keys or names.DIFFUSERS_MARK in keys
    return any(re.match(mark, key) for mark in names.LORA_MARKS for key in keys)


def _native_names(names, bare: dict[str, str], kind: str, file: str) -> dict[str, str]:
    found = {key: key for key in bare}
    if names.is_diffusers(set(bare)):
        found = {key: names.to_native(key, set(bare)) for key in bare}
        strange = sorted(key for key, native in found.items() if native is None)
        if strange:
            raise ValueError(f"{file} has keys that its model does not: {_some(strange)}; update the package.")
    if kind == "full":
        _check_complete(names, set(found.values()), file)
    return {bare[key]: native for key, native in found.items()}


def _check_complete(names, native: set[str], file: str) -> None:
    """Every block has the keys of the others of its number's kind; a shard of a larger file lacks some."""
    missing = [key for key in names.NATIVE_NEEDS if key not in native]
    for blocks in names.BLOCKS:
        numbers = {int(m.group(1)) for key in native if (m := re.match(rf"{blocks}\.(\d+)\.", key))}
        missing += [f"{blocks}.{i}" for i in range(max(numbers, default=-1) + 1) if i not in numbers]
    if names is wan:
        inside: dict[str, set[str]] = {}
        for key in native:
            if found := re.match(r"blocks\.(\d+)\.(.+)", key):
                inside.setdefault(found.group(1), set()).add(found.group(2))
        whole = set().union(*inside.values()) if inside else set()
        missing += [f"blocks.{i}.{key}" for i, own in sorted(inside.items()) for key in sorted(whole - own)]
    if missing:
        raise ValueError(f"{file} lacks {_some(missing)}; it is incomplete, or one of several shards: name them all.")


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return (", ".join(keys[:NAMED]) or "nothing") + more
