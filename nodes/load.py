"""RDVFI Load Model."""

from __future__ import annotations

import os

import comfy.model_management as mm
import folder_paths
import torch
from comfy_api.latest import io

from ..rdvfi_core.weights.files import load_null_text, shipped
from .networks import PRECISIONS, interrupted, load_patcher
from .types import CATEGORY, InterpolationModel, Model

FOLDER = "rdvfi"
SHARED_FOLDERS = ("diffusion_models", "loras")
BUILT_IN = "built-in"
TEXT_CHANNELS = 4096  # of Wan's text


def register_folder() -> None:
    """models/rdvfi, beside what other packs or the user's settings may have registered under the name. A file of a
    whole system lies in the folder rdvfi below those that core's loaders read, and is found there by both."""
    folder_paths.add_model_folder_path(FOLDER, os.path.join(folder_paths.models_dir, FOLDER))
    for kind in SHARED_FOLDERS:
        for path in folder_paths.get_folder_paths(kind):
            folder_paths.add_model_folder_path(FOLDER, os.path.join(path, FOLDER))
    paths, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (paths, {".safetensors"})


class RDVFILoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RDVFILoadModel",
            display_name="RDVFI Load Model",
            category=CATEGORY,
            description="Loads the networks that estimate motion and fuse frames. The built-in weights come with the "
            "pack: nothing is downloaded.",
            search_aliases=["vfi", "rife", "film", "frame interpolation model", "in-between"],
            inputs=[
                io.Combo.Input(
                    "weights",
                    options=[BUILT_IN, *folder_paths.get_filename_list(FOLDER)],
                    default=BUILT_IN,
                    tooltip="The weights that come with the pack, or a file in models/rdvfi, or in a folder rdvfi in "
                    "models/diffusion_models or models/loras.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["auto", *PRECISIONS],
                    default="auto",
                    advanced=True,
                    tooltip="Precision of the convolutions. auto: bf16 or fp16 where the device is fast at it, else "
                    "fp32. Motion itself is always kept in fp32.",
                ),
            ],
            outputs=[
                Model.Output(display_name="model", tooltip="For the RDVFI nodes."),
                io.Vae.Output(
                    display_name="vae",
                    tooltip="Decodes RDVFI keyframes with the core node VAE Decode, to look at them.",
                ),
                InterpolationModel.Output(
                    display_name="interp_model",
                    tooltip="The same model for core's own node FrameInterpolate.",
                ),
                io.Conditioning.Output(
                    display_name="text",
                    tooltip="The text that a whole system's diffusion model was trained with, for positive of RDVFI "
                    "Keyframes. Zeros where the file holds none.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, weights: str) -> bool | str:
        if weights != BUILT_IN and folder_paths.get_full_path(FOLDER, weights) is None:
            return f"There is no weights file {weights} in models/rdvfi; choose another one or {BUILT_IN}."
        return True

    @classmethod
    def fingerprint_inputs(cls, weights: str, precision: str) -> tuple:
        file = os.stat(_path(weights))
        return weights, precision, file.st_mtime_ns, file.st_size

    @classmethod
    def execute(cls, weights: str, precision: str) -> io.NodeOutput:
        patcher = load_patcher(_path(weights), precision)
        text = load_null_text(_path(weights))
        if text is None:
            text = torch.zeros(1, 1, TEXT_CHANNELS)
        return io.NodeOutput(patcher, KeyframeVAE(patcher), patcher, [[text.float(), {}]])


def _path(weights: str) -> str:
    return str(shipped()) if weights == BUILT_IN else folder_paths.get_full_path_or_raise(FOLDER, weights)


class KeyframeVAE:
    """The built-in latent space behind the calls that core's VAE Decode and VAE Encode make."""

    def __init__(self, patcher):
        self.patcher = patcher

    def decode(self, latents: torch.Tensor, vae_options: dict | None = None) -> torch.Tensor:
        """(B, C, N, h, w) -> (B, N, H, W, 3), or (B, C, h, w) -> (B, H, W, 3)."""
        autoencoder = self._autoencoder()
        if latents.shape[1] != autoencoder.channels:
            raise ValueError(
                f"These latents have {latents.shape[1]} channels, RDVFI keyframes have {autoencoder.channels}; decode "
                "them with the VAE of the model they come from."
            )
        video = latents.ndim == 5
        planes = latents.movedim(1, 2).flatten(0, 1) if video else latents
        frames = torch.cat([autoencoder.decode(p[None].to(self.patcher.load_device).float()) for p in planes])
        frames = frames.movedim(1, -1).to(mm.intermediate_device(), mm.intermediate_dtype())
        return frames.unflatten(0, (len(latents), -1)) if video else frames

    def encode(self, images: torch.Tensor) -> torch.Tensor:  # (B, H, W, 3), sides multiples of 8 -> (B, C, h, w)
        autoencoder = self._autoencoder()
        height, width = (side // 8 * 8 for side in images.shape[1:3])
        planes = images[:, :height, :width, :3].movedim(-1, 1)
        latents = [autoencoder.encode(p[None].to(self.patcher.load_device).float()) for p in planes]
        return torch.cat(latents).to(mm.intermediate_device())

    def temporal_compression_decode(self) -> None:
        return None

    def spacial_compression_decode(self) -> int:  # the name core calls it by
        return 8

    def _autoencoder(self) -> torch.nn.Module:
        interrupted()
        mm.load_models_gpu([self.patcher])
        return self.patcher.model.parts["autoencoder"]
