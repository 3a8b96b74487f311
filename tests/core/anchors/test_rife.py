import pytest
import torch
from random_anchors import write_rife

from rdvfi_core.anchors.rife import Rife


@pytest.fixture(scope="module")
def rife(tmp_path_factory):
    path = tmp_path_factory.mktemp("rife") / "rife.pth"
    return path, write_rife(path)


def pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(0)).unbind()


def test_the_published_names_are_read(rife):
    path, network = rife
    loaded = Rife.load(path)
    with torch.no_grad():
        found, expected = (n(*pair(64, 128), torch.tensor([0.25])) for n in (loaded, network))
    for name in ("to0", "to1", "share0", "frame"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert not any(p.requires_grad for p in loaded.parameters())


@pytest.mark.parametrize("size", [(65, 97), (30, 200), (128, 64)])
def test_frames_of_any_size_mix_both_images_in_their_shares(rife, size):
    one, two = torch.full((1, 3, *size), 0.25), torch.full((1, 3, *size), 0.75)
    found = Rife.load(rife[0])(one, two, torch.tensor([0.5]))
    assert found.frame.shape == (1, 3, *size) and found.to0.shape == found.to1.shape == (1, 2, *size)
    torch.testing.assert_close(found.frame, (0.75 - 0.5 * found.share0).expand_as(found.frame))


def test_every_pair_of_a_batch_has_its_own_time(rife):
    network, (image0, image1) = Rife.load(rife[0]), pair(64, 64)
    both = network(image0.expand(2, -1, -1, -1), image1.expand(2, -1, -1, -1), torch.tensor([0.2, 0.9]))
    for index, tau in enumerate((0.2, 0.9)):
        alone = network(image0, image1, torch.tensor([tau])).frame
        torch.testing.assert_close(both.frame[index : index + 1], alone, atol=1e-5, rtol=0)
    assert (both.frame[0] - both.frame[1]).abs().max() > 1e-4


def test_what_is_no_rife_is_refused_in_one_sentence(tmp_path):
    torch.save({"encode.cnn3.weight": torch.zeros(16, 4, 4, 4)}, tmp_path / "half.pth")
    (tmp_path / "torn.pth").write_bytes(b"torn")
    for name in ("half.pth", "torn.pth", "none.pth"):
        with pytest.raises(ValueError, match=f"{name} holds no RIFE 4.25 or 4.26 .*; give its file"):
            Rife.load(tmp_path / name)
