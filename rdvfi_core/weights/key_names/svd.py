"""SVD's names: those of the original release, which ComfyUI loads, and those of diffusers'
UNetSpatioTemporalConditionModel."""

from __future__ import annotations

import re

NATIVE_MARK = "input_blocks.1.0.time_stack.in_layers.0.weight"
NATIVE_NEEDS = ("input_blocks.0.0.weight", "middle_block.1.proj_in.weight", "label_emb.0.0.weight", "out.2.weight")
BLOCKS = ("input_blocks", "output_blocks")
DIFFUSERS_MARK = "down_blocks.0.resnets.0.temporal_res_block.conv1.weight"
LORA_MARKS = (
    r"^(input|output|middle)_blocks?\.[\d.]+\.time_stack\.",
    r"^(down_blocks|mid_block|up_blocks)\..*temporal_(transformer|res)_block",
)

OUTSIDE = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
}
IN_A_RESNET = {
    "norm1.": "in_layers.0.",
    "conv1.": "in_layers.2.",
    "time_emb_proj.": "emb_layers.1.",
    "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.",
    "conv_shortcut.": "skip_connection.",
}
IN_AN_ATTENTION = {
    "temporal_transformer_blocks.": "time_stack.",
    "time_pos_embed.linear_1.": "time_pos_embed.0.",
    "time_pos_embed.linear_2.": "time_pos_embed.2.",
}


def is_diffusers(keys: set[str]) -> bool:
    return DIFFUSERS_MARK in keys or any(re.match(LORA_MARKS[1], key) for key in keys)


def to_native(key: str, keys: set[str]) -> str | None:
    """The native name of a diffusers name, None for a name that is not one. keys: all of the file, which tell how many
    layers a block has."""
    for theirs, ours in OUTSIDE.items():
        if key.startswith(theirs):
            return ours + key[len(theirs) :]
    found = re.match(
        r"(down_blocks|up_blocks|mid_block)\.(?:(\d+)\.)?(resnets|attentions|\w+samplers)\.(\d+)\.(.+)", key
    )
    if found is None:
        return None
    part, block, kind, layer, rest = found.groups()
    block, layer, layers = int(block or 0), int(layer), _layers(keys)
    if kind in ("downsamplers", "upsamplers"):
        if part == "down_blocks":
            return f"input_blocks.{(layers + 1) * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
        last = (layers + 1) * block + layers
        attended = any(other.startswith(f"up_blocks.{block}.attentions.") for other in keys)
        return f"output_blocks.{last}.{2 if attended else 1}.{rest}"
    place = 0 if kind == "resnets" else 1
    inner = _in_a_resnet(rest) if kind == "resnets" else _in_an_attention(rest)
    if inner is None:
        return None
    if part == "mid_block":
        return f"middle_block.{2 * layer + place}.{inner}"
    if part == "down_blocks":
        return f"input_blocks.{(layers + 1) * block + layer + 1}.{place}.{inner}"
    return f"output_blocks.{(layers + 1) * block + layer}.{place}.{inner}"


def _layers(keys: set[str]) -> int:
    """Residual layers of a block on the way down; SVD has two. The way up has one more."""
    found = [re.match(r"down_blocks\.0\.(?:resnets|attentions)\.(\d+)\.", key) for key in keys]
    return max((int(match.group(1)) for match in found if match), default=1) + 1


def _in_a_resnet(rest: str) -> str | None:
    if rest.startswith("time_mixer."):
        return rest
    part, _, rest = rest.partition(".")
    for theirs, ours in IN_A_RESNET.items():
        if rest.startswith(theirs):
            return {"spatial_res_block": "", "temporal_res_block": "time_stack."}[part] + ours + rest[len(theirs) :]
    return None


def _in_an_attention(rest: str) -> str:
    for theirs, ours in IN_AN_ATTENTION.items():
        if rest.startswith(theirs):
            return ours + rest[len(theirs) :]
    return rest
