"""What tests/comfy/test_backbones.py asks of diffusion backbones. Runs inside ComfyUI's own process, where the pack is
the package `pack`. Each function answers with what JSON can hold."""

from __future__ import annotations

from functools import cache

import comfy.clip_vision
import comfy.patcher_extension
import comfy.sd
import tiny_backbones as tiny
import torch
from comfy_extras import nodes_custom_sampler as core
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from comfy_extras.nodes_wan import WanFirstLastFrameToVideo, WanFunInpaintToVideo
from pack.nodes import latents
from pack.nodes.backbones import bridge, wan
from pack.nodes.keyframes import RDVFIKeyframes
from pack.rdvfi_core.keyframes import known_ends

SIDE, COUNT = 64, 3  # of the clip that a backbone makes: 3 latents, 9 frames of Wan
LENGTH = 4 * (COUNT - 1) + 1


def picture(seed: int, height: int = SIDE, width: int = SIDE, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, height, width, 3, generator=torch.Generator().manual_seed(seed))


def text(seed: int, width: int = 4096) -> list:
    return [[torch.randn(1, 5, width, generator=torch.Generator().manual_seed(seed)), {}]]


def clip_features(seed: int, tokens: int = 7):
    output = comfy.clip_vision.Output()
    output.penultimate_hidden_states = torch.randn(1, tokens, 1280, generator=torch.Generator().manual_seed(seed))
    output.image_embeds = torch.randn(1, 1024, generator=torch.Generator().manual_seed(seed))
    return output


@cache
def wan_model(kind: str = "i2v", channels: int = 36):
    return comfy.sd.load_diffusion_model_state_dict(tiny.wan(kind, channels))


@cache
def wan_vae():
    return comfy.sd.VAE(sd=tiny.wan_vae())


@cache
def svd_vae():
    return comfy.sd.VAE(sd=tiny.svd_vae())


def lora_weights() -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(shape, generator=torch.Generator().manual_seed(9)) for shape in ((128, 2), (2, 128)))


def with_lora(model):
    up, down = lora_weights()
    layer = "diffusion_model.blocks.0.self_attn.q"
    lora = {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down}
    return comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0.0)[0]


def keyframes(model, start, end, count=COUNT, **more) -> dict:
    given = {"source": "auto", "steps": 1, "seed": 7, "vae": wan_vae(), "long_side": SIDE} | more
    return RDVFIKeyframes.execute(model, start, end, count, **given).result[0]


def from_core(model, positive, negative, latent, steps: int, cfg: float, scheduler: str = "simple") -> torch.Tensor:
    """RandomNoise, BasicGuider or CFGGuider, KSamplerSelect, BasicScheduler, SamplerCustomAdvanced."""
    if cfg == 1:
        guider = core.BasicGuider.execute(model, positive).result[0]
    else:
        guider = core.CFGGuider.execute(model, positive, negative, cfg).result[0]
    sampler, sigmas = (
        core.KSamplerSelect.execute("euler").result[0],
        core.BasicScheduler.execute(model, scheduler, steps, 1.0).result[0],
    )
    noise = core.RandomNoise.execute(7).result[0]
    return core.SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent).result[0]["samples"]


