"""The training loop on a problem of four numbers."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from rdvfi_core.training import engine
from rdvfi_core.training.engine import Run, Schedule

PLOT = engine._plot
SCHEDULE = Schedule(steps=12, learning_rate=0.05, warmup=3, save_every=4)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(engine, "_plot", lambda curves, path: None)  # they take longer than the training


def linear(inputs: int = 3) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, 1)


def batches(first_step: int):
    step = first_step
    while True:
        yield torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        step += 1


class Task:
    """Losses of a run; `at` gives what to do at some steps instead. Noise is drawn from torch's own generator."""

    def __init__(self, network: nn.Linear, at: dict | None = None):
        self.network, self.at, self.seen = network, at or {}, []

    def __call__(self, batch, step):
        if step in self.at:
            return {"loss": self.at[step](self.network)}
        noisy = batch + 0.1 * torch.rand(batch.shape)
        loss = (self.network(noisy) - batch.sum(1, keepdim=True)).square().mean()
        self.seen.append(loss.item())
        return {"loss": loss, "twice": 2 * loss.detach()}


def stop(_):
    raise KeyboardInterrupt


def state(run: Run) -> list[torch.Tensor]:
    networks = run.networks["net"], run.averaged["net"]
    return [p.detach().clone() for network in networks for p in network.parameters()]


def finished(folder, **task) -> tuple[Run, Task]:
    run = Run(folder, {"net": linear()}, SCHEDULE, {"trains": "net"})
    work = Task(run.networks["net"], **task)
    torch.manual_seed(1)
    run.train(batches, work)
    return run, work


def without_time(curves: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in curves]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole, _ = finished(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "parts", at={6: stop})
    torch.manual_seed(99)
    resumed = Run(tmp_path / "parts", {"net": linear()}, SCHEDULE, {"trains": "net"})
    assert resumed.step == 4
    resumed.train(batches, Task(resumed.networks["net"]))
    assert resumed.step == 12
    assert all(torch.equal(a, b) for a, b in zip(state(whole), state(resumed), strict=True))
    assert without_time(whole.curves) == without_time(resumed.curves)


def test_it_learns(tmp_path):
    run, work = finished(tmp_path)
    assert sum(work.seen[-3:]) < 0.8 * sum(work.seen[:3])
    assert (run.networks["net"].weight - linear().weight).abs().min() > 0.1


def test_the_average_follows_faster_at_the_start(tmp_path):
    path, run = [], Run(tmp_path, {"net": linear()}, SCHEDULE, {})
    work = Task(run.networks["net"])

    def losses(batch, step):
        path.append(run.networks["net"].weight.detach().clone())
        return work(batch, step)

    run.train(batches, losses)
    expected = path[0]
    for step, weight in enumerate((*path[1:], run.networks["net"].weight)):
        expected = torch.lerp(weight, expected, (1 + step) / (10 + step))
    averaged = run.averaged["net"]
    torch.testing.assert_close(averaged.weight, expected)
    assert not averaged.weight.requires_grad and not averaged.training


def test_files_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_plot", PLOT)
    run, work = finished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.pt", "config.json", "curves.json", "curves.png"
    ]  # fmt: skip
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert curves == run.curves and [row["step"] for row in curves] == [4, 8, 12]
    for row, first in zip(curves, (0, 4, 8), strict=True):  # each row is the mean since the one before
        assert row["loss"] == pytest.approx(sum(work.seen[first : first + 4]) / 4)
        assert row["twice"] == pytest.approx(2 * row["loss"])
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["run"]["trains"] == "net" and config["schedule"]["steps"] == 12
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def infinite_slope(network: nn.Linear) -> torch.Tensor:
    """0, with a gradient that is not a number."""
    return (0 * network.weight).sqrt().sum()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({6: lambda network: network.weight.sum() * math.nan}, "The loss is nan at step 6"),
        ({7: infinite_slope}, "The gradient's norm is nan at step 7"),  # a checkpoint is due after this step
    ],
)
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, at, words):
    with pytest.raises(FloatingPointError, match=words):
        finished(tmp_path, at=at)
    kept = Run(tmp_path, {"net": linear()}, SCHEDULE, {"trains": "net"})
    assert kept.step == 4
    assert all(p.isfinite().all() for p in state(kept))
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_an_interrupted_save_leaves_the_checkpoint_before_it(tmp_path, monkeypatch):
    def fails(state, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    finished(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    run = Run(tmp_path, {"net": linear()}, SCHEDULE, {"trains": "net"})
    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="No space"):
        run.save()
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("networks", [{"net": linear(4)}, {"other": linear()}, {"net": linear(), "more": linear()}])
def test_a_folder_of_another_configuration_is_refused(tmp_path, networks):
    finished(tmp_path)
    with pytest.raises(ValueError, match="is of another configuration; choose another folder or delete it[.]$"):
        Run(tmp_path, networks, SCHEDULE, {"trains": "net"})


def test_a_folder_with_other_settings_is_refused_but_the_schedule_may_grow(tmp_path):
    finished(tmp_path)
    with pytest.raises(ValueError, match="is of another configuration"):
        Run(tmp_path, {"net": linear()}, SCHEDULE, {"trains": "net", "seed": 1})
    assert Run(tmp_path, {"net": linear()}, replace(SCHEDULE, steps=20), {"trains": "net"}).step == 12


def test_a_finished_run_has_nothing_to_do(tmp_path):
    run, _ = finished(tmp_path)
    again, work = finished(tmp_path)
    assert work.seen == []
    assert all(torch.equal(a, b) for a, b in zip(state(run), state(again), strict=True))


def test_frozen_parameters_stay(tmp_path):
    network = linear()
    network.bias.requires_grad_(False)
    run = Run(tmp_path, {"net": network}, SCHEDULE, {})
    before = network.bias.clone()
    run.train(batches, Task(network))
    assert torch.equal(network.bias, before) and torch.equal(run.averaged["net"].bias, before)
    assert not torch.equal(network.weight, linear().weight)


def test_learning_rate_warms_up_and_falls_to_its_floor():
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=10, floor=0.1)
    assert [schedule.rate(step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert schedule.rate(55) == pytest.approx(0.55)
    assert schedule.rate(100) == schedule.rate(200) == pytest.approx(0.1)
    rates = [schedule.rate(step) for step in range(10, 101)]
    assert rates == sorted(rates, reverse=True)
