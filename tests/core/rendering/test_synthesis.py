import pytest
import torch
import torch.nn.functional as F

from rdvfi_core.pixels.light import change, follow_time
from rdvfi_core.pixels.warp import backward_warp, resize, resize_flow
from rdvfi_core.precision import mixed
from rdvfi_core.rendering import synthesis
from rdvfi_core.rendering.synthesis import CANDIDATES, SHUFFLE, Synthesis
from rdvfi_core.trajectory.flow_pair import FlowPair

CROSS_FADE = 0.003  # weight of the plain cross-fade beside the two warps, before training, where a warp is seen
HARDLY = 0.03  # visibility of what is not seen


def network(seed: int = 0) -> Synthesis:
    torch.manual_seed(seed)
    return Synthesis(width=16, detail=8).eval().requires_grad_(False)


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).clamp(0, 1)


def flows(height: int = 64, width: int = 96, tau: float = 0.3, seed: int = 5) -> FlowPair:
    generator = torch.Generator().manual_seed(seed)

    def noise(channels: int) -> torch.Tensor:
        coarse = torch.rand(1, channels, 5, 6, generator=generator)
        return F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)

    return FlowPair(tau, 12 * noise(2) - 6, 12 * noise(2) - 6, noise(1), noise(1), noise(1), noise(3))


def pair(height: int, width: int, h: int = 64, w: int = 96) -> tuple[torch.Tensor, ...]:
    """Two pictures and their small copies."""
    images = picture(height, width, 1), picture(height, width, 2)
    return *images, *(resize(image, h, w) for image in images)


@pytest.fixture
def soft(monkeypatch):
    """Nothing of what bilinear warping takes is given back."""
    monkeypatch.setattr(synthesis, "lost", lambda image, flow: torch.zeros_like(flow[:, :1]))


@pytest.mark.parametrize("tau", [0.3, 0.5, 0.9])
def test_untrained_it_is_the_mean_of_the_warps_weighted_by_time_and_visibility(tau, soft):
    image0, image1, *_ = pair(64, 96)
    given = flows(tau=tau)
    found = network()(image0, image1, image0, image1, given)
    weight0, weight1 = (1 - tau) * (given.visible0 + HARDLY) ** 3, tau * (given.visible1 + HARDLY) ** 3
    weight2 = 1 - torch.maximum(given.visible0, given.visible1) + CROSS_FADE
    fade = (1 - tau) * image0 + tau * image1
    warped0, warped1 = backward_warp(image0, given.to0), backward_warp(image1, given.to1)
    follow_time(warped0, warped1, change(warped0, warped1), given.time)
    expected = (weight0 * warped0 + weight1 * warped1 + weight2 * fade) / (weight0 + weight1 + weight2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(128, 192), (97, 131), (67, 65), (33, 50), (200, 64)])
def test_any_size(height, width, soft):
    """The flows are carried to the images' size; even visibility makes the weights the same everywhere."""
    image0, image1, small0, small1 = pair(height, width)
    given = flows()
    even = torch.ones_like(given.visible0)
    given = FlowPair(0.3, given.to0, given.to1, even, even, even, given.colour)
    found = network()(image0, image1, small0, small1, given)
    assert found.shape == image0.shape
    warps = (backward_warp(i, resize_flow(f, height, width)) for i, f in ((image0, given.to0), (image1, given.to1)))
    candidates = (*warps, torch.lerp(image0, image1, 0.3))
    shares = torch.tensor((0.7 * (1 + HARDLY) ** 3, 0.3 * (1 + HARDLY) ** 3, CROSS_FADE))
    expected = sum(s * c for s, c in zip(shares / shares.sum(), candidates, strict=True))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_what_one_input_hides_is_taken_from_the_other():
    image0, image1, *_ = pair(64, 96)
    still, no, yes = torch.zeros(1, 2, 64, 96), torch.zeros(1, 1, 64, 96), torch.ones(1, 1, 64, 96)
    given = FlowPair(0.5, still, still, no, yes, yes, image0)
    found = network()(image0, image1, image0, image1, given)
    assert (found - image1).abs().mean() < 0.1 * (found - image0).abs().mean()