def equal_to_core_nodes() -> dict:
    start, end, zeros = picture(1), picture(2), [[torch.zeros(1, 1, 4096), {}]]
    nothing = comfy.clip_vision.Output()
    nothing.penultimate_hidden_states = torch.zeros(1, 1, 1280)
    size = (wan_vae(), SIDE, SIDE, LENGTH, 1)
    found = {}

    positive, negative, latent = WanFunInpaintToVideo.execute(
        zeros, zeros, *size, start_image=start, end_image=end, clip_vision_output=nothing
    ).result
    found["one step, no text"] = torch.equal(
        keyframes(wan_model(), start, end)["samples"], from_core(wan_model(), positive, negative, latent, 1, 1.0)
    )

    first, last, model = clip_features(3), clip_features(4), with_lora(wan_model())
    positive, negative, latent = WanFirstLastFrameToVideo.execute(
        text(5), text(6), *size, start, end, first, last
    ).result
    theirs = from_core(ModelSamplingSD3().patch(model, 5.0)[0], positive, negative, latent, 3, 4.0)
    given = {"positive": text(5), "negative": text(6), "clip_vision_start_image": first, "clip_vision_end_image": last}
    ours = keyframes(model, start, end, steps=3, cfg=4.0, shift=5.0, **given)["samples"]
    found["steps, cfg, shift, text, CLIP, LoRA"] = torch.equal(ours, theirs)
    plain = keyframes(wan_model(), start, end, steps=3, cfg=4.0, shift=5.0, **given)["samples"]
    found["the LoRA counts"] = not torch.equal(ours, plain)

    positive, negative, latent = WanFirstLastFrameToVideo.execute(
        zeros, zeros, *size, start_image=start, end_image=end
    ).result
    without_clip = wan_model("t2v", 36)  # Wan 2.2 image-to-video
    found["a model without CLIP"] = torch.equal(
        keyframes(without_clip, start, end)["samples"], from_core(without_clip, positive, negative, latent, 1, 1.0)
    )
    return found


def counted(model) -> tuple:
    """The MODEL with a list of the shapes that its network is called with."""
    calls = []

    def note(executor, x, *args, **kwargs):
        calls.append(list(x.shape))
        return executor(x, *args, **kwargs)

    model = model.clone()
    model.add_wrapper(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, note)
    return model, calls


def several_pairs_in_one_call() -> dict:
    starts, ends = picture(1, batch=3), picture(2, batch=3)
    model, calls = counted(wan_model())
    together = keyframes(model, starts, ends)["samples"]
    alone = [keyframes(wan_model(), starts[i : i + 1], ends[i : i + 1])["samples"] for i in range(3)]
    return {"calls": calls, "difference": (together - torch.cat(alone)).abs().max().item()}


def what_the_vae_sees() -> dict:
    """Of pictures twice as wide as the clip: whole, not cropped, in one call of four dimensions."""
    start, end = picture(1, 96, 128), picture(2, 96, 128)
    seen = []

    class Spy:
        def __getattr__(self, name):
            return getattr(wan_vae(), name)

        def encode(self, clip):
            seen.append(clip)
            return wan_vae().encode(clip)

    made = keyframes(wan_model(), start, end, vae=Spy())
    (clip,) = seen
    small = torch.nn.functional.interpolate(start.movedim(-1, 1), (SIDE, SIDE), mode="bilinear", antialias=True)
    return {
        "shape": list(clip.shape),
        "whole": torch.allclose(clip[:1], small.movedim(1, -1), atol=1e-6),
        "grey": bool((clip[1:-1] == 0.5).all()),
        "times": list(made["rdvfi"]["times"]),
        "space": made["rdvfi"]["space"],
        "latent": list(made["samples"].shape),
    }


def tiny_autoencoder() -> dict:
    """Three copies of I0 before the clip: latent 0 is then the latent of I0 alone, and it decodes to as many frames."""
    vae = comfy.sd.VAE(sd=tiny.tiny_autoencoder())
    start, end = picture(1)[0].movedim(-1, 0), picture(2)[0].movedim(-1, 0)
    encoded = wan.encode_clip(vae, known_ends.wan_clip(start, end, LENGTH))
    still = vae.encode(start.movedim(0, -1)[None].expand(4, -1, -1, -1))
    frames = bridge.decode_frames(encoded, vae, [4])
    whole = vae.decode(encoded)[0, 4].movedim(-1, 0).clamp(0, 1)
    return {
        "latents": encoded.shape[2],
        "first": (encoded[:, :, 0] - still[:, :, 0]).abs().max().item(),
        "frame": (frames[0] - whole).abs().max().item(),
        "works": list(keyframes(wan_model(), picture(1), picture(2), vae=vae)["samples"].shape),
    }


