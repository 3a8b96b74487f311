"""What a backbone costs: seconds of each stage and peak memory on the device, measured through the code that the nodes
run. `rdvfi_core.commands.benchmark_backbone` starts this in a process of ComfyUI's own Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import comfy.model_management as mm
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ...rdvfi_core.conventions import KEYFRAMES, LATENT_STRIDE, motion_size, uniform_times
from ...rdvfi_core.keyframes.keyframes import Keyframes
from ...rdvfi_core.keyframes.known_ends import CLIP_WIDTH
from ...rdvfi_core.keyframes.latents import SVD, WAN21, frames_of
from ...rdvfi_core.pixels.warp import resize
from ...rdvfi_core.scenes.sample import sample_scene
from ...rdvfi_core.weights.files import shipped
from .. import keyframes as nodes
from ..latents import to_latent, video
from ..networks import load_patcher, loaded
from . import random_models, svd, wan
from .bridge import decode_frames, latent_frame
from .request import Request

REPEATS = 3
STAGES = ("VAE encode", "denoise", "bridge: VAE decode", "bridge: encode", "fit", "phase 2")


@dataclass(frozen=True)
class System:
    """A backbone with the networks that read its keyframes."""

    family: object  # the module wan or svd
    model: object
    vae: object
    networks: object
    latents: int  # keyframes, both ends included
    long_side: int  # of the clip; 0 for the motion grid


def build(family: str, scale: str) -> System:
    """family: "wan1.3b" or "svd". scale: "full", or "tiny" for a CPU."""
    device, small = mm.get_torch_device(), scale == "tiny"
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    networks = load_patcher(str(shipped()))
    latents, long_side = (3, 64) if small else (KEYFRAMES, 0)
    if family == "wan1.3b":
        model = random_models.wan(device, dtype, **random_models.SMALL_WAN if small else {})
        vae = random_models.wan_vae(**random_models.SMALL_WAN_VAE if small else {})
        return System(wan, model, vae, networks, latents, long_side)
    model = random_models.svd(device, dtype, **random_models.SMALL_SVD if small else {})
    return System(svd, model, random_models.svd_vae(), networks, latents, long_side)


def measure(system: System, width: int, height: int, frames: int) -> dict:
    """Seconds of each stage for one pair, phase 2 for `frames` frames, and peak bytes on a CUDA device."""
    device = mm.get_torch_device()
    scene = sample_scene(256, 448)  # enlarged: its drawing would take longer than the work that is measured
    start, end = (resize(scene.render(tau).image, height, width) for tau in (0.0, 1.0))
    runs = []
    with torch.inference_mode():
        for _ in range(REPEATS + 1):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            runs.append(dict(_stages(system, start, end, frames)))
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    seconds = {stage: median(run[stage] for run in runs[1:]) for stage in STAGES}  # the first run warms up
    return {"width": width, "height": height, "frames": frames, "seconds": seconds, "peak": peak}


def _stages(system: System, start: Tensor, end: Tensor, frames: int) -> Iterator[tuple[str, float]]:
    size = nodes.keyframe_size(*start.shape[-2:], system.long_side)
    request = Request(system.model, system.vae, resize(start, *size), resize(end, *size), system.latents, fps=24)
    encoded, seconds = _timed(lambda: system.family.encode(request))
    yield STAGES[0], seconds
    made, seconds = _timed(lambda: system.family.denoise(request, encoded))
    yield STAGES[1], seconds
    samples = video(to_latent(made))
    inner = [i for i, tau in enumerate(made.times) if 0 < tau < 1]
    rgb, seconds = _timed(lambda: decode_frames(samples, system.vae, [latent_frame(i, system.vae) for i in inner]))
    yield STAGES[2], seconds

    def encode() -> Keyframes:
        times = [made.times[i] for i in inner]
        return loaded(system.networks).encode_frames(rgb, times, motion_size(*start.shape[-2:]))

    keyframes, seconds = _timed(encode)
    yield STAGES[3], seconds
    trajectory, seconds = _timed(lambda: loaded(system.networks).fit_keyframes(start, end, keyframes))
    yield STAGES[4], seconds

    def render() -> None:
        for _ in loaded(system.networks, *start.shape[-2:]).stream(start, end, trajectory, uniform_times(frames)):
            pass  # a frame that has arrived on the CPU is a frame that is done

    yield STAGES[5], _timed(render)[1]


def _timed(work: Callable) -> tuple:
    device = mm.get_torch_device()
    began = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - began


def counted(family: str, width: int, height: int) -> dict:
    """Tokens and floating-point operations of the full-size networks for one pair, from shapes alone."""
    h, w = (side // LATENT_STRIDE for side in motion_size(height, width))
    blank = torch.empty
    with torch.device("meta"), torch.no_grad():
        parts = random_models.networks(family)
        model, vae = parts["model"], parts["vae"]
        if family == "wan1.3b":
            length, inner = frames_of(KEYFRAMES, WAN21.temporal_stride), KEYFRAMES - 1  # the last one's frame is I1
            clip = blank(1, wan.INPUT_CHANNELS, KEYFRAMES, h, w), blank(1), blank(1, 1, model.text_dim)
            tokens = KEYFRAMES * (h // 2) * (w // 2)
            calls = {
                "VAE encode": lambda: vae.encode(blank(1, 3, length, 8 * h, 8 * w)),
                "denoise": lambda: model(*clip, clip_fea=blank(1, 1, CLIP_WIDTH)),
                "bridge: VAE decode": lambda: vae.decode(blank(1, WAN21.channels, inner, h, w)),
            }
        else:
            tokens = KEYFRAMES * h * w
            frames = blank(KEYFRAMES, svd.INPUT_CHANNELS, h, w), blank(KEYFRAMES)
            context, y = (
                blank(KEYFRAMES, 1, svd.EMBEDDING_WIDTH),
                blank(KEYFRAMES, random_models.SVD_UNET["adm_in_channels"]),
            )
            calls = {
                "VAE encode": lambda: vae.encode(blank(2, 3, 8 * h, 8 * w)),
                "denoise": lambda: model(*frames, context=context, y=y, num_video_frames=KEYFRAMES),
                "bridge: VAE decode": lambda: vae.decode(blank(KEYFRAMES, SVD.channels, h, w)),
            }
        flops = {}
        for stage, call in calls.items():
            with FlopCounterMode(display=False) as counter:
                call()
            flops[stage] = counter.get_total_flops()
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    return {"width": width, "height": height, "tokens": tokens, "flops": flops, "parameters": parameters}
