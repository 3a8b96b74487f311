"""The rest of what tests/comfy/test_backbones.py asks inside ComfyUI's own process: files, and what is refused."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import comfy.ldm.modules.diffusionmodules.openaimodel
import comfy.ops
import comfy.sd
import comfy.utils
import tiny_backbones as tiny
import torch
from backbones_inside import (
    COUNT,
    keyframes,
    lora_weights,
    picture,
    svd_vae,
    text,
    wan_model,
    wan_vae,
    with_lora,
)  # fmt: skip
from pack.nodes import latents
from pack.nodes.backbones import random_models
from safetensors.torch import save_file

sys.path.append(str(Path(__file__).parents[1]))  # diffusers_names


def estimator_of_wans_latents() -> dict:
    """Weights whose estimator reads Wan's latents take them as they are: no VAE, nothing decoded."""
    from pack.nodes.networks import load_patcher
    from pack.nodes.trajectory import RDVFIFitTrajectory
    from pack.rdvfi_core.weights import files as weights
    from pack.rdvfi_core.weights.networks import NETWORKS

    configs = {
        "autoencoder": {"channels": 16, "width": 8, "space": "wan21"},
        "motion": {"latent_channels": 16, "fine": 8, "width": 16, "hidden": 12},
        "between": {"match": 16, "fine": 8, "widths": [12, 12, 12]},
        "fusion": {"fine": 8, "hidden": 12},
    }
    shipped = weights.load(weights.shipped())
    networks = {name: NETWORKS[name](**config) for name, config in configs.items()}
    config, state = shipped.network("synthesis")
    networks["synthesis"], configs["synthesis"] = weights.build(NETWORKS["synthesis"], config, state), config
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/wan.safetensors"
        weights.save(path, networks, configs, {"latent_space": "wan21", "licence": "none"})
        model = load_patcher(path, "fp32")
    samples = torch.randn(1, 16, 3, 44, 44, generator=torch.Generator().manual_seed(0))
    latent = {"samples": samples, "rdvfi": {"times": (0.0, 0.5, 1.0), "space": "wan21"}}
    taken = latents.from_latent(latent, model, (352, 352))
    fitted = RDVFIFitTrajectory.execute(model, picture(1), picture(2), False, latent).result[0]
    chosen = latents.chosen_from_latent(latent, model, None, 1, True)
    return {
        "space": taken.space,
        "untouched": torch.equal(taken.latents, samples.movedim(1, 2)),
        "knots": list(fitted.times),
        "chosen": list(chosen.times),
    }


def converted_files() -> dict:
    """Weights under diffusers' names: ComfyUI does not know them, and makes the same keyframes of them when converted,
    also from the file of a whole system."""
    import diffusers_names
    from pack.nodes.networks import load_patcher
    from pack.rdvfi_core.weights.files import shipped
    from pack.rdvfi_core.weights.key_names import recognise
    from pack.rdvfi_core.weights.sets import join

    start, end, truth = picture(1), picture(2), keyframes(wan_model(), picture(1), picture(2))["samples"]
    state, found = tiny.wan(), {}
    named = {f"transformer.{theirs}": state[ours] for theirs, ours in diffusers_names.wan(2).items()}
    with tempfile.TemporaryDirectory() as folder:
        given, out, system = (f"{folder}/{name}.safetensors" for name in ("given", "out", "system"))
        save_file(named, given)
        try:
            comfy.sd.load_diffusion_model(given)
        except RuntimeError:
            found["unknown before"] = True
        join([given], out)
        join([given, shipped()], system, (0.0, 0.5, 1.0))
        for name, path in (("model", out), ("system", system)):
            model = comfy.sd.load_diffusion_model(path)
            found[name] = torch.equal(keyframes(model, start, end)["samples"], truth)
        found["networks"] = sorted(load_patcher(system, "fp32").model.parts)

        up, down = lora_weights()
        names = ("transformer.blocks.0.attn1.to_q.lora_B.weight", "transformer.blocks.0.attn1.to_q.lora_A.weight")
        save_file(dict(zip(names, (up, down), strict=True)), given)
        join([given, shipped()], system, (0.0, 0.5, 1.0))
        lora = comfy.utils.load_torch_file(system)
        model = comfy.sd.load_lora_for_models(wan_model(), None, lora, 1.0, 0.0)[0]
        theirs = keyframes(with_lora(wan_model()), start, end)["samples"]
        found["LoRA"] = torch.equal(keyframes(model, start, end)["samples"], theirs)
    with torch.device("meta"):
        unet = comfy.ldm.modules.diffusionmodules.openaimodel.UNetModel(
            **random_models.SVD_UNET, device="meta", operations=comfy.ops.disable_weight_init
        )
    native = recognise(diffusers_names.svd(), "svd").names.values()
    found["SVD's names"] = set(native) == set(unet.state_dict())
    return found


def refusals() -> dict:
    """Sentence by what is wrong; nothing may be encoded or sampled before."""
    import comfy.model_base

    start, end, worked = picture(1), picture(2), []

    class Untouched:
        def __init__(self, vae):
            self.vae = vae

        def __getattr__(self, name):
            return getattr(self.vae, name)

        def encode(self, pixels):
            worked.append("encode")
            return self.vae.encode(pixels)

    class Other:  # a MODEL of another class, without its network
        def __init__(self, kind):
            self.model = kind.__new__(kind)

    def sentence(model, vae=None, **more) -> str:
        try:
            keyframes(model, *more.pop("images", (start, end)), more.pop("count", COUNT), vae=vae, **more)
        except ValueError as error:
            return str(error)
        return "nothing was refused"

    vae, image_vae = Untouched(wan_vae()), Untouched(svd_vae())
    svd_model = tiny.svd()
    camera, sv3d = comfy.model_base.WAN21_Vace, comfy.model_base.SV3D_u
    for kind in (camera, sv3d, comfy.model_base.Flux):
        torch.nn.Module.__init__(Other(kind).model)
    others = {kind: Other(kind) for kind in (camera, sv3d, comfy.model_base.Flux)}
    found = {
        "an image model": sentence(others[comfy.model_base.Flux], vae),
        "text only": sentence(wan_model("t2v", 16), vae),
        "control": sentence(wan_model("i2v", 48), vae),
        "VACE": sentence(others[camera], vae),
        "no VAE": sentence(wan_model()),
        "another VAE": sentence(wan_model(), image_vae),
        "Hunyuan's tiny autoencoder": sentence(
            wan_model(), Untouched(comfy.sd.VAE(sd={k: v.half() for k, v in tiny.tiny_autoencoder().items()}))
        ),
        "two latents": sentence(wan_model(), vae, count=2),
        "other text": sentence(wan_model(), vae, positive=text(1, 768)),
        "straight": sentence(wan_model(), vae, source="straight"),
        "unequal batches": sentence(wan_model(), vae, images=(picture(1, batch=2), end)),
        "SVD: no VAE": sentence(svd_model),
        "SVD: another VAE": sentence(svd_model, vae),
        "SVD: two frames": sentence(svd_model, image_vae, count=2),
        "SVD: two pairs": sentence(svd_model, image_vae, images=(picture(1, batch=2), picture(2, batch=2))),
        "SV3D": sentence(others[sv3d], image_vae),
    }
    return {"sentences": found, "worked": worked}


CHECKS = (estimator_of_wans_latents, converted_files, refusals)
