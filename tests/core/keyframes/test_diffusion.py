import math

import pytest
import torch

from rdvfi_core.keyframes.diffusion import add_noise, ddim_step, denoised, training_time, v_of


def latents(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def v(z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    angle = (math.pi / 2 * t).reshape(-1, *[1] * (z.ndim - 1))
    return angle.cos() * noise - angle.sin() * z


def test_the_true_v_gives_z_back_at_any_t():
    t = torch.linspace(0, 1, 9)
    z, noise = latents(9, 3, 4, 5, 6)
    torch.testing.assert_close(denoised(add_noise(z, noise, t), v(z, noise, t), t), z, atol=1e-5, rtol=1e-4)


def test_v_of_the_true_z_is_the_true_v_and_the_inverse_of_denoised():
    t = torch.linspace(0.1, 1, 7)
    z, noise = latents(7, 2, 3)
    z_t = add_noise(z, noise, t)
    found = v_of(z_t, z, t)
    torch.testing.assert_close(found, v(z, noise, t), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(denoised(z_t, found, t), z, atol=1e-4, rtol=1e-4)


def test_without_noise_nothing_is_divided_by_zero():
    z, noise = latents(2, 3)
    found = v_of(z, noise, 0.0)
    assert found.isfinite().all()
    torch.testing.assert_close(denoised(z, found, 0.0), z)


def test_the_top_is_pure_noise_and_z_is_minus_v_bit_for_bit():
    z, noise = latents(2, 3, 4)
    assert torch.equal(add_noise(z, noise, 1.0), noise)
    assert torch.equal(v_of(noise, z, 1.0), -z)
    assert torch.equal(denoised(noise, -z, 1.0), z)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_the_schedule_is_the_cosine(t):
    z, noise = latents(2, 3)
    angle = math.pi * t / 2
    torch.testing.assert_close(add_noise(z, noise, t), math.cos(angle) * z + math.sin(angle) * noise)


def test_each_sample_has_its_own_t_and_a_wrong_number_of_them_is_refused():
    z, noise = latents(3, 2, 4)
    t = torch.tensor([0.0, 0.5, 1.0])
    together = add_noise(z, noise, t)
    alone = torch.cat([add_noise(z[i : i + 1], noise[i : i + 1], t[i]) for i in range(3)])
    assert torch.equal(together, alone)
    with pytest.raises(ValueError, match="2 times t for a batch of 3"):
        add_noise(z, noise, t[:2])


def test_half_precision_stays_half_and_close():
    z, noise = latents(2, 3, 4)
    z_t, true = add_noise(z, noise, 0.7), v(z, noise, torch.tensor(0.7))
    found = denoised(z_t.half(), true.half(), 0.7)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), z, atol=5e-3, rtol=5e-3)


def test_a_ddim_step_with_the_true_z_stays_on_the_path_of_the_noise():
    z, noise = latents(2, 3, 4)
    stepped = ddim_step(add_noise(z, noise, 1.0), z, 1.0, 0.4)
    torch.testing.assert_close(stepped, add_noise(z, noise, 0.4), atol=1e-4, rtol=1e-4)


def test_training_time_rises_from_the_whole_range_to_one():
    generator = torch.Generator().manual_seed(0)
    for lower in (0.0, 0.3, 0.99):
        t = training_time(lower, generator, count=4000)
        assert lower <= t.min() and t.max() <= 1
        assert abs(t.mean() - (1 + lower) / 2) < 0.02 * (1 - lower)
    assert torch.equal(training_time(1.0, generator, count=5), torch.ones(5))
    with pytest.raises(ValueError, match="progress 1.01 is outside 0..1"):
        training_time(1.01, generator)


def test_training_time_is_the_generators():
    draws = [training_time(0.3, torch.Generator().manual_seed(seed), count=4) for seed in (5, 5, 6)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
