"""Keyframes: made, encoded, fitted, refused."""

import pytest
import torch
from small_networks import random_networks, textured

from rdvfi_core import Interpolator, Interrupted, pipeline
from rdvfi_core.conventions import motion_size, uniform_times
from rdvfi_core.keyframes.keyframes import Keyframes
from rdvfi_core.trajectory.trajectory import MAPS, Trajectory


@pytest.fixture(scope="module")
def generating() -> Interpolator:
    networks = random_networks(generator=True)
    torch.nn.init.normal_(networks["generator"].head.weight, std=0.5)
    return Interpolator(networks, device="cpu")


def equal(a: Trajectory, b: Trajectory) -> bool:
    return a.times == b.times and all(torch.equal(getattr(a, name), getattr(b, name)) for name in MAPS)


def test_generated_keyframes_and_their_fit_are_the_whole_of_phase_1(generating, pair, monkeypatch):
    monkeypatch.setattr(pipeline, "KEYFRAMES", 2)
    found = generating.keyframes(*pair, 2, seed=3)
    assert found.times == uniform_times(2) and found.latents.shape == (1, 2, 6, 288 // 8, 416 // 8)
    assert found.space == "rdvfi"
    assert equal(generating.fit_keyframes(*pair, found), generating.fit(*pair, seed=3, keyframes="generated"))
    assert not torch.equal(generating.keyframes(*pair, 2, seed=4).latents, found.latents)


def test_straight_keyframes_need_no_generator_and_no_seed(generating, interpolator, pair):
    straight = interpolator.keyframes(*pair, 3)
    assert straight.times == uniform_times(3)
    assert torch.equal(interpolator.keyframes(*pair, 3, seed=5).latents, straight.latents)
    asked = generating.keyframes(*pair, 3, keyframes="straight")
    assert asked.times == straight.times and asked.space == straight.space
    assert not torch.equal(generating.keyframes(*pair, 3).latents, asked.latents)
    with pytest.raises(ValueError, match="hold no keyframe generator"):
        interpolator.keyframes(*pair, 3, keyframes="generated")


def test_several_steps_can_be_stopped_between_them(generating, pair):
    calls = []
    several = generating.keyframes(*pair, 1, steps=3, should_stop=lambda: calls.append(True))
    assert not torch.equal(several.latents, generating.keyframes(*pair, 1).latents)
    before_the_last = len(calls) - 1
    calls.clear()
    with pytest.raises(Interrupted, match="making of keyframes"):
        generating.keyframes(*pair, 1, steps=3, should_stop=lambda: calls.append(True) or len(calls) > before_the_last)


def test_frames_are_encoded_and_fitted_as_in_one_go(interpolator, pair):
    frames, times = torch.stack((pair[0], pair[1])), [0.25, 0.6]
    encoded = interpolator.encode_frames(frames, times)
    assert encoded.times == (0.25, 0.6) and encoded.space == "rdvfi"
    assert equal(interpolator.fit_keyframes(*pair, encoded), interpolator.fit_frames(*pair, frames, times))


def test_frames_fit_where_the_motion_grid_has_another_motion_grid(interpolator):
    """The grid's own aspect, rounded to 32 px, is not quite the images'."""
    height, width = 70, 560
    grid = motion_size(height, width)
    assert motion_size(*grid) != grid
    image = textured(height, width)
    trajectory = interpolator.fit_frames(image, image, image[None], [0.5])
    assert trajectory.to0.shape[-2:] == grid
    assert interpolator.encode_frames(image[None], [0.5], size=(64, 96)).latents.shape[-2:] == (8, 12)


def test_frames_through_keyframes_have_a_phi_s_of_their_own(interpolator, pair, monkeypatch):
    class Grey(torch.nn.Module):
        def forward(self, image0, image1, small0, small1, flows):
            return torch.full_like(image0, 0.5)

    straight = interpolator.fit(*pair, keyframes="straight")
    guided = interpolator.fit_keyframes(*pair, interpolator.encode_frames(torch.stack(pair), [0.3, 0.6]))
    plain = interpolator.render(*pair, guided, [0.4])
    before = interpolator.render(*pair, straight, [0.4])
    monkeypatch.setitem(interpolator.networks, "keyframe_synthesis", Grey())
    assert (interpolator.render(*pair, guided, [0.4]) == 0.5).all() and not (plain == 0.5).all()
    assert torch.equal(interpolator.render(*pair, straight, [0.4]), before)
    flows = [guided.sample(tau) for tau in (0.3, 0.4)]  # at a knot and between
    assert all((frame == 0.5).all() for frame in interpolator.fuse(*pair, flows))
    assert torch.equal(next(iter(interpolator.fuse(*pair, [straight.sample(0.4)]))), before[0])
    with pytest.raises(ValueError, match="Some of the flows were fitted through keyframes and some were not; use one"):
        interpolator.fuse(*pair, [straight.sample(0.4), *flows])


def test_one_direct_estimate_per_keyframe_leaves_out_the_chain(interpolator, pair, monkeypatch):
    keyframes = interpolator.encode_frames(torch.stack(pair), [0.3, 0.6])
    chained = interpolator.fit_keyframes(*pair, keyframes)
    monkeypatch.setitem(interpolator.networks, "fusion", None)  # it is not asked
    direct = interpolator.fit_keyframes(*pair, keyframes, long_range="direct")
    for name in ("previous", "next", "colour"):
        assert torch.equal(getattr(direct, name), getattr(chained, name))
    for name in ("to0", "to1"):
        assert not torch.equal(getattr(direct, name), getattr(chained, name))


@pytest.mark.parametrize(
    ("shape", "space", "message"),
    [
        ((1, 2, 6, 36, 52), "wan21", "in the latent space 'wan21', the weights work in 'rdvfi'; re-encode them"),
        ((1, 2, 16, 36, 52), "rdvfi", "of 52x36 with 16 channels, 1 in the batch, .* need 52x36 with 6, 1 in the"),
        ((1, 2, 6, 52, 36), "rdvfi", "of 36x52 with 6 channels, 1 in the batch, .* need 52x36 with 6, 1 in the"),
        ((2, 2, 6, 36, 52), "rdvfi", "of 52x36 with 6 channels, 2 in the batch, .* need 52x36 with 6, 1 in the batch"),
    ],
)
def test_keyframes_that_do_not_fit_are_refused(interpolator, pair, shape, space, message):
    with pytest.raises(ValueError, match=message) as error:
        interpolator.fit_keyframes(*pair, Keyframes(torch.zeros(shape), (0.3, 0.6), space))
    assert str(error.value).count("\n") == 0 and str(error.value).endswith(".")


def test_networks_are_neither_moved_nor_changed():
    networks = random_networks()
    kept = Interpolator(networks, device="meta", dtype=torch.bfloat16).networks
    assert all(kept[name] is network for name, network in networks.items())
    parameters = [p for network in networks.values() for p in network.parameters()]
    assert all((p.device.type, p.dtype, p.requires_grad) == ("cpu", torch.float32, True) for p in parameters)
