"""Names of diffusion models' weights: whose they are, and what ComfyUI calls them."""

import diffusers_names
import pytest

from rdvfi_core.weights.key_names import PREFIXES, recognise

BLOCKS = 3
WAN = diffusers_names.wan(BLOCKS)


def test_diffusers_names_of_wan_become_those_of_the_release():
    found = recognise(WAN, "wan.safetensors")
    assert (found.family, found.kind) == ("wan", "full")
    assert found.names == WAN


def test_diffusers_names_of_svd_become_as_many_others():
    names = diffusers_names.svd()
    found = recognise(names, "svd.safetensors")
    assert (found.family, found.kind) == ("svd", "full")
    assert len(names) == len(set(found.names.values())) == 1428
    examples = {
        "down_blocks.1.resnets.0.temporal_res_block.conv1.weight": "input_blocks.4.0.time_stack.in_layers.2.weight",
        "down_blocks.2.attentions.1.temporal_transformer_blocks.0.attn1.to_q.weight":
            "input_blocks.8.1.time_stack.0.attn1.to_q.weight",
        "down_blocks.0.downsamplers.0.conv.weight": "input_blocks.3.0.op.weight",
        "mid_block.resnets.1.spatial_res_block.norm2.bias": "middle_block.2.out_layers.0.bias",
        "up_blocks.0.upsamplers.0.conv.weight": "output_blocks.2.1.conv.weight",
        "up_blocks.1.upsamplers.0.conv.weight": "output_blocks.5.2.conv.weight",
        "up_blocks.3.attentions.2.time_mixer.mix_factor": "output_blocks.11.1.time_mixer.mix_factor",
        "add_embedding.linear_2.weight": "label_emb.0.2.weight",
    }  # fmt: skip
    assert {key: found.names[key] for key in examples} == examples


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("names", [list(WAN), list(WAN.values())], ids=["diffusers", "release"])
def test_prefixes_are_dropped(prefix, names):
    found = recognise([prefix + name for name in names], "wan.safetensors")
    assert set(found.names.values()) == set(WAN.values())


@pytest.mark.parametrize(
    "key, native",
    [
        ("transformer.blocks.7.attn1.to_out.0.lora_A.weight", "blocks.7.self_attn.o.lora_A.weight"),
        ("diffusion_model.blocks.7.cross_attn.k_img.lora_down.weight", "blocks.7.cross_attn.k_img.lora_down.weight"),
        ("blocks.0.ffn.net.0.proj.lora_B.weight", "blocks.0.ffn.0.lora_B.weight"),
    ],
)
def test_a_lora_for_wan(key, native):
    found = recognise([key], "lora.safetensors")
    assert (found.family, found.kind, found.names) == ("wan", "lora", {key: native})


def test_a_lora_for_svd():
    key = "unet.up_blocks.1.attentions.0.temporal_transformer_blocks.0.attn1.to_q.lora_A.weight"
    found = recognise([key], "lora.safetensors")
    assert (found.family, found.kind) == ("svd", "lora")
    assert found.names[key] == "output_blocks.3.1.time_stack.0.attn1.to_q.lora_A.weight"


def test_other_tensors_of_a_checkpoint_are_left_alone():
    keys = [f"model.diffusion_model.{name}" for name in WAN.values()] + ["first_stage_model.decoder.conv_in.weight"]
    assert "first_stage_model.decoder.conv_in.weight" not in recognise(keys, "checkpoint.safetensors").names


@pytest.mark.parametrize(
    "keys, words",
    [
        (["unet.conv_in.weight"], "neither weights nor a LoRA of Wan or SVD"),
        ([], "holds nothing"),
        ([key for key in WAN if key != "blocks.1.attn1.to_q.bias"], "lacks blocks.1.self_attn.q.bias"),
        ([key for key in WAN if not key.startswith("blocks.1.")], "lacks blocks.1;"),
        ([key for key in WAN if not key.startswith("proj_out")], "one of several shards"),
        ([*WAN, "blocks.0.adapter.weight"], "blocks.0.adapter.weight"),
        ([key for key in diffusers_names.svd() if "down_blocks.2.resnets.1" not in key and "down_blocks.2.attentions.1"
          not in key], "lacks input_blocks.8"),
    ],
)  # fmt: skip
def test_what_is_unknown_or_incomplete_is_refused_in_one_sentence(keys, words):
    with pytest.raises(ValueError, match="file.safetensors") as error:
        recognise(keys, "file.safetensors")
    assert words in str(error.value) and "\n" not in str(error.value)
