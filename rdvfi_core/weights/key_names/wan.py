"""Wan's names: those of the original release, which ComfyUI loads, and those of diffusers' WanTransformer3DModel."""

from __future__ import annotations

import re

NATIVE_MARK = "head.modulation"
NATIVE_NEEDS = ("patch_embedding.weight", "head.head.weight", "time_projection.1.weight", "text_embedding.2.weight")
BLOCKS = ("blocks",)
DIFFUSERS_MARK = "condition_embedder.time_proj.weight"
LORA_MARKS = (r"^blocks\.\d+\.(self_attn|cross_attn|ffn)\.", r"^blocks\.\d+\.(attn[12]|ffn\.net)\.")

# Of diffusers -> native; the first that fits the start of a key, or of what follows "blocks.N.".
OUTSIDE = {
    "condition_embedder.time_embedder.linear_1.": "time_embedding.0.",
    "condition_embedder.time_embedder.linear_2.": "time_embedding.2.",
    "condition_embedder.time_proj.": "time_projection.1.",
    "condition_embedder.text_embedder.linear_1.": "text_embedding.0.",
    "condition_embedder.text_embedder.linear_2.": "text_embedding.2.",
    "condition_embedder.image_embedder.norm1.": "img_emb.proj.0.",
    "condition_embedder.image_embedder.ff.net.0.proj.": "img_emb.proj.1.",
    "condition_embedder.image_embedder.ff.net.2.": "img_emb.proj.3.",
    "condition_embedder.image_embedder.norm2.": "img_emb.proj.4.",
    "condition_embedder.image_embedder.pos_embed": "img_emb.emb_pos",
    "patch_embedding.": "patch_embedding.",
    "scale_shift_table": "head.modulation",
    "proj_out.": "head.head.",
}
IN_A_BLOCK = {
    "attn1.to_out.0.": "self_attn.o.",
    "attn1.to_": "self_attn.",
    "attn1.": "self_attn.",
    "attn2.to_out.0.": "cross_attn.o.",
    "attn2.to_": "cross_attn.",
    "attn2.add_k_proj.": "cross_attn.k_img.",
    "attn2.add_v_proj.": "cross_attn.v_img.",
    "attn2.norm_added_k.": "cross_attn.norm_k_img.",
    "attn2.": "cross_attn.",
    "norm2.": "norm3.",  # the only norm of a block that has weights
    "ffn.net.0.proj.": "ffn.0.",
    "ffn.net.2.": "ffn.2.",
    "scale_shift_table": "modulation",
}


def is_diffusers(keys: set[str]) -> bool:
    return DIFFUSERS_MARK in keys or any(re.match(LORA_MARKS[1], key) for key in keys)


def to_native(key: str, keys: set[str]) -> str | None:
    """The native name of a diffusers name, None for a name that is not one."""
    block = re.match(r"blocks\.\d+\.", key)
    start = block.group() if block else ""
    rest = key[len(start) :]
    for theirs, ours in (IN_A_BLOCK if block else OUTSIDE).items():
        if rest.startswith(theirs):
            return start + ours + rest[len(theirs) :]
    return None