def test_swapping_the_inputs_mirrors_the_untrained_network():
    image0, image1, small0, small1 = pair(97, 131)
    there = flows(tau=0.25)
    back = FlowPair(0.75, there.to1, there.to0, there.visible1, there.visible0, there.coverage, there.colour)
    found, mirrored = network()(image0, image1, small0, small1, there), network()(image1, image0, small1, small0, back)
    torch.testing.assert_close(found, mirrored, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_inputs_at_rest_come_back(dtype):
    image = picture(70, 99, 1)
    small, still, yes = resize(image, 64, 96), torch.zeros(1, 2, 64, 96), torch.ones(1, 1, 64, 96)
    with mixed(torch.device("cpu"), dtype):
        found = network()(image, image, small, small, FlowPair(0.5, still, still, yes, yes, yes, small))
    torch.testing.assert_close(found, image, atol=1e-5, rtol=0)


def trained() -> Synthesis:
    """Random weights in the heads, too, which start at zero."""
    made = network()
    for head in (made.correction.decide, made.detail.decide):
        torch.nn.init.normal_(head.weight, std=0.2)
    return made.requires_grad_(True)


def test_frames_are_clamped_outside_training_only():
    made, given = trained().requires_grad_(False), (*pair(97, 131), flows())
    free, clamped = made.train()(*given), made.eval()(*given)
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(clamped, free.clamp(0, 1))


def test_gradients_reach_all_parameters():
    made = trained().train()
    made(*pair(97, 131), flows()).square().mean().backward()
    without = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_times_close_to_the_ends_give_ordinary_frames():
    image0, image1, small0, small1 = pair(97, 131)
    for tau in (1e-9, 1 - 1e-9):
        assert network()(image0, image1, small0, small1, flows(tau=tau)).isfinite().all()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (97, 131)])
def test_a_batch_of_times_equals_one_by_one(height, width):
    made, images = trained().requires_grad_(False), pair(height, width)
    one_by_one = [flows(tau=tau, seed=seed) for seed, tau in enumerate((0.3, 0.8, 0.55))]
    together = made(*(image.expand(3, -1, -1, -1) for image in images), FlowPair.batch(one_by_one))
    alone = torch.cat([made(*images, given) for given in one_by_one])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (alone[0] - alone[1]).abs().mean() > 0.01


def unpainted() -> Synthesis:
    """Random weights in the heads, but nothing is painted: frames are the candidates' mean."""
    made = trained().requires_grad_(False)
    before = 4 + CANDIDATES  # planes of the head ahead of the paint's three
    for head, start in ((made.correction.decide, before), (made.detail.decide, CANDIDATES)):
        for parameter in (head.weight, head.bias):
            parameter[start * SHUFFLE**2 : (start + 3) * SHUFFLE**2] = 0
    return made


def with_planes(images: tuple[torch.Tensor, ...], *planes: int) -> tuple[torch.Tensor, ...]:
    """The full-resolution images with some of their channels repeated, and a constant plane at the end."""
    image0, image1, *small = images
    return *(torch.cat((i, i[:, planes], torch.full_like(i[:, :1], 0.7)), 1) for i in (image0, image1)), *small


@pytest.mark.parametrize(("height", "width"), [(64, 96), (97, 131)])
def test_more_planes_follow_the_colours_motion(height, width, soft, monkeypatch):
    monkeypatch.setattr(synthesis, "follow_time", lambda *_: None)  # colours alone follow the light
    images, given = pair(height, width), flows()
    found = unpainted()(*with_planes(images, 0, 2), given)
    assert found.shape == (1, 6, height, width)
    torch.testing.assert_close(found[:, 3:5], found[:, 0:3:2], atol=1e-6, rtol=0)
    torch.testing.assert_close(found[:, 5], torch.full_like(found[:, 5], 0.7), atol=1e-6, rtol=0)


def test_more_planes_are_not_painted_and_leave_the_colour_alone():
    images, given, made = pair(97, 131), flows(), trained().requires_grad_(False)
    found = made(*with_planes(images, 0), given)
    assert torch.equal(found[:, :3], made(*images, given))
    assert (found[:, 3] - found[:, 0]).abs().mean() > 0.01  # the red is painted
    torch.testing.assert_close(found[:, 4], torch.full_like(found[:, 4], 0.7), atol=1e-6, rtol=0)
