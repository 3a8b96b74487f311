"""The whole method: with small random networks, and with the shipped weights where they exist."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from rdvfi_core import Interpolator, Interrupted, pipeline, weights
from rdvfi_core.autoencoder import Autoencoder
from rdvfi_core.clips import list_clips
from rdvfi_core.conventions import motion_size, uniform_times
from rdvfi_core.evaluation.baselines import blend
from rdvfi_core.fusion import IterativeFusion
from rdvfi_core.generator import KeyframeGenerator
from rdvfi_core.keyframes import Keyframes
from rdvfi_core.memory import Memory
from rdvfi_core.motion import AdjacentMotion
from rdvfi_core.synthesis import Synthesis
from rdvfi_core.trajectory import MAPS, FlowPair, Trajectory

SIZES = [(64, 64), (65, 97), (97, 65), (200, 120)]
CONFIGS = {
    "autoencoder": {"channels": 6, "width": 8},
    "motion": {"latent_channels": 6, "fine": 8, "width": 16, "hidden": 12},
    "fusion": {"fine": 8, "hidden": 12},
    "synthesis": {"width": 8, "detail": 8},
    "generator": {"channels": 6, "width": 16, "depth": 2, "heads": 2},
}
VAL = Path(__file__).parents[2].parent / "shared" / "data" / "val"


def random_networks(generator: bool = False) -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    chosen = {name: config for name, config in CONFIGS.items() if generator or name != "generator"}
    made = {name: pipeline.NETWORKS[name](**config) for name, config in chosen.items()}
    for head in (made["synthesis"].correction.decide, made["synthesis"].detail.decide):
        torch.nn.init.normal_(head.weight, std=0.05)  # they start at zero
    return {name: network.eval().to(memory_format=torch.channels_last) for name, network in made.items()}


def textured(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, height, width) in [0, 1]: detail down to about 4 px."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for cell, strength in ((32, 0.5), (12, 0.35), (5, 0.25)):
        coarse = torch.randn(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        layers.append(strength * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0])
    return (0.5 + 0.3 * sum(layers)).clamp(0, 1)


def moving(count: int, speed: tuple[int, int], height: int = 192, width: int = 256) -> list[torch.Tensor]:
    """`count` frames (3, height, width) of a texture that moves by `speed` (x, y) px a frame."""
    (x, y), last = speed, count - 1
    canvas = textured(height + abs(y) * last, width + abs(x) * last, seed=3)
    left, top = max(x, 0) * last, max(y, 0) * last
    return [canvas[:, top - y * i : top - y * i + height, left - x * i : left - x * i + width] for i in range(count)]


def psnr(frames: torch.Tensor, truth: torch.Tensor) -> float:
    return -10 * math.log10((frames - truth).square().mean().item() + 1e-12)


@pytest.fixture(scope="module")
def interpolator() -> Interpolator:
    return Interpolator(random_networks(), device="cpu")


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    return textured(65, 97, 1), textured(65, 97, 2)


@pytest.fixture(scope="module")
def fitted(interpolator, pair):
    return interpolator.fit(*pair)


# Random weights


def test_frames_that_exist_become_knots(interpolator, pair):
    frames = torch.stack((pair[0], pair[0], pair[1]))
    steps = []
    trajectory = interpolator.fit_frames(*pair, frames, [0.0, 0.25, 0.6], progress=lambda *step: steps.append(step))
    assert trajectory.times == (0.0, 0.25, 0.6, 1.0)  # the frame at 0 gives way to image0 itself
    assert steps[-1][0] == steps[-1][1]
    assert interpolator.render(*pair, trajectory, [0.4]).isfinite().all()
    with pytest.raises(ValueError, match="give \\(2, 3, H, W\\)"):
        interpolator.fit_frames(*pair, frames, [0.25, 0.6])
    with pytest.raises(Interrupted):
        interpolator.fit_frames(*pair, frames, [0.0, 0.25, 0.6], should_stop=lambda: True)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_and_both_ends_bit_for_bit(interpolator, height, width):
    image0, image1 = textured(height, width, 1), textured(height, width, 2)
    frames = interpolator(image0, image1, [0, 0.4, 1])
    assert frames.shape == (3, 3, height, width)
    assert (frames.dtype, frames.device.type) == (torch.float32, "cpu")
    assert torch.equal(frames[0], image0) and torch.equal(frames[2], image1)
    assert frames.isfinite().all() and 0 <= frames.min() and frames.max() <= 1
    assert not torch.equal(frames[1], image0) and not torch.equal(frames[1], image1)


def test_half_precision_goes_in_and_comes_out(interpolator, pair, fitted):
    half = [image.half() for image in pair]
    frames = interpolator.render(*half, fitted, [0.0, 0.5, 1.0])
    assert frames.dtype == torch.float16
    assert torch.equal(frames[0], half[0]) and torch.equal(frames[2], half[1])
    torch.testing.assert_close(frames[1].float(), interpolator.render(*pair, fitted, [0.5])[0], atol=0.01, rtol=0)


def test_the_ends_come_back_even_where_they_leave_the_range_a_little(interpolator, pair, fitted):
    image0, image1 = pair[0] + 0.05, pair[1] - 0.05
    frames = interpolator.render(image0, image1, fitted, [0, 1])
    assert torch.equal(frames[0], image0) and torch.equal(frames[1], image1)


def test_a_batch_of_one_is_the_same_as_a_bare_image(interpolator, pair, fitted):
    bare = interpolator.render(*pair, fitted, [0.5])
    assert torch.equal(interpolator.render(pair[0][None], pair[1][None], fitted, [0.5]), bare)


def test_times_in_any_order_and_repeated_equal_one_by_one(interpolator, pair, fitted):
    times = [0.75, 0.1, 0.5, 1, 0.1, 0, 0.75]
    together = interpolator.render(*pair, fitted, times)
    alone = {tau: interpolator.render(*pair, fitted, [tau])[0] for tau in set(times)}
    streamed = list(interpolator.stream(*pair, fitted, times))
    for tau, frame, other in zip(times, together, streamed, strict=True):
        assert torch.equal(frame, alone[tau]) and torch.equal(frame, other)
    assert not torch.equal(alone[0.1], alone[0.75])


def test_same_frames_every_time_and_by_both_ways(interpolator, pair, fitted):
    whole = interpolator(*pair, [0.3])
    assert torch.equal(whole, interpolator(*pair, [0.3]))
    assert torch.equal(whole, interpolator.render(*pair, fitted, [0.3]))


def test_a_straight_trajectory_lies_on_the_motion_grid(fitted):
    assert fitted.times == (0.0, 1.0)
    assert fitted.to0.shape[-2:] == motion_size(65, 97)


def test_a_trajectory_of_another_shape_is_refused_before_any_frame(interpolator, fitted):
    image = textured(97, 65)
    with pytest.raises(ValueError, match=r"fitted on a 416x288 grid, but images of this size need 288x416"):
        interpolator.stream(image, image, fitted, [0.5])
    with pytest.raises(ValueError, match="fit it on images of the same shape"):
        interpolator.render(image, image, fitted, [0.5])


def test_a_trajectory_serves_all_sizes_of_the_same_shape(interpolator, fitted):
    image0, image1 = textured(130, 194, 1), textured(130, 194, 2)
    assert interpolator.render(image0, image1, fitted, [0.5]).shape == (1, 3, 130, 194)


def test_bad_input_is_refused_before_any_work(interpolator, pair, monkeypatch):
    monkeypatch.setattr(interpolator, "networks", {})  # any work would fail on this
    with pytest.raises(ValueError, match="times contains 1.5"):
        interpolator(*pair, [0.5, 1.5])
    with pytest.raises(ValueError, match="times is empty"):
        interpolator(*pair, [])
    with pytest.raises(ValueError, match="image0 is 97x65 and image1 is 65x97"):
        interpolator(pair[0], pair[1].mT, [0.5])
    with pytest.raises(ValueError, match="NaN"):
        interpolator(pair[0] * math.nan, pair[1], [0.5])
    with pytest.raises(ValueError, match="keyframes is 'curved'; give 'auto', 'straight' or 'generated'"):
        interpolator(*pair, [0.5], keyframes="curved")
    with pytest.raises(ValueError, match="hold no keyframe generator; take straight motion"):
        interpolator(*pair, [0.5], keyframes="generated")


def test_progress_is_told_and_a_wish_to_stop_is_heard_within_a_frame(interpolator, pair, fitted):
    told = []
    interpolator.render(*pair, fitted, [0.2, 0.4, 1.0], progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    told.clear()
    with pytest.raises(Interrupted):
        interpolator.render(
            *pair, fitted, [0.2, 0.4, 1.0],
            progress=lambda *done: told.append(done), should_stop=lambda: len(told) == 2,
        )  # fmt: skip
    assert told == [(1, 3), (2, 3)]
    with pytest.raises(Interrupted):
        interpolator.fit(*pair, should_stop=lambda: True)
    with pytest.raises(Interrupted):
        interpolator(*pair, [0.5], should_stop=lambda: True)


def test_straight_fitting_tells_its_end(interpolator, pair):
    told = []
    interpolator.fit(*pair, progress=lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1]


def test_the_stream_makes_frames_only_when_they_are_asked_for(interpolator, pair, fitted):
    told = []
    frames = interpolator.stream(*pair, fitted, [0.2, 0.4], progress=lambda *done: told.append(done))
    assert told == []
    assert next(frames).shape == (3, 65, 97)
    assert len(told) <= 1


def test_frames_are_free_of_the_inputs(interpolator, pair, fitted):
    image0, image1 = (image.clone().requires_grad_() for image in pair)
    frames = list(interpolator.stream(image0, image1, fitted, [0.0, 0.0]))
    assert not any(frame.requires_grad for frame in frames)
    frames[0].zero_()  # whoever draws on a frame does not draw on the input
    assert torch.equal(image0, pair[0])


def test_the_generated_path_runs_and_depends_on_the_seed_alone(pair, monkeypatch):
    monkeypatch.setattr(pipeline, "KEYFRAMES", 2)  # two instead of seven, to be quick
    networks = random_networks(generator=True)
    torch.nn.init.normal_(networks["generator"].head.weight, std=0.5)
    interpolator, told = Interpolator(networks, device="cpu"), []
    trajectory = interpolator.fit(*pair, seed=3, progress=lambda *done: told.append(done))
    assert trajectory.times == (0.0, *uniform_times(2), 1.0)
    assert told[-1][0] == told[-1][1] > 2
    frames = interpolator.render(*pair, trajectory, [0, 0.4, 1])
    assert torch.equal(frames[0], pair[0]) and torch.equal(frames[2], pair[1]) and frames.isfinite().all()
    again, other = interpolator.fit(*pair, seed=3, keyframes="generated"), interpolator.fit(*pair, seed=4)
    assert torch.equal(again.to0, trajectory.to0) and torch.equal(again.colour, trajectory.colour)
    assert not torch.equal(other.colour, trajectory.colour)
    assert interpolator.fit(*pair, keyframes="straight").times == (0.0, 1.0)


# Several frames at once


class Full(Exception):
    """What the fake memory raises."""


class Crowded(torch.nn.Module):
    """Synthesis that has room for `room` frames at once and notes how many it was given."""

    def __init__(self, synthesis: Synthesis, room: int):
        super().__init__()
        self.synthesis, self.room, self.sizes = synthesis, room, []

    def forward(self, image0, image1, small0, small1, flows: FlowPair) -> torch.Tensor:
        self.sizes.append(len(image0))
        if len(image0) > self.room:
            raise Full("no room")
        return self.synthesis(image0, image1, small0, small1, flows)


def crowded(monkeypatch, room: int, at_once: int) -> tuple[Interpolator, list[int], list[int]]:
    """An interpolator that tries `at_once` frames, the sizes of its batches, and of those the ones before a release."""
    monkeypatch.setattr(pipeline, "frames_at_once", lambda *_: at_once)
    networks = random_networks()
    networks["synthesis"] = Crowded(networks["synthesis"], room)
    sizes, released = networks["synthesis"].sizes, []
    memory = Memory(lambda device: None, lambda: released.append(sizes[-1]), (Full,))
    return Interpolator(networks, device="cpu", memory=memory), sizes, released


ORDER = [0.75, 0.1, 0, 0.5, 0.3, 0.1, 1, 1]


def test_several_frames_at_once_equal_one_by_one(interpolator, pair, fitted, monkeypatch):
    one_by_one = interpolator.render(*pair, fitted, ORDER)
    several, sizes, released = crowded(monkeypatch, room=3, at_once=3)
    told = []
    together = several.render(*pair, fitted, ORDER, progress=lambda *done: told.append(done))
    assert sizes == [2, 3] and released == []  # the ends need no synthesis, nor does a batch of ends alone
    assert told == [(i + 1, len(ORDER)) for i in range(len(ORDER))]
    torch.testing.assert_close(together, one_by_one, atol=1e-5, rtol=0)
    assert torch.equal(together[2], pair[0]) and torch.equal(together[6], pair[1])


def test_when_memory_runs_out_fewer_frames_at_once_give_the_same(interpolator, pair, fitted, monkeypatch):
    times = [0.75, 0.1, 0.5, 0, 0.3, 0.2]
    small, sizes, released = crowded(monkeypatch, room=1, at_once=4)
    found = small.render(*pair, fitted, times)
    assert sizes == [3, 2, 1, 1, 1, 1, 1] and released == [3, 2]
    assert torch.equal(found, interpolator.render(*pair, fitted, times))


def test_a_frame_that_does_not_fit_alone_says_so(pair, fitted, monkeypatch):
    none, sizes, released = crowded(monkeypatch, room=0, at_once=2)
    with pytest.raises(Full, match="no room"):
        none.render(*pair, fitted, [0.2, 0.4])
    assert sizes == [2, 1] and released == [2]


def test_the_device_its_memory_and_the_images_decide_how_many(pair, fitted, monkeypatch):
    asked = []
    interpolator, sizes, _ = crowded(monkeypatch, room=9, at_once=2)
    monkeypatch.setattr(pipeline, "frames_at_once", lambda *given: asked.append(given) or 2)
    interpolator.render(*pair, fitted, [0.2, 0.4])
    assert asked == [(torch.device("cpu"), 65, 97, interpolator.memory)] and sizes == [2]


def test_flows_that_were_sampled_before_give_the_same_frames(interpolator, pair, fitted):
    told = []
    fused = list(interpolator.fuse(*pair, [fitted.sample(tau) for tau in ORDER], lambda *done: told.append(done)))
    for frame, other in zip(fused, interpolator.stream(*pair, fitted, ORDER), strict=True):
        assert torch.equal(frame, other)
    assert told[-1] == (len(ORDER), len(ORDER))
    with pytest.raises(Interrupted):
        next(interpolator.fuse(*pair, [fitted.sample(0.5)], should_stop=lambda: True))


def test_flows_that_do_not_fit_are_refused_before_any_frame(interpolator, pair, fitted):
    flow, tall = fitted.sample(0.5), textured(97, 65)
    with pytest.raises(ValueError, match="The flow was fitted on a 416x288 grid, but images of this size need 288x416"):
        interpolator.fuse(tall, tall, [flow])
    with pytest.raises(ValueError, match="A flow holds 2 times; hand over flows of one time each"):
        interpolator.fuse(*pair, [flow, FlowPair.batch([flow, flow])])
    with pytest.raises(ValueError, match="times is empty"):
        interpolator.fuse(*pair, [])


# Planes beside the colours


def test_planes_follow_and_their_ends_come_back_bit_for_bit(interpolator, pair, fitted):
    alpha = tuple(textured(65, 97, seed)[None, :1] for seed in (7, 8))
    frames = list(interpolator.stream(*pair, fitted, [0, 0.4, 1], planes=alpha))
    assert [frame.shape for frame in frames] == [(4, 65, 97)] * 3
    for frame, image, plane in zip(frames[::2], pair, alpha, strict=True):
        assert torch.equal(frame, torch.cat((image, plane[0])))
    assert torch.equal(frames[1][:3], interpolator.render(*pair, fitted, [0.4])[0])
    (fused,) = interpolator.fuse(*pair, [fitted.sample(0.4)], planes=alpha)
    assert torch.equal(fused, frames[1])


def test_planes_move_as_the_colours_do_and_constant_ones_stay(interpolator, pair, fitted, monkeypatch):
    untrained = Synthesis(**CONFIGS["synthesis"]).eval()  # paints nothing
    monkeypatch.setitem(interpolator.networks, "synthesis", untrained)
    planes = tuple(torch.cat((image[:1], torch.full_like(image[:1], 0.3)))[None] for image in pair)
    for frame in interpolator.stream(*pair, fitted, [0.25, 0.8], planes=planes):
        torch.testing.assert_close(frame[3], frame[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(frame[4], torch.full_like(frame[4], 0.3), atol=1e-6, rtol=0)


# Keyframes


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


def test_one_direct_estimate_per_keyframe_leaves_out_the_chain(interpolator, pair, monkeypatch):
    keyframes = interpolator.encode_frames(torch.stack(pair), [0.3, 0.6])
    chained = interpolator.fit_keyframes(*pair, keyframes)
    monkeypatch.setitem(interpolator.networks, "fusion", None)  # it is not asked
    direct = interpolator.fit_keyframes(*pair, keyframes, direct=True)
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


# Weight files


@pytest.fixture
def saved(tmp_path) -> Path:
    networks = random_networks()
    extra = {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    weights.save(tmp_path / "s.safetensors", networks, {name: CONFIGS[name] for name in networks}, extra)
    return tmp_path / "s.safetensors"


def test_from_a_file_it_works_as_before(saved, interpolator, pair, fitted):
    loaded = Interpolator.from_pretrained(saved, device="cpu")
    assert torch.equal(loaded.render(*pair, fitted, [0.5]), interpolator.render(*pair, fitted, [0.5]))
    assert not any(p.requires_grad for network in loaded.networks.values() for p in network.parameters())


def test_a_truncated_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="s.safetensors is truncated"):
        Interpolator.from_pretrained(saved)


def test_files_that_lack_a_network_or_hold_an_unknown_one_are_refused(tmp_path):
    extra = {"latent_space": "rdvfi", "licence": "Apache-2.0"}
    made = random_networks()
    synthesis = made.pop("synthesis")
    assert isinstance(synthesis, Synthesis) and {type(n) for n in made.values()} == {
        Autoencoder, AdjacentMotion, IterativeFusion
    }  # fmt: skip
    weights.save(tmp_path / "few.safetensors", made, {name: CONFIGS[name] for name in made}, extra)
    with pytest.raises(ValueError, match="lack the network 'synthesis'"):
        Interpolator.from_pretrained(tmp_path / "few.safetensors")
    odd = {"upscaler": KeyframeGenerator(**CONFIGS["generator"])}
    weights.save(tmp_path / "odd.safetensors", odd, {"upscaler": CONFIGS["generator"]}, extra)
    with pytest.raises(ValueError, match="unknown network 'upscaler'"):
        Interpolator.from_pretrained(tmp_path / "odd.safetensors")


# Shipped weights


@pytest.fixture(scope="module")
def shipped() -> Interpolator:
    if not weights.shipped().is_file():
        pytest.skip("this checkout has no shipped weights")
    return Interpolator.from_pretrained(device="cpu")


def test_equal_inputs_come_back(shipped):
    image = moving(1, (0, 0))[0]
    found = [psnr(frame, image) for frame in shipped(image, image, [0.25, 0.5])]
    assert min(found) >= 45, found


def test_a_moving_texture_is_followed(shipped):
    frames = moving(9, (2, 1))
    truth = torch.stack(frames[2:8:2])
    times = [0.25, 0.5, 0.75]
    found, faded = (psnr(f, truth) for f in (shipped(frames[0], frames[8], times), blend(frames[0], frames[8], times)))
    assert found > faded + 5, f"{found:.2f} dB, the linear blend has {faded:.2f} dB"


def test_keyframes_make_the_path_curved(shipped):
    """The texture accelerates from rest: straight motion is 12 px off at half time, eight frames put it right."""
    canvas = textured(192, 304, seed=3)
    at = [round(48 * (i / 16) ** 2) for i in range(17)]
    frames = [canvas[:, :, 48 - x : 304 - x] for x in at]
    inner, tau = range(2, 16, 2), 7 / 16  # tau lies between two knots
    chained = shipped.fit_frames(
        frames[0], frames[16], torch.stack([frames[i] for i in inner]), [i / 16 for i in inner]
    )
    straight = shipped.fit(frames[0], frames[16], keyframes="straight")
    found, without = (psnr(shipped.render(frames[0], frames[16], t, [tau])[0], frames[7]) for t in (chained, straight))
    assert found > without + 3, f"{found:.2f} dB along the keyframes, {without:.2f} dB straight"


def test_swapping_the_inputs_mirrors_the_frames(shipped, record_property):
    frames = moving(9, (2, 1))
    there = shipped(frames[0], frames[8], [0.25, 0.5])
    back = shipped(frames[8], frames[0], [0.75, 0.5])
    found = psnr(there, back)
    record_property("mirror_db", round(found, 2))
    assert found > 35, f"{found:.2f} dB"


def test_a_real_pair_is_interpolated_better_than_by_the_linear_blend(shipped):
    if not VAL.is_dir():
        pytest.skip(f"{VAL} is not here")
    windows = []
    for clip in list_clips(VAL):
        image0, truth, image1 = (torch.from_numpy(f).permute(2, 0, 1) / 255 for f in clip.read([8, 12, 16]))
        windows.append((psnr(blend(image0, image1, [0.5])[0], truth), clip.name, image0, truth, image1))
    windows.sort(key=lambda window: window[:2])
    faded, name, image0, truth, image1 = windows[len(windows) // 2]  # neither the stillest clip nor the wildest
    found = psnr(shipped(image0, image1, [0.5])[0], truth)
    assert found > faded, f"{name}: {found:.2f} dB, the linear blend has {faded:.2f} dB"
