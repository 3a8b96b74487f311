import re

import pytest
import torch
from random_anchors import random_anchors

from rdvfi_core.anchors.lpips import BACKBONES, Lpips, files


@pytest.fixture(scope="module")
def anchors(tmp_path_factory):
    return random_anchors(tmp_path_factory.mktemp("anchors"))


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 64, 72, generator=torch.Generator().manual_seed(1)).unbind()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_as_the_package_lpips_on_the_same_random_weights(tmp_path, pair, backbone):
    lpips = pytest.importorskip("lpips")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        published = lpips.LPIPS(pretrained=False, net=backbone, pnet_rand=True, verbose=False).eval()
    with torch.no_grad():
        for layer in published.lins:
            layer.model[1].weight.abs_()
        expected = published(*pair, normalize=True).flatten()
    state = published.state_dict()
    features = {re.sub(r"^net\.slice\d", "features", key): value for key, value in state.items() if "slice" in key}
    heads = {key: value for key, value in state.items() if re.match(r"lin\d", key)}
    for name, stored in zip(files(backbone), (features, heads), strict=True):
        torch.save(stored, tmp_path / name)
    torch.testing.assert_close(Lpips.load(tmp_path, backbone)(*pair), expected)
    assert expected.min() > 1e-3


@pytest.mark.parametrize("backbone", BACKBONES)
def test_equal_pictures_are_at_no_distance_and_gradients_lead_there(anchors, pair, backbone):
    distance, (image, target) = Lpips.load(anchors, backbone), pair
    assert torch.equal(distance(image, image), torch.zeros(2))
    image = image.clone().requires_grad_()
    before = distance(image, target)
    (gradient,) = torch.autograd.grad(before.sum(), image)
    step = 1e-3 * gradient / gradient.abs().max()
    assert (distance(image - step, target) < before).all()


def test_files_that_are_missing_or_something_else_are_refused_in_one_sentence(anchors, tmp_path):
    with pytest.raises(ValueError, match="LPIPS needs alexnet.pth, but there is no .*; put it there"):
        Lpips.load(tmp_path)
    (tmp_path / "alexnet.pth").write_bytes(b"torn")
    with pytest.raises(ValueError, match="damaged or no PyTorch file"):
        Lpips.load(tmp_path)
    (tmp_path / "alexnet.pth").write_bytes((anchors / "lpips_alex.pth").read_bytes())
    (tmp_path / "lpips_alex.pth").write_bytes((anchors / "lpips_alex.pth").read_bytes())
    with pytest.raises(ValueError, match="has no 'features.0.weight' in alexnet.pth or lpips_alex.pth; copy"):
        Lpips.load(tmp_path)
