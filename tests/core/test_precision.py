import pytest
import torch

from rdvfi_core import precision
from rdvfi_core.precision import has_fast_bfloat16, mixed

CPU = torch.device("cpu")


def product_dtype(dtype: torch.dtype | None) -> torch.dtype:
    """What a float32 matrix product comes out as."""
    with mixed(CPU, dtype):
        return (torch.eye(4) @ torch.eye(4)).dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_products_are_made_in_the_precision_that_is_asked_for(dtype):
    assert product_dtype(dtype) == dtype
    assert (torch.eye(4) @ torch.eye(4)).dtype == torch.float32  # and nothing is left switched on


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_the_hardware_chooses_where_nobody_does(monkeypatch, fast, dtype):
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: fast)
    assert product_dtype(None) == dtype


@pytest.mark.parametrize(("major", "fast"), [(7, False), (8, True), (9, True)])
def test_bfloat16_is_fast_on_cuda_from_ampere_on(monkeypatch, major, fast):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 0))
    assert has_fast_bfloat16(torch.device("cuda")) is fast


def test_bfloat16_is_slow_on_other_devices_and_on_a_torch_that_does_not_know(monkeypatch):
    assert has_fast_bfloat16(torch.device("mps")) is False
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert has_fast_bfloat16(CPU) is False
