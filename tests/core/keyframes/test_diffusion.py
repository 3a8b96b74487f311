import math

import pytest
import torch

from rdvfi_core.keyframes.diffusion import (
    COSINE_V,
    EDM_V,
    RECTIFIED_FLOW,
    add_noise,
    ddim_step,
    denoised,
    output_from_denoised,
    target,
    training_time,
)

ALL = pytest.mark.parametrize("parameterisation", [COSINE_V, RECTIFIED_FLOW, EDM_V], ids=lambda p: p.name)


def latents(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


@ALL
def test_perfect_outputs_give_z_back_at_any_t(parameterisation):
    t = torch.linspace(0, parameterisation.top, 9)
    z, noise = latents(9, 3, 4, 5, 6)
    z_t = add_noise(z, noise, t, parameterisation)
    found = denoised(z_t, target(z, noise, t, parameterisation), t, parameterisation)
    torch.testing.assert_close(found, z, atol=1e-5, rtol=1e-4)


@ALL
def test_output_from_denoised_is_the_target_and_the_inverse_of_denoised(parameterisation):
    t = torch.linspace(0.1, parameterisation.top, 7)
    z, noise = latents(7, 2, 3)
    z_t = add_noise(z, noise, t, parameterisation)
    output = output_from_denoised(z_t, z, t, parameterisation)
    torch.testing.assert_close(output, target(z, noise, t, parameterisation), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(denoised(z_t, output, t, parameterisation), z, atol=1e-4, rtol=1e-4)


@ALL
def test_without_noise_nothing_is_divided_by_zero(parameterisation):
    z, noise = latents(2, 3)
    output = output_from_denoised(z, noise, 0.0, parameterisation)
    assert output.isfinite().all()
    torch.testing.assert_close(denoised(z, output, 0.0, parameterisation), z)


def test_v_prediction_at_the_top_is_minus_z_bit_for_bit():
    z, noise = latents(2, 3, 4)
    assert torch.equal(add_noise(z, noise, 1.0, COSINE_V), noise)
    assert torch.equal(target(z, noise, 1.0, COSINE_V), -z)
    assert torch.equal(denoised(noise, -z, 1.0, COSINE_V), z)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_schedules_are_those_of_the_papers(t):
    z, noise = latents(2, 3)
    angle = math.pi * t / 2
    torch.testing.assert_close(add_noise(z, noise, t, COSINE_V), math.cos(angle) * z + math.sin(angle) * noise)
    torch.testing.assert_close(target(z, noise, t, COSINE_V), math.cos(angle) * noise - math.sin(angle) * z)
    torch.testing.assert_close(add_noise(z, noise, t, RECTIFIED_FLOW), (1 - t) * z + t * noise)
    torch.testing.assert_close(target(z, noise, t, RECTIFIED_FLOW), noise - z)


@pytest.mark.parametrize("sigma", [0.002, 1.0, 700.0])
def test_edm_formula_has_its_skip_and_output_scale(sigma):
    z_t, output = latents(2, 3)
    c_skip, c_out = 1 / (sigma**2 + 1), -sigma / math.sqrt(sigma**2 + 1)
    torch.testing.assert_close(denoised(z_t, output, sigma, EDM_V), c_skip * z_t + c_out * output)


def test_each_sample_has_its_own_t_and_a_wrong_number_of_them_is_refused():
    z, noise = latents(3, 2, 4)
    t = torch.tensor([0.0, 0.5, 1.0])
    together = add_noise(z, noise, t, COSINE_V)
    alone = torch.cat([add_noise(z[i : i + 1], noise[i : i + 1], t[i], COSINE_V) for i in range(3)])
    assert torch.equal(together, alone)
    with pytest.raises(ValueError, match="2 times t for a batch of 3"):
        add_noise(z, noise, t[:2], COSINE_V)


def test_half_precision_stays_half_and_close():
    z, noise = latents(2, 3, 4)
    z_t, v = add_noise(z, noise, 0.7, COSINE_V), target(z, noise, 0.7, COSINE_V)
    found = denoised(z_t.half(), v.half(), 0.7, COSINE_V)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), z, atol=5e-3, rtol=5e-3)


@ALL
def test_a_ddim_step_with_the_true_z_stays_on_the_path_of_the_noise(parameterisation):
    z, noise = latents(2, 3, 4)
    t, t_next = parameterisation.top, 0.4 * parameterisation.top
    stepped = ddim_step(add_noise(z, noise, t, parameterisation), z, t, t_next, parameterisation)
    torch.testing.assert_close(stepped, add_noise(z, noise, t_next, parameterisation), atol=1e-4, rtol=1e-4)


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
