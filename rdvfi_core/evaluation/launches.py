"""How many kernels a GPU would have to start for a piece of work, and how often the host would have to wait for it.

Counted where torch hands its operations to the device, so the numbers are exact, the same on every machine, and need no
GPU: every operation that makes or changes a tensor is at least one kernel, and every operation whose result the host
reads is a wait. Copies to the host (`cpu()`, `tolist()`) wait as well and are not told from other copies here."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

READS = {"_local_scalar_dense", "nonzero", "masked_select", "equal"}
VIEWS = {"_unsafe_view", "_reshape_alias", "unsafe_split", "empty", "empty_strided", "new_empty", "new_empty_strided"}


class Launches(TorchDispatchMode):
    """`with Launches() as counted:` then `counted.kernels` and `counted.waits`, and `counted.by_name`."""

    def __init__(self):
        super().__init__()
        self.by_name: Counter[str] = Counter()
        self.waits = 0

    @property
    def kernels(self) -> int:
        return self.by_name.total()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        if name in READS or _by_mask(name, args):
            self.waits += 1
        aliases = (value.alias_info for value in func._schema.returns)
        if name not in VIEWS and not any(alias and not alias.is_write for alias in aliases):
            self.by_name[name.rstrip("_")] += 1
        return made


def _by_mask(name: str, args: tuple) -> bool:
    indices = args[1] if name.startswith("index") and len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
    return any(isinstance(index, Tensor) and index.dtype == torch.bool for index in indices)