def the_bridge() -> dict:
    """Only the latents that the wanted frames need are decoded."""
    made = keyframes(wan_model(), picture(1), picture(2), 4)["samples"]
    asked = []

    class Spy:
        def __init__(self, vae):
            self.vae = vae

        def __getattr__(self, name):
            return getattr(self.vae, name)

        def decode(self, samples):
            asked.append(list(samples.shape))
            return self.vae.decode(samples)

    frames = bridge.decode_frames(made, Spy(wan_vae()), [4, 8])
    whole = wan_vae().decode(made)[0][[4, 8]].movedim(-1, 1)
    images = torch.randn(1, 4, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    few = bridge.decode_frames(images, Spy(svd_vae()), [1, 3])
    batch = svd_vae().decode(images[0].movedim(0, 1))[[1, 3]].movedim(-1, 1)
    return {
        "asked": asked,
        "wan": (frames - whole).abs().max().item(),
        "svd": (few - batch).abs().max().item(),
        "frames": [bridge.frame_count(7, wan_vae()), bridge.frame_count(7, svd_vae())],
    }


def times_of_latents() -> dict:
    """One time per latent: its frame is the last that it holds."""
    from pack.nodes.networks import load_patcher
    from pack.rdvfi_core.weights.files import shipped

    made = keyframes(wan_model(), picture(1), picture(2), 4)["samples"]
    model = load_patcher(str(shipped()), "fp32")
    found = latents.chosen_from_latent({"samples": made}, model, wan_vae(), 0, True, (0.0, 0.2, 0.9, 1.0))
    truth = latents.loaded(model).encode_frames(bridge.decode_frames(made, wan_vae(), [4, 8]), (0.2, 0.9))
    return {"times": list(found.times), "equal": torch.equal(found.latents, truth.latents)}


def svd() -> dict:
    from pack.nodes.backbones import svd as family

    model, calls = counted(tiny.svd())
    start, end, embedding = picture(1), picture(2), clip_features(3)
    given = {"vae": svd_vae(), "clip_vision_start_image": embedding, "fps": 12, "motion_bucket": 40}
    made = keyframes(model, start, end, 5, **given)
    swapped = keyframes(model, end, start, 5, **given)["samples"]

    rows = torch.zeros(5, 4, 8, 8)
    rows[[0, -1]] = svd_vae().encode(torch.cat((start, end)))
    values = {"concat_latent_image": rows, "fps": 12, "motion_bucket_id": 40, "augmentation_level": 0.0}
    positive = [[embedding.image_embeds[None], values]]
    negative = [
        [torch.zeros_like(embedding.image_embeds[None]), values | {"concat_latent_image": torch.zeros_like(rows)}]
    ]
    latent = {"samples": torch.zeros(5, 4, 8, 8)}
    theirs = from_core(model, positive, negative, latent, 1, 1.0, "karras")
    guided = from_core(model, positive, negative, latent, 3, 2.5, "karras")
    ours = keyframes(model, start, end, 5, steps=3, cfg=2.5, **given)["samples"]
    augmented = [keyframes(model, start, end, 5, augmentation=0.1, **given)["samples"] for _ in range(2)]
    return {
        "call": calls[0],
        "times": list(made["rdvfi"]["times"]),
        "space": made["rdvfi"]["space"],
        "latent": list(made["samples"].shape),
        "one step": torch.equal(made["samples"], theirs),
        "guided": torch.equal(ours, guided),
        "ends matter": not torch.allclose(made["samples"], swapped, atol=1e-3),
        "augmentation": torch.equal(*augmented) and not torch.equal(augmented[0], made["samples"]),
        "embedding": list(family._embedding(embedding.image_embeds)[0][0].shape),
        "video": list(latents.video(made).shape),
    }


CHECKS = (
    equal_to_core_nodes,
    several_pairs_in_one_call,
    what_the_vae_sees,
    tiny_autoencoder,
    the_bridge,
    times_of_latents,
    svd,
)


def answers(*checks) -> dict:
    with torch.inference_mode():
        return {check.__name__: check() for check in (*CHECKS, *checks)}
