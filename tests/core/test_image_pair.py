import pytest
import torch

from rdvfi_core import image_pair
from rdvfi_core.conventions import motion_size
from rdvfi_core.image_pair import ImagePair
from rdvfi_core.pixels.warp import resize

CPU = torch.device("cpu")


def images(*shape: int, dtype=torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(*shape, generator=generator).to(dtype) for _ in range(2)]


def test_it_is_resized_once_for_all_who_ask(monkeypatch):
    calls = []
    monkeypatch.setattr(image_pair, "resize", lambda *given: calls.append(given) or resize(*given))
    image0, image1 = images(3, 300, 500, dtype=torch.float16)
    pair = ImagePair.of(image0, image1)
    small = pair.small(CPU)
    assert pair.small(CPU) is small and len(calls) == 2
    for image, found in zip((image0, image1), small, strict=True):
        assert torch.equal(found, resize(image[None].float(), *motion_size(300, 500)))
        assert found.shape[-2:] == pair.motion_size and found.dtype == torch.float32
    assert pair.size == (300, 500)


def test_planes_come_after_the_colours_of_their_image():
    (image0, image1), planes = images(1, 3, 64, 96), tuple(images(1, 2, 64, 96, dtype=torch.float64))
    for whole, image, plane in zip(
        ImagePair.of(image0, image1, planes).with_planes, (image0, image1), planes, strict=True
    ):
        assert torch.equal(whole, torch.cat((image, plane.float()), 1))
    assert ImagePair.of(image0, image1).with_planes[0] is image0


@pytest.mark.parametrize("shape", [(1, 64, 96), (1, 1, 64, 95), (2, 1, 64, 96)])
def test_planes_of_another_shape_are_refused(shape):
    image0, image1 = images(3, 64, 96)
    with pytest.raises(ValueError, match="give \\(1, E, H, W\\)"):
        ImagePair.of(image0, image1, (torch.zeros(1, 1, 64, 96), torch.zeros(shape)))


def test_what_is_wrong_with_an_image_is_said_by_its_own_name():
    with pytest.raises(ValueError, match="^Frame 3 is 96x64 and frame 4 is 96x70; resize"):
        ImagePair.of(torch.zeros(3, 64, 96), torch.zeros(3, 70, 96), names=("Frame 3", "frame 4"))
