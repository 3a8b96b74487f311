import pytest
import torch
from small_networks import random_networks, textured

from rdvfi_core import Interpolator


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(random_networks(), device="cpu")


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    return textured(65, 97, 1), textured(65, 97, 2)


@pytest.fixture(scope="module")
def fitted(interpolator, pair):
    return interpolator.fit(*pair)
