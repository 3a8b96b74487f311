"""Our networks under ComfyUI's model management, and core's frame interpolation protocol."""

from __future__ import annotations

from collections.abc import Sequence

import comfy.model_management as mm
import comfy.model_patcher
import comfy.ops
import torch
from comfy.cli_args import args
from torch import Tensor, nn

from ..rdvfi_core.conventions import KEYFRAMES
from ..rdvfi_core.image_pair import ImagePair
from ..rdvfi_core.memory import Memory, frame_bytes, phase1_bytes
from ..rdvfi_core.motion.views import View
from ..rdvfi_core.pipeline import Interpolator
from ..rdvfi_core.precision import has_fast_bfloat16
from ..rdvfi_core.weights.networks import load_networks
from .images import range_of

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEMORY = Memory(mm.get_free_memory, mm.soft_empty_cache, (mm.OOM_EXCEPTION,))


class Networks(nn.Module):
    """All networks of a weights file as one module, which ComfyUI loads and offloads as a whole.

    It also answers the calls of core's FrameInterpolate node: `get_dtype`, `memory_used_forward`, `extract_features`,
    `forward` and `forward_multi_timestep`, with images (B, 3, H, W) in [0, 1]."""

    def __init__(self, networks: dict[str, nn.Module], precision: torch.dtype):
        super().__init__()
        self.parts = nn.ModuleDict(networks)
        self.precision = precision

    def interpolator(self, device: torch.device) -> Interpolator:
        return Interpolator(dict(self.parts), device, self.precision, MEMORY)

    @property
    def space(self) -> str:
        """Name of the latent space that the estimator reads."""
        return self.parts["autoencoder"].space

    def get_dtype(self) -> torch.dtype:
        """Of the weights, and so of the images that core hands over; convolutions run in `precision`."""
        return torch.float32

    def memory_used_forward(self, shape: Sequence[int], dtype: torch.dtype) -> int:  # (N, H, W, C) -> bytes
        return memory_required(*shape[1:3])

    def extract_features(self, image: Tensor) -> View:
        """What phase 1 reads from an image, once for both of its pairs."""
        range_of(image, "images")
        return self.interpolator(image.device).look(image.clamp(0, 1))  # sharpened ones go a little beyond

    def forward(self, image0: Tensor, image1: Tensor, timestep: Tensor, cache: dict) -> Tensor:
        """timestep: (B, 1, H, W), constant over each image. The B images of each side are one image, repeated."""
        return self.forward_multi_timestep(image0[:1], image1[:1], timestep[:, 0, 0, 0].tolist(), cache)

    def forward_multi_timestep(self, image0: Tensor, image1: Tensor, times: Sequence[float], cache: dict) -> Tensor:
        """(T, 3, H, W) at all times. cache: holds what `extract_features` gave of both images."""
        interpolator, pair = self.interpolator(image0.device), ImagePair.of(image0.clamp(0, 1), image1.clamp(0, 1))
        views = cache["img0"], cache["img1"]
        pair.keep_small(image0.device, *(view.small for view in views))
        motion = interpolator.between(*views, times, should_stop=interrupted)
        frames = list(interpolator.stream_pair(pair, motion, times, should_stop=interrupted))
        return torch.stack(frames)


def load_patcher(path: str, precision: str = "auto"):
    """A ModelPatcher around the networks of a weights file."""
    device = mm.get_torch_device()
    networks = Networks(load_networks(path, comfy.ops.disable_weight_init), chosen_precision(precision, device))
    networks.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    mm.archive_model_dtypes(networks)
    # Looked up when it is needed, because ComfyUI replaces this class at its start when it manages memory dynamically.
    return comfy.model_patcher.CoreModelPatcher(networks, load_device=device, offload_device=mm.unet_offload_device())


def chosen_precision(name: str, device: torch.device) -> torch.dtype:
    if name != "auto":
        return PRECISIONS[name]
    if args.force_fp32:
        return torch.float32
    if mm.should_use_bf16(device) or (device.type == "cpu" and has_fast_bfloat16(device)):
        return torch.bfloat16
    return torch.float16 if mm.should_use_fp16(device) else torch.float32


def memory_required(height: int, width: int, keyframes: int = KEYFRAMES) -> int:
    """Bytes beside the weights, for the larger of the two phases and one frame at a time."""
    return max(phase1_bytes(keyframes), frame_bytes(height, width))


def loaded(model, height: int = 0, width: int = 0, keyframes: int = KEYFRAMES) -> Interpolator:
    """The model's networks, on the device with room for phase 1, and for frames of (height, width) where they are
    given. To be asked again before each phase: another node's models may have taken the place meanwhile."""
    mm.load_models_gpu([model], memory_required=memory_required(height, width, keyframes))
    return model.model.interpolator(model.load_device)


class Loaded:
    """For `retime.render`: the model is asked for again before each phase of each pair."""

    def __init__(self, model, size: tuple[int, int]):  # (H, W)
        self._model, self._size = model, size

    def look_at(self, *pair, **more):
        return loaded(self._model).look_at(*pair, **more)

    def between(self, *views, **more):
        return loaded(self._model).between(*views, **more)

    def stream_pair(self, *pair, **more):
        return loaded(self._model, *self._size).stream_pair(*pair, **more)


def interrupted() -> bool:
    """Raises ComfyUI's own exception when the user has stopped the queue."""
    mm.throw_exception_if_processing_interrupted()
    return False
