import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rdvfi_core.errors import Interrupted
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.keyframes.diffusion import add_noise
from rdvfi_core.keyframes.generator import KeyframeGenerator
from rdvfi_core.keyframes.keyframes import Keyframes, blend_ends, from_frames, generate, warped_keyframes
from rdvfi_core.trajectory.flow_pair import FlowPair

HEIGHT, WIDTH = 48, 72  # an odd number of latents in one direction: 6 x 9


def images(count: int, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(count, 3, 7, 10, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic", align_corners=True).clamp(0, 1)


def moving(times, shift=(0.0, 0.0), batch: int = 1, seen0: float = 1.0, seen1: float = 1.0) -> list[FlowPair]:
    """Everything moves evenly by `shift` px (x, y) from I0 to I1."""
    whole = torch.tensor(shift)[None, :, None, None].expand(batch, 2, HEIGHT, WIDTH)
    ones, nothing = torch.ones(batch, 1, HEIGHT, WIDTH), torch.zeros(batch, 3, HEIGHT, WIDTH)
    return [FlowPair(t, -t * whole, (1 - t) * whole, ones * seen0, ones * seen1, ones, nothing) for t in times]


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    autoencoder = Autoencoder(channels=12, width=8).eval()
    autoencoder.fit_pca(images(16, seed=9))
    return autoencoder


@pytest.fixture(scope="module")
def generator() -> KeyframeGenerator:
    """With random weights, so that noise, images and base all matter."""
    torch.manual_seed(1)
    generator = KeyframeGenerator(channels=12, width=32, depth=2, heads=2).eval()
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.1)
    return generator


@pytest.fixture(scope="module")
def request_of(autoencoder):
    def make(batch=1, count=3):
        image0, image1 = images(batch, seed=1), images(batch, seed=2)
        times = tuple(i / (count + 1) for i in range(1, count + 1))
        base, validity = warped_keyframes(autoencoder, image0, image1, moving(times, (4.0, 0.0), batch))
        return {"image0": image0, "image1": image1, "base": base, "validity": validity}

    return make


def test_keyframes_are_checked():
    latents = torch.zeros(1, 2, 4, 3, 5)
    assert Keyframes(latents, (0.0, 1.0), "rdvfi").times == (0.0, 1.0)  # the ends themselves are allowed
    for times, words in (
        ((), "0 keyframes"),
        ((-0.1, 0.5), r"-0.1, 0.5 leave \[0, 1\]"),
        ((0.5, 1.1), "leave"),
        ((0.5, float("nan")), "nan leave"),
        ((0.5, 0.5), "0.5, 0.5 must increase strictly"),
        ((0.6, 0.5), "must increase strictly"),
        ((0.2, 0.5, 0.8), r"3 keyframe times need latents of the shape \(B, 3, C, h, w\), got \(1, 2, 4, 3, 5\)"),
    ):
        with pytest.raises(ValueError, match=words):
            Keyframes(latents, times, "rdvfi")
    with pytest.raises(ValueError, match="need latents"):
        Keyframes(latents[0], (0.0, 1.0), "rdvfi")


def test_frames_become_keyframes_one_by_one(autoencoder):
    frames = torch.stack((images(2, seed=3), images(2, seed=4), images(2, seed=5)), 1)
    keyframes = from_frames(autoencoder, frames, [0, 0.25, 1])
    assert keyframes.latents.shape == (2, 3, 12, 6, 9)
    assert (keyframes.times, keyframes.space) == ((0.0, 0.25, 1.0), "rdvfi")
    torch.testing.assert_close(keyframes.latents[1, 2], autoencoder.encode(frames[1:2, 2])[0].detach())
    assert not keyframes.latents.requires_grad
    with pytest.raises(ValueError, match="70x48 is no motion size"):
        from_frames(autoencoder, frames[..., :70], [0, 0.25, 1])


@pytest.mark.parametrize("shift", [(0.0, 0.0), (8.0, 0.0), (0.0, -8.0)])
def test_warped_keyframes_follow_a_translation(autoencoder, shift):
    """I1 is I0 moved by whole pixels: at tau = 1/2 the base is I0 moved by half as much, away from the border."""
    image0 = images(1)
    x, y = int(shift[0]), int(shift[1])
    image1 = image0.roll((y, x), (2, 3))
    keyframes, validity = warped_keyframes(autoencoder, image0, image1, moving((0.5,), shift))
    truth = autoencoder.encode(image0.roll((y // 2, x // 2), (2, 3)))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(keyframes.latents[:, 0][inner], truth[inner], atol=2e-3, rtol=1e-3)
    assert validity.shape == (1, 1, 1, 6, 9) and validity[:, 0][inner].min() > 0.99


def test_warped_keyframes_at_the_ends_are_the_ends(autoencoder):
    image0, image1 = images(2, seed=1), images(2, seed=2)
    keyframes, _ = warped_keyframes(autoencoder, image0, image1, moving((0.0, 0.4, 1.0), (6.0, 3.0), 2))
    torch.testing.assert_close(keyframes.latents[:, 0], autoencoder.encode(image0))
    torch.testing.assert_close(keyframes.latents[:, 2], autoencoder.encode(image1))


def pair(tau: float, seen0: float, seen1: float, coverage: float = 1.0) -> FlowPair:
    still, ones = torch.zeros(1, 2, HEIGHT, WIDTH), torch.ones(1, 1, HEIGHT, WIDTH)
    return FlowPair(tau, still, still, ones * seen0, ones * seen1, ones * coverage, torch.zeros(1, 3, HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("tau", "seen0", "seen1", "share1"),
    [(0.25, 1, 1, 0.25), (0.25, 0, 1, 1), (0.25, 1, 0, 0), (0.25, 0, 0, 0.25), (0, 0, 1, 0), (1, 1, 0, 1)],
)
def test_ends_are_blended_by_time_and_visibility(tau, seen0, seen1, share1):
    image0, image1 = images(1, seed=1), images(1, seed=2)
    blended = blend_ends(image0, image1, pair(tau, seen0, seen1))
    torch.testing.assert_close(blended, torch.lerp(image0, image1, share1), atol=5e-4, rtol=0)


@pytest.mark.parametrize(
    ("seen0", "seen1", "coverage", "valid"), [(1, 0, 1, 1), (0, 0.5, 0.3, 0.5), (0, 0, 1, 0), (1, 1, 0, 0)]
)
def test_validity_is_what_some_end_shows_and_motion_reaches(autoencoder, seen0, seen1, coverage, valid):
    moments = [pair(tau, seen0, seen1, coverage) for tau in (0.5, 0.75)]
    _, validity = warped_keyframes(autoencoder, images(1), images(1), moments)
    torch.testing.assert_close(validity, torch.full((1, 2, 1, 6, 9), float(valid)))


def test_warped_keyframes_refuse_what_does_not_fit(autoencoder):
    image0, motion = images(1), moving((0.5,))
    with pytest.raises(ValueError, match="ends differ in shape"):
        warped_keyframes(autoencoder, image0, image0[..., :64], motion)
    with pytest.raises(ValueError, match="71x48 is no motion size"):
        warped_keyframes(autoencoder, image0[..., :71], image0[..., :71], motion)
    with pytest.raises(ValueError, match=r"grid of \(48, 72\) but the images are \(48, 64\)"):
        warped_keyframes(autoencoder, image0[..., :64], image0[..., :64], motion)
    with pytest.raises(ValueError, match="leave"):
        warped_keyframes(autoencoder, image0, image0, moving((0.5, 2.0)))


@pytest.mark.parametrize("count", [1, 3, 7, 11])
@pytest.mark.parametrize("steps", [1, 4])
def test_untrained_generator_gives_the_base_back(autoencoder, request_of, count, steps):
    request = request_of(batch=2, count=count)
    found = generate(KeyframeGenerator(12, 32, 2, 2), autoencoder, **request, seed=0, steps=steps)
    assert (found.times, found.space) == (request["base"].times, "rdvfi")
    if steps == 1:
        assert torch.equal(found.latents, request["base"].latents)
    else:
        torch.testing.assert_close(found.latents, request["base"].latents, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_seed_decides(autoencoder, generator, request_of, steps):
    request = request_of()
    found = [generate(generator, autoencoder, **request, seed=seed, steps=steps).latents for seed in (7, 7, 8)]
    assert torch.equal(found[0], found[1])
    assert (found[0] - found[2]).abs().max() > 1e-2


def test_the_global_random_state_is_neither_read_nor_moved(autoencoder, generator, request_of):
    request = request_of()
    torch.manual_seed(1)
    first = generate(generator, autoencoder, **request, seed=7).latents
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(first, generate(generator, autoencoder, **request, seed=7).latents)


def test_a_pair_gets_the_same_keyframes_in_any_batch(autoencoder, generator, request_of):
    request = request_of(batch=2)
    base = request["base"]
    alone = {name: request[name][1:] for name in ("image0", "image1", "validity")}
    alone["base"] = Keyframes(base.latents[1:], base.times, base.space)
    together, single = (generate(generator, autoencoder, **case, seed=7).latents for case in (request, alone))
    torch.testing.assert_close(together[1:], single, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_more_steps_walk_down_the_schedule_from_the_same_noise(autoencoder, request_of):
    """Each step is one call of the network. An untrained one says "base" each time, so what it is fed is known."""
    calls = []

    class Spy(KeyframeGenerator):
        def forward(self, z_t, z0, z1, base, validity, times, t):
            calls.append((z_t, z0, z1, times, t))
            return super().forward(z_t, z0, z1, base, validity, times, t)

    request = request_of(batch=2)
    generate(Spy(12, 32, 2, 2), autoencoder, **request, seed=7, steps=4)
    base = request["base"].latents
    noise = torch.randn(base.shape[1:], generator=torch.Generator().manual_seed(7)).expand_as(base)
    assert len(calls) == 4
    for level, (z_t, z0, z1, times, t) in zip((1.0, 0.75, 0.5, 0.25), calls, strict=True):
        torch.testing.assert_close(z_t, add_noise(base, noise, level), atol=1e-4, rtol=1e-4)
        assert torch.equal(z0, autoencoder.encode(request["image0"]))
        assert torch.equal(z1, autoencoder.encode(request["image1"]))
        assert (times.tolist(), t.tolist()) == ([0.25, 0.5, 0.75], [level, level])


def test_progress_is_told_and_a_wish_to_stop_is_heard(autoencoder, generator, request_of):
    told = []
    request = request_of()
    generate(generator, autoencoder, **request, seed=0, steps=3, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Interrupted):
        generate(
            generator, autoencoder, **request, seed=0, steps=3,
            progress=lambda *done: told.append(done), should_stop=lambda: len(told) == 4,
        )  # fmt: skip
    assert told[3:] == [(1, 3)]


def test_generate_refuses_what_it_cannot_do(autoencoder, generator, request_of):
    request = request_of()
    base = request["base"]
    with pytest.raises(ValueError, match="latent space 'wan21', the generator works in 'rdvfi'"):
        generate(generator, autoencoder, **request | {"base": Keyframes(base.latents, base.times, "wan21")}, seed=0)
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        generate(generator, autoencoder, **request, seed=0, steps=0)
    many = Keyframes(torch.zeros(1, 16, 12, 6, 9), tuple(i / 16 for i in range(16)), "rdvfi")
    with pytest.raises(ValueError, match="16 keyframes are more than the generator's 15"):
        generate(generator, autoencoder, **request | {"base": many}, seed=0)
