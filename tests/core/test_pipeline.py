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
from rdvfi_core.motion import AdjacentMotion
from rdvfi_core.synthesis import Synthesis

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
    with pytest.raises(ValueError, match="hold no keyframe generator; use keyframes='straight'"):
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
