"""Every trainer takes a few steps with small networks on small crops."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_anchors import random_anchors
from torch import nn

from rdvfi_core.anchors.rife import Between as Taught
from rdvfi_core.keyframes.autoencoder import Autoencoder
from rdvfi_core.keyframes.generator import KeyframeGenerator
from rdvfi_core.keyframes.keyframes import Keyframes
from rdvfi_core.motion.adjacent import AdjacentMotion, Motion
from rdvfi_core.motion.between import Between, MotionBetween
from rdvfi_core.motion.fitting import fit_keyframes
from rdvfi_core.motion.fusion import IterativeFusion
from rdvfi_core.motion.ways import WAYS
from rdvfi_core.rendering.synthesis import KeyframeSynthesis, Synthesis
from rdvfi_core.training import keyframe_sources
from rdvfi_core.training.autoencoder import train_autoencoder
from rdvfi_core.training.between import between_losses, train_between, train_far, ways_loss
from rdvfi_core.training.decoding import train_decoding
from rdvfi_core.training.engine import TrainingPlan
from rdvfi_core.training.fusion import fusion_losses, train_fusion
from rdvfi_core.training.generation import denoise, latent_losses, prepare, train_generation
from rdvfi_core.training.losses import FrameLoss, reconstruction_losses
from rdvfi_core.training.motion import motion_losses, train_motion
from rdvfi_core.training.pairs import RenderedPairs
from rdvfi_core.training.rendering import train_rendering, window_losses
from rdvfi_core.training.schedule import Schedule
from rdvfi_core.training.windows import Footage, Windows

CPU = torch.device("cpu")
STAND_IN = FrameLoss(CPU)


def plan(folder: Path, batch: int = 2, steps: int = 2, workers: int = 0) -> TrainingPlan:
    return TrainingPlan(folder, CPU, Schedule(steps, 1e-3), batch, (64, 64), workers=workers)


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(RenderedPairs, "SCENES", 1)  # in a block of the stream


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "autoencoder": Autoencoder(6, 8),
        "motion": AdjacentMotion(6, 8, 16, 12),
        "between": Between(16, 8, (12, 12, 12)),
        "fusion": IterativeFusion(8, 12),
        "synthesis": Synthesis(8, 8),
        "generator": KeyframeGenerator(6, 32, 2, 2),
    }


@pytest.fixture
def clips(tmp_path) -> Path:
    """A folder of 26 frames of noise that moves to the left."""
    folder = tmp_path / "clips" / "a"
    folder.mkdir(parents=True)
    wide = np.random.default_rng(0).integers(0, 256, (24, 45, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    for index in range(26):
        Image.fromarray(wide[:, 2 * index : 2 * index + 128]).save(folder / f"{index}.png")
    return tmp_path / "clips"


ESTIMATOR = ("motion", "fusion")


def copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(network: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def check_trained(network: nn.Module, before: dict[str, torch.Tensor]) -> None:
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    assert not same(network, before)
    assert not network.training


def frozen(networks: dict[str, nn.Module], *names: str) -> dict[str, dict]:
    return {name: copy(networks[name]) for name in names}


def check_frozen(networks: dict[str, nn.Module], before: dict[str, dict]) -> None:
    assert all(same(networks[name], state) for name, state in before.items())


def sheets(folder: Path) -> int:
    return len(list((folder / "sheets").glob("*.jpg")))


def last_row(folder: Path) -> dict:
    return json.loads((folder / "curves.json").read_text())[-1]


def test_autoencoder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    generator = np.random.default_rng(0)
    for i in range(2):
        noise = generator.integers(0, 256, (17, 17, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((272, 272), Image.Resampling.BICUBIC).save(pictures / f"{i}.png")
    run = tmp_path / "run"
    found = train_autoencoder(plan(run), str(pictures), None, channels=24)
    assert all(tensor.isfinite().all() for tensor in found.state_dict().values())
    assert found.deblock[-1].weight.any()  # it starts at zero
    assert last_row(run)["psnr"] > 25  # the linear path is fitted before the first step
    assert last_row(run)["step"] == 2


def test_autoencoder_without_a_picture_that_is_large_enough(tmp_path):
    Image.new("RGB", (200, 300)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="No photograph has both sides of at least 256 pixels"):
        train_autoencoder(plan(tmp_path / "run"), str(tmp_path), None)


def test_motion(tmp_path, networks):
    before, frozen = copy(networks["motion"]), copy(networks["autoencoder"])
    found = train_motion(plan(tmp_path), networks["autoencoder"], networks["motion"], None, iterations=2)
    check_trained(found, before)
    assert same(networks["autoencoder"], frozen)
    assert {"loss", "epe", "visibility"} <= last_row(tmp_path).keys()
    assert sheets(tmp_path) == 1


def test_between(tmp_path, networks, clips):
    """From a teacher of random weights, with LPIPS of random weights; some windows show the frames beside them."""
    fixed, before = frozen(networks, "autoencoder", "motion"), copy(networks["between"])
    given = (networks[name] for name in ("autoencoder", "motion", "between"))
    settings = plan(tmp_path / "run", steps=3)
    found = train_between(settings, *given, Footage(str(clips), None, 0.3), random_anchors(tmp_path / "anchors"))
    check_trained(found, before)
    check_frozen(networks, fixed)
    row = last_row(tmp_path / "run")
    assert min(row[name] for name in ("flow", "share", "frame", "teacher", "lpips")) > 0 and sheets(tmp_path / "run")


def test_far(tmp_path, networks, clips):
    fixed, before = frozen(networks, "autoencoder", "motion"), copy(networks["between"])
    given = (networks[name] for name in ("autoencoder", "motion", "between"))
    settings = plan(tmp_path / "run", steps=6)
    found = train_far(settings, *given, Footage(str(clips), None, 0.3), random_anchors(tmp_path / "anchors"))
    check_trained(found, before)
    moved = {name.split(".")[0] for name, tensor in found.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"ways", "coarse", "choose"}
    check_frozen(networks, fixed)
    row = last_row(tmp_path / "run")
    assert row["ways"] > 0 and row["flow"] > 0


def test_scores_of_the_true_way_cost_least():
    to0, to1, weight = torch.zeros(1, 2, 32, 32), torch.zeros(1, 2, 32, 32), torch.ones(1, 1, 32, 32)
    to1[:, 0] = 32.0
    scores = torch.zeros(1, WAYS, 2, 2)
    scores[:, WAYS // 2 + 2] = 9
    found = [ways_loss((scores.roll(by, 1),) * 2, to0, to1, weight).item() for by in (0, 1, -2)]
    assert found[0] < 0.1 < 5 < found[1] == pytest.approx(found[2])
    assert ways_loss((scores.roll(1, 1),) * 2, to0, to1, 0 * weight) == 0


def test_the_teacher_counts_where_its_frame_is_nearer_to_the_truth():
    """Left the student's frame is right, right the teacher's; the flows differ by the same everywhere."""
    grid, wide = torch.zeros(1, 2, 32, 64), torch.ones(1, 1, 32, 64)
    truth, half = torch.full((1, 3, 32, 64), 0.5), torch.arange(64) < 32
    student, teacher = (torch.where(side, truth, 0.9) for side in (half, ~half))
    taught = Taught(grid + 1, grid + 1, wide, teacher)
    mine = [grid.clone().requires_grad_() for _ in range(2)]
    scores = (torch.zeros(1, WAYS, 2, 4),) * 2
    found = MotionBetween(*mine, 0 * wide, 0 * wide, scores=scores)
    between_losses(found, taught, student, 0.5 * wide, truth)["loss"].backward()
    left, right = mine[0].grad[..., :24].abs().mean(), mine[0].grad[..., 40:].abs().mean()
    assert right > 50 * left > 0


def test_fusion(tmp_path, networks):
    before, frozen = copy(networks["fusion"]), copy(networks["motion"])
    found = train_fusion(plan(tmp_path), networks["autoencoder"], networks["motion"], networks["fusion"], None)
    check_trained(found, before)
    assert same(networks["motion"], frozen)
    row = last_row(tmp_path)
    assert row["epe"] > 0 and row["base"] > 0 and sheets(tmp_path) == 1


@pytest.mark.parametrize("joint", [False, True])
def test_rendering(tmp_path, networks, clips, joint):
    before, between = copy(networks["synthesis"]), copy(networks["between"])
    fixed = frozen(networks, "autoencoder", "motion")
    given = (networks[name] for name in ("autoencoder", "motion", "between", "synthesis"))
    settings = plan(tmp_path / "run", workers=1)
    found_between, found = train_rendering(settings, *given, Footage(str(clips), None), STAND_IN, joint)
    check_trained(found, before)
    check_frozen(networks, fixed)
    assert last_row(tmp_path / "run")["psnr"] > 5 and sheets(tmp_path / "run") == 1
    if joint:
        check_trained(found_between, between)
    else:
        assert same(found_between, between)


def test_decoding(tmp_path, networks, clips, monkeypatch):
    kinds = iter(("true", "soft", "straight", "generated"))
    monkeypatch.setattr(keyframe_sources, "draw_source", lambda generated: next(kinds, "true"))
    fixed = frozen(networks, "autoencoder", "generator")
    before = frozen(networks, *ESTIMATOR, "synthesis")
    before["keyframe_synthesis"] = copy(KeyframeSynthesis.of(networks["synthesis"]))
    found = train_decoding(plan(tmp_path / "run", batch=1, steps=4), networks, Footage(str(clips), None), STAND_IN)
    assert set(found) == {*ESTIMATOR, "keyframe_synthesis"}
    for name, network in found.items():
        check_trained(network, before[name])
    check_frozen(networks, fixed)
    assert last_row(tmp_path / "run")["psnr"] > 5 and sheets(tmp_path / "run") == 1


def test_phi_s_learns_decoding_alone(tmp_path, networks, clips, monkeypatch):
    monkeypatch.setattr(keyframe_sources, "draw_source", lambda generated: "true")
    fixed = frozen(networks, "autoencoder", *ESTIMATOR, "synthesis")
    before = copy(KeyframeSynthesis.of(networks["synthesis"]))
    settings = plan(tmp_path / "run", batch=1, steps=2)
    found = train_decoding(settings, networks, Footage(str(clips), None), STAND_IN, alone=True)
    assert set(found) == {"keyframe_synthesis"}
    check_trained(found["keyframe_synthesis"], before)
    check_frozen(networks, fixed)
    with torch.no_grad():
        found["keyframe_synthesis"].correction.enter.bias += 5.0
    again = train_decoding(
        plan(tmp_path / "more", batch=1, steps=1), networks | found, Footage(str(clips), None), STAND_IN, alone=True
    )
    assert again["keyframe_synthesis"].correction.enter.bias.min() > 3  # it goes on from the one that is there


def test_keyframes_to_decode_come_in_several_numbers(networks, monkeypatch):
    monkeypatch.setattr(keyframe_sources, "draw_source", lambda generated: "straight")
    window = next(iter(Windows(None, None, 3, 1, (64, 64), keyframes=7)))
    torch.manual_seed(0)
    drawn = [
        keyframe_sources.draw_keyframes(window, *(networks[n] for n in ("autoencoder", "motion", "between")), None)
        for _ in range(12)
    ]
    numbers = {len(keyframes.times): keyframes.times for keyframes in drawn}
    assert numbers == {1: (0.5,), 3: (0.25, 0.5, 0.75), 7: tuple(i / 8 for i in range(1, 8))}


def test_sources_come_in_their_shares():
    torch.manual_seed(0)
    without = {"true": 0.4, "soft": 0.3, "straight": 0.3}
    for generated, expected in ((True, keyframe_sources.SHARES), (False, without)):
        drawn = [keyframe_sources.draw_source(generated) for _ in range(4000)]
        assert {name: drawn.count(name) / 4000 for name in set(drawn)} == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("terms", ["latent", "latent+l2", "full"])
def test_generator(tmp_path, networks, clips, terms):
    fixed = frozen(networks, "autoencoder", *ESTIMATOR, "synthesis")
    before = copy(networks["generator"])
    loss = FrameLoss(CPU, perceptual=terms != "latent+l2")
    found = train_generation(plan(tmp_path / "run", batch=1), networks, Footage(str(clips), None), loss, terms)
    check_trained(found, before)
    check_frozen(networks, fixed)
    row = last_row(tmp_path / "run")
    assert ("psnr" in row) == (terms != "latent") and row["base"] > 0


@pytest.mark.parametrize("own", [False, True])
def test_the_generator_learns_through_the_phi_s_of_keyframes(tmp_path, networks, clips, own):
    asked = []
    networks |= {"keyframe_synthesis": KeyframeSynthesis(8, 8)} if own else {}
    for name in ("synthesis", "keyframe_synthesis")[: 1 + own]:
        networks[name].register_forward_pre_hook(lambda *_, name=name: asked.append(name))
    train_generation(plan(tmp_path / "run", batch=1, steps=1), networks, Footage(str(clips), None), STAND_IN)
    assert set(asked) == {"keyframe_synthesis" if own else "synthesis"}


def test_the_generator_learns_what_the_motion_in_between_misses(networks):
    """One batch by heart, at the end of the schedule, where training is what use is: pure noise, one step."""
    torch.manual_seed(0)
    window = next(iter(Windows(None, None, 3, 2, (64, 64), keyframes=3, largest=140.0)))
    lesson = prepare(window, *(networks[n] for n in ("autoencoder", "motion", "between")))
    generator = networks["generator"]
    optimizer = torch.optim.Adam(generator.parameters(), 3e-3)
    for _ in range(60):
        losses = latent_losses(denoise(generator, lesson, 1.0), lesson)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    assert losses["loss"] < 0.7 * losses["base"]


def test_the_loss_of_latents_has_one_scale_at_every_noise_time(networks):
    """An untrained generator's error is that of its base, whatever t; the loss of v would be that over sigma^2."""
    torch.manual_seed(0)
    window = next(iter(Windows(None, None, 3, 1, (64, 64), keyframes=3)))
    lesson = prepare(window, *(networks[n] for n in ("autoencoder", "motion", "between")))
    base = latent_losses(lesson.base, lesson)["loss"]
    for progress in (0.0, 0.3, 1.0):
        found = latent_losses(denoise(networks["generator"], lesson, progress), lesson)["loss"].item()
        assert found == pytest.approx(base.item(), rel=0.02)


