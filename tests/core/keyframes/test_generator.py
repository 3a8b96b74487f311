import pytest
import torch
from torch import nn

from rdvfi_core.keyframes.diffusion import add_noise, denoised, training_time
from rdvfi_core.keyframes.generator import KeyframeGenerator, rotary_angles, rotate, tokens, untokens

TINY = {"channels": 4, "width": 64, "depth": 2, "heads": 2}


def inputs(batch=1, count=3, channels=4, height=6, width=8, seed=0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    return {
        "z_t": draw(batch, count, channels, height, width),
        "z0": draw(batch, channels, height, width),
        "z1": draw(batch, channels, height, width),
        "base": draw(batch, count, channels, height, width),
        "validity": torch.rand(batch, count, 1, height, width, generator=generator),
        "times": torch.arange(1, count + 1) / (count + 1),
        "t": torch.ones(batch),
    }


def awake(**changes) -> KeyframeGenerator:
    """A generator without zeros: as after training, every input can reach the output."""
    torch.manual_seed(3)
    generator = KeyframeGenerator(**{**TINY, **changes})
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.1)
    return generator.eval()


@pytest.mark.parametrize("count", [1, 3, 7, 11, 15])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 5)])
def test_untrained_generator_returns_its_base_exactly(count, size):
    given = inputs(2, count, height=size[0], width=size[1])
    v = KeyframeGenerator(**TINY)(**given)
    assert torch.equal(denoised(given["z_t"], v, given["t"]), given["base"])


@pytest.mark.parametrize("t", [0.01, 0.5, 0.99])
def test_untrained_generator_returns_its_base_at_other_noise_levels(t):
    given = inputs() | {"t": torch.tensor([t])}
    v = KeyframeGenerator(**TINY)(**given)
    torch.testing.assert_close(denoised(given["z_t"], v, t), given["base"], atol=1e-5, rtol=1e-5)


def test_output_is_finite_without_noise():
    assert awake()(**inputs() | {"t": torch.zeros(1)}).isfinite().all()


@pytest.mark.parametrize("size", [(4, 6), (7, 9), (1, 1)])
def test_untokens_inverts_tokens(size):
    latents = torch.randn(2, 3, 5, *size)
    assert torch.equal(untokens(tokens(latents), *size), latents)


def test_rotary_products_depend_on_distance_only():
    positions = torch.tensor([[0.0, 0.0], [3.0, 5.0], [10.0, 2.5]])
    q, k = torch.randn(2, 1, 3, 16)

    def products(shift):
        angles = rotary_angles(positions + shift, 16)
        return rotate(q, angles) @ rotate(k, angles).mT

    torch.testing.assert_close(products(0), products(7), atol=1e-5, rtol=1e-5)
    mixed = rotate(q, rotary_angles(positions, 16)) @ rotate(k, rotary_angles(positions + 7, 16)).mT
    assert (mixed - products(0)).abs().max() > 0.1


@pytest.mark.parametrize("name", ["z_t", "z0", "z1", "base", "validity", "times", "t"])
def test_every_input_matters(name):
    """To the denoised prediction, that is: also through the network, not only in the conversion to v."""
    generator, given = awake(), inputs() | {"t": torch.tensor([0.8])}
    changed = given | {name: given[name] * 0.5 + 0.1}
    first, second = (denoised(case["z_t"], generator(**case), case["t"]) for case in (given, changed))
    assert (first - second).abs().mean() > 1e-2


def test_order_of_keyframes_is_known_by_their_times_only():
    generator, given = awake(), inputs(count=4) | {"times": torch.tensor([0.1, 0.15, 0.6, 0.9])}
    order = torch.tensor([2, 0, 3, 1])
    shuffled = {name: given[name][:, order] for name in ("z_t", "base", "validity")} | {"times": given["times"][order]}
    torch.testing.assert_close(generator(**given | shuffled), generator(**given)[:, order], atol=1e-4, rtol=1e-4)


