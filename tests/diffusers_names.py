"""The names of diffusers' state dicts of Wan and SVD, written down from its public model definitions."""

from __future__ import annotations

from collections.abc import Iterator

WAN = {  # diffusers name -> name in the original release; {} is a block's number
    "patch_embedding.weight": "patch_embedding.weight",
    "patch_embedding.bias": "patch_embedding.bias",
    "condition_embedder.time_embedder.linear_1.weight": "time_embedding.0.weight",
    "condition_embedder.time_embedder.linear_1.bias": "time_embedding.0.bias",
    "condition_embedder.time_embedder.linear_2.weight": "time_embedding.2.weight",
    "condition_embedder.time_embedder.linear_2.bias": "time_embedding.2.bias",
    "condition_embedder.time_proj.weight": "time_projection.1.weight",
    "condition_embedder.time_proj.bias": "time_projection.1.bias",
    "condition_embedder.text_embedder.linear_1.weight": "text_embedding.0.weight",
    "condition_embedder.text_embedder.linear_1.bias": "text_embedding.0.bias",
    "condition_embedder.text_embedder.linear_2.weight": "text_embedding.2.weight",
    "condition_embedder.text_embedder.linear_2.bias": "text_embedding.2.bias",
    "condition_embedder.image_embedder.norm1.weight": "img_emb.proj.0.weight",
    "condition_embedder.image_embedder.norm1.bias": "img_emb.proj.0.bias",
    "condition_embedder.image_embedder.ff.net.0.proj.weight": "img_emb.proj.1.weight",
    "condition_embedder.image_embedder.ff.net.0.proj.bias": "img_emb.proj.1.bias",
    "condition_embedder.image_embedder.ff.net.2.weight": "img_emb.proj.3.weight",
    "condition_embedder.image_embedder.ff.net.2.bias": "img_emb.proj.3.bias",
    "condition_embedder.image_embedder.norm2.weight": "img_emb.proj.4.weight",
    "condition_embedder.image_embedder.norm2.bias": "img_emb.proj.4.bias",
    "scale_shift_table": "head.modulation",
    "proj_out.weight": "head.head.weight",
    "proj_out.bias": "head.head.bias",
    "blocks.{}.scale_shift_table": "blocks.{}.modulation",
    "blocks.{}.attn1.norm_q.weight": "blocks.{}.self_attn.norm_q.weight",
    "blocks.{}.attn1.norm_k.weight": "blocks.{}.self_attn.norm_k.weight",
    "blocks.{}.attn2.norm_q.weight": "blocks.{}.cross_attn.norm_q.weight",
    "blocks.{}.attn2.norm_k.weight": "blocks.{}.cross_attn.norm_k.weight",
    "blocks.{}.attn2.norm_added_k.weight": "blocks.{}.cross_attn.norm_k_img.weight",
    "blocks.{}.norm2.weight": "blocks.{}.norm3.weight",
    "blocks.{}.norm2.bias": "blocks.{}.norm3.bias",
} | {
    f"blocks.{{}}.{theirs}.{end}": f"blocks.{{}}.{ours}.{end}"
    for theirs, ours in {
        "attn1.to_q": "self_attn.q",
        "attn1.to_k": "self_attn.k",
        "attn1.to_v": "self_attn.v",
        "attn1.to_out.0": "self_attn.o",
        "attn2.to_q": "cross_attn.q",
        "attn2.to_k": "cross_attn.k",
        "attn2.to_v": "cross_attn.v",
        "attn2.to_out.0": "cross_attn.o",
        "attn2.add_k_proj": "cross_attn.k_img",
        "attn2.add_v_proj": "cross_attn.v_img",
        "ffn.net.0.proj": "ffn.0",
        "ffn.net.2": "ffn.2",
    }.items()
    for end in ("weight", "bias")
}


def wan(blocks: int) -> dict[str, str]:
    """diffusers name -> original name of a whole model."""
    return {theirs.format(i): ours.format(i) for theirs, ours in WAN.items() for i in range(blocks)}


def svd() -> list[str]:
    """All 1428 names of the UNet of Stable Video Diffusion."""
    names = [f"{layer}.{end}" for layer in _outside() for end in ("weight", "bias")]
    for i in range(4):
        for j in range(2):
            names += _resnet(f"down_blocks.{i}.resnets.{j}", shortcut=j == 0 and i in (1, 2))
            names += _attention(f"down_blocks.{i}.attentions.{j}") if i < 3 else []
        names += _both(f"down_blocks.{i}.downsamplers.0.conv") if i < 3 else []
        for j in range(3):
            names += _resnet(f"up_blocks.{i}.resnets.{j}", shortcut=True)
            names += _attention(f"up_blocks.{i}.attentions.{j}") if i > 0 else []
        names += _both(f"up_blocks.{i}.upsamplers.0.conv") if i < 3 else []
    names += _attention("mid_block.attentions.0")
    return names + [name for j in range(2) for name in _resnet(f"mid_block.resnets.{j}", shortcut=False)]


def _outside() -> Iterator[str]:
    yield from ("conv_in", "conv_norm_out", "conv_out")
    for embedding in ("time_embedding", "add_embedding"):
        yield from (f"{embedding}.linear_1", f"{embedding}.linear_2")


def _both(layer: str) -> list[str]:
    return [f"{layer}.weight", f"{layer}.bias"]


def _resnet(name: str, shortcut: bool) -> list[str]:
    layers = ["norm1", "conv1", "time_emb_proj", "norm2", "conv2"]
    spatial = [f"spatial_res_block.{layer}" for layer in layers + ["conv_shortcut"] * shortcut]
    inside = spatial + [f"temporal_res_block.{layer}" for layer in layers]
    return [key for layer in inside for key in _both(f"{name}.{layer}")] + [f"{name}.time_mixer.mix_factor"]


def _attention(name: str) -> list[str]:
    layers = ["norm", "proj_in", "proj_out", "time_pos_embed.linear_1", "time_pos_embed.linear_2"]
    names = [key for layer in layers for key in _both(f"{name}.{layer}")] + [f"{name}.time_mixer.mix_factor"]
    for block in ("transformer_blocks.0", "temporal_transformer_blocks.0"):
        inside = ["norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2", "attn1.to_out.0", "attn2.to_out.0"]
        if block.startswith("temporal"):
            inside += ["norm_in", "ff_in.net.0.proj", "ff_in.net.2"]
        names += [key for layer in inside for key in _both(f"{name}.{block}.{layer}")]
        names += [f"{name}.{block}.{a}.to_{p}.weight" for a in ("attn1", "attn2") for p in "qkv"]
    return names