def test_the_frame_term_reaches_the_generator_through_the_chain(networks):
    window = next(iter(Windows(None, None, 3, 1, (64, 64), keyframes=3)))
    autoencoder, motion, between, fusion, synthesis = (
        networks[n].requires_grad_(False) for n in ("autoencoder", "motion", "between", "fusion", "synthesis")
    )
    z = prepare(window, autoencoder, motion, between).base.requires_grad_()
    keyframes = Keyframes(z, window.knot_times[1:-1], "rdvfi")
    trajectory = fit_keyframes(motion, between, fusion, autoencoder, *window.ends, keyframes)
    window_losses(trajectory, synthesis, window, STAND_IN)["loss"].backward()
    assert z.grad.isfinite().all() and (z.grad.flatten(2).abs().amax(-1) > 0).any(1).all()


# The cache of prepared batches


def test_a_cache_is_filled_once_and_serves_the_same_run(tmp_path, networks, clips):
    cache = tmp_path / "cache"

    def trained(folder: str) -> nn.Module:
        given = networks | {"generator": KeyframeGenerator(6, 32, 2, 2)}
        torch.manual_seed(0)
        for parameter in given["generator"].parameters():
            nn.init.normal_(parameter, std=0.02)
        settings = plan(tmp_path / folder, batch=1, steps=5)
        return train_generation(settings, given, Footage(str(clips), None), STAND_IN, "latent", cache, 3)

    first = trained("a")
    made = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert sorted(made) == [*(f"{i:08d}.safetensors" for i in range(3)), "cache.json"]
    (cache / "00000002.safetensors").unlink()  # as if filling had been stopped
    second = trained("b")
    assert same(first, second.state_dict())
    assert made["00000000.safetensors"] == (cache / "00000000.safetensors").stat().st_mtime_ns

    (cache / "00000001.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="00000001.safetensors is damaged"):
        trained("c")
    nn.init.ones_(networks["motion"].upsampling[0].bias)
    with pytest.raises(ValueError, match="was filled from other data or by other networks; name another"):
        trained("d")


# Losses


def test_motion_losses_are_least_where_the_motion_is_exact():
    flow = torch.randn(2, 2, 32, 48).cumsum(-1)
    seen = (torch.rand(2, 1, 32, 48) < 0.7).float()
    steps = tuple(flow[..., f // 2 :: f, f // 2 :: f] / f for f in (8, 8, 4))
    exact = motion_losses(Motion(flow, 20 * (seen - 0.5), steps), flow, seen)
    assert exact["loss"] < 0.1 and exact["epe"] < 0.02
    for spoiled in (
        Motion(flow + 1, 20 * (seen - 0.5), steps),
        Motion(flow, 20 * (0.5 - seen), steps),
        Motion(flow, 20 * (seen - 0.5), (*steps[:2], steps[2] + 0.5)),
    ):
        assert motion_losses(spoiled, flow, seen)["loss"] > exact["loss"] + 0.5


def test_endpoint_error_is_that_of_visible_pixels():
    flow, seen = torch.zeros(1, 2, 16, 16), torch.zeros(1, 1, 16, 16)
    seen[..., :8] = 1
    found = flow + torch.tensor((3.0, 4.0)).view(1, 2, 1, 1) * (2 - seen)  # 5 px off where seen, 10 where not
    assert motion_losses(Motion(found, seen), flow, seen)["epe"].item() == pytest.approx(5, abs=1e-3)
    terms = fusion_losses(found, seen, flow + 1, flow, seen)
    assert terms["epe"].item() == pytest.approx(5, abs=1e-3)
    assert terms["base"].item() == pytest.approx(2**0.5, abs=1e-3)


def test_reconstruction_losses():
    target = torch.rand(2, 3, 24, 24)
    assert reconstruction_losses(target, target)["loss"] == pytest.approx(-0.005 * 50, abs=1e-4)  # PSNR ends at 50 dB
    found = reconstruction_losses(target + 0.1, target)
    assert found["psnr"].item() == pytest.approx(20, abs=0.01)
    noise = 0.1 * torch.randn(2, 3, 24, 24).sign()  # as large, but it breaks the gradients
    assert reconstruction_losses(target + noise, target)["loss"] > found["loss"] + 0.05