def test_a_change_at_one_place_and_time_reaches_all_others():
    generator, given = awake(), inputs()
    z_t = given["z_t"].clone()
    z_t[:, 0, :, 0, 0] += 5
    change = (generator(**given) - generator(**given | {"z_t": z_t})).abs().amax((0, 2))  # (N, h, w)
    assert (change > 0).all()


def test_places_are_told_apart():
    """Without positions, moving every patch around would just move the output with it."""
    generator, given = awake(), inputs()
    rolled = {name: given[name].roll(2, -1) for name in ("z_t", "z0", "z1", "base", "validity")}
    difference = generator(**given | rolled) - generator(**given).roll(2, -1)
    assert difference.abs().mean() > 1e-3


def test_samples_of_a_batch_do_not_see_each_other():
    generator, given = awake(), inputs(batch=2) | {"t": torch.tensor([1.0, 0.6])}
    alone = {name: value if name == "times" else value[1:] for name, value in given.items()}
    torch.testing.assert_close(generator(**given)[1:], generator(**alone), atol=1e-4, rtol=1e-4)


def test_half_precision_gives_half_precision_back():
    generator, given = awake().bfloat16(), inputs()
    same = {name: given[name].bfloat16() for name in ("z_t", "z0", "z1", "base", "validity")}
    assert generator(**given | same).dtype == torch.bfloat16


def test_parameters_live_in_the_given_operations_only():
    class Operations:
        class Linear(nn.Linear):
            pass

        class LayerNorm(nn.LayerNorm):
            pass

    generator = KeyframeGenerator(**TINY, operations=Operations)
    owners = [m for m in generator.modules() if list(m.parameters(recurse=False)) or list(m.buffers(recurse=False))]
    assert owners and all(type(owner) is Operations.Linear for owner in owners)
    norms = [module for module in generator.modules() if isinstance(module, nn.LayerNorm)]
    assert norms and all(type(norm) is Operations.LayerNorm for norm in norms)


def test_nothing_is_made_on_another_device_than_the_inputs():
    given = {name: tensor.to("meta") for name, tensor in inputs().items()}
    assert KeyframeGenerator(**TINY).to("meta")(**given).is_meta


def test_the_default_size_is_about_ten_million_parameters():
    with torch.device("meta"):
        generator = KeyframeGenerator()
    assert 9.5e6 < sum(parameter.numel() for parameter in generator.parameters()) < 11.5e6


def test_wrong_shapes_are_named():
    generator, given = KeyframeGenerator(**TINY), inputs()
    with pytest.raises(ValueError, match="5 channels but this generator was made for 4"):
        generator(**inputs(channels=5))
    with pytest.raises(ValueError, match="times for 3 keyframes"):
        generator(**given | {"times": torch.tensor([0.5])})
    with pytest.raises(ValueError, match="validity has the shape"):
        generator(**given | {"validity": given["validity"][:, :2]})
    with pytest.raises(ValueError, match="64 does not split into 3 heads"):
        KeyframeGenerator(**TINY | {"heads": 3})


def test_thirty_steps_of_training_cut_the_one_step_error_to_an_eighth():
    """The truth is the base plus a bow that the two ends imply: what a generator has to learn, in small."""
    torch.manual_seed(0)
    generator = KeyframeGenerator(**TINY)
    optimiser = torch.optim.AdamW(generator.parameters(), lr=4e-3)
    times = torch.tensor([0.25, 0.5, 0.75])
    random = torch.Generator().manual_seed(0)

    def batch(t):
        z0, z1 = torch.randn(2, len(t), 4, 6, 6, generator=random)
        tau = times[:, None, None, None]
        base = torch.lerp(z0[:, None], z1[:, None], tau)
        truth = base + 4 * tau * (1 - tau) * (z1 - z0)[:, None]
        z_t = add_noise(truth, torch.randn(truth.shape, generator=random), t)
        v = generator(z_t, z0, z1, base, torch.ones_like(base[:, :, :1]), times, t)
        return (denoised(z_t, v, t) - truth).square().mean()

    before = batch(torch.ones(32)).item()
    for step in range(30):
        loss = batch(training_time(step / 30, random, count=16))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = batch(torch.ones(32)).item()
    assert after < before / 8
