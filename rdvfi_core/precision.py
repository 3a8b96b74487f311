"""Where networks run, and in what precision: bfloat16 for convolutions where the hardware is fast at it, float32
elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def default_device() -> torch.device:
    """A GPU where there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 convolutions outrun float32 ones: on CUDA from Ampere on, on CPUs with AMX tiles."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "cpu" and getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()


def mixed(device: torch.device, dtype: torch.dtype | None = None) -> AbstractContextManager:
    """Autocast to `dtype`; None chooses bfloat16 where it is fast, float32 turns it off."""
    if dtype is None:
        dtype = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if dtype == torch.float32 else dtype, dtype != torch.float32)
