"""The training loop on a problem of four numbers."""

import json
import math
import os
import resource
import signal
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from rdvfi_core.errors import Interrupted
from rdvfi_core.training import checkpoint
from rdvfi_core.training.engine import Run, TrainingPlan
from rdvfi_core.training.processes import ALL, Share
from rdvfi_core.training.schedule import Schedule

PLOT = checkpoint.plot_curves
SCHEDULE = Schedule(steps=12, learning_rate=0.05, warmup=3, save_every=4)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(checkpoint, "plot_curves", lambda curves, path: None)  # they take longer than the training


def linear(inputs: int = 3) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, 1)


def plan(folder: Path, schedule: Schedule = SCHEDULE, **more) -> TrainingPlan:
    return TrainingPlan(folder, torch.device("cpu"), schedule, batch=8, crop=(64, 64), **more)


def make(folder: Path, network: nn.Module | None = None, config: dict | None = None, **more) -> Run:
    return Run(plan(folder, **more), {"net": network or linear()}, {"trains": "net"} if config is None else config)


def batches(share: Share):
    for number in share.numbers():
        yield torch.randn(8, 3, generator=torch.Generator().manual_seed(number))


class Task:
    """Losses of a run; `at` gives what to do at some steps instead. Noise is drawn from torch's own generator."""

    def __init__(self, run: Run, at: dict | None = None):
        self.run, self.network, self.at, self.seen, self.progress = run, run.networks["net"], at or {}, [], []

    def __call__(self, batch, progress):
        self.progress.append(progress)
        if self.run.step in self.at:
            found = self.at[self.run.step](self.network)
            if found is not None:
                return {"loss": found}
        noisy = batch + 0.1 * torch.rand(batch.shape)
        loss = (self.network(noisy) - batch.sum(1, keepdim=True)).square().mean()
        self.seen.append(loss.item())
        return {"loss": loss, "twice": 2 * loss.detach()}


def stop(_) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def state(run: Run) -> list[torch.Tensor]:
    networks = run.networks["net"], run.averaged["net"]
    return [p.detach().clone() for network in networks for p in network.parameters()]


def finished(folder, at: dict | None = None, **more) -> tuple[Run, Task]:
    run = make(folder, **more)
    work = Task(run, at)
    run.train(batches, work)
    return run, work


def without_time(curves: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in curves]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_stopped_anywhere_and_resumed_equals_an_uninterrupted_one_bit_for_bit(tmp_path, accumulate):
    whole, _ = finished(tmp_path / "whole", accumulate=accumulate)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="stopped at step 7; the same command goes on from there"):
        finished(tmp_path / "parts", at={6: stop}, accumulate=accumulate)
    assert signal.getsignal(signal.SIGTERM) is before
    torch.manual_seed(99)
    resumed = make(tmp_path / "parts", accumulate=accumulate)
    assert resumed.step == 7
    resumed.train(batches, Task(resumed))
    assert resumed.step == 12
    assert all(torch.equal(a, b) for a, b in zip(state(whole), state(resumed), strict=True))
    assert without_time(whole.curves) == without_time(resumed.curves)


def test_it_learns(tmp_path):
    run, work = finished(tmp_path)
    assert sum(work.seen[-3:]) < 0.8 * sum(work.seen[:3])
    assert (run.networks["net"].weight - linear().weight).abs().min() > 0.1


def test_the_average_follows_faster_at_the_start(tmp_path):
    path, run = [], make(tmp_path)
    work = Task(run)

    def losses(batch, progress):
        path.append(run.networks["net"].weight.detach().clone())
        return work(batch, progress)

    run.train(batches, losses)
    expected = path[0]
    for step, weight in enumerate((*path[1:], run.networks["net"].weight)):
        expected = torch.lerp(weight, expected, (1 + step) / (10 + step))
    averaged = run.averaged["net"]
    torch.testing.assert_close(averaged.weight, expected)
    assert not averaged.weight.requires_grad and not averaged.training


def test_files_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "plot_curves", PLOT)
    run = make(tmp_path)
    work = Task(run)
    run.train(batches, work, lambda batch: {"row": [("a", batch[None].sigmoid().expand(3, 8, 3))]})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.pt", "config.json", "curves.json", "curves.png", "sheets"
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["0000004.jpg", "0000012.jpg"]
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert curves == run.curves and [row["step"] for row in curves] == [4, 8, 12]
    for row, first in zip(curves, (0, 4, 8), strict=True):  # each row is the mean since the one before
        assert row["loss"] == pytest.approx(sum(work.seen[first : first + 4]) / 4)
        assert row["twice"] == pytest.approx(2 * row["loss"])
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["run"]["trains"] == "net" and config["schedule"]["steps"] == 12
    assert config["revision"] is None or len(config["revision"].rstrip("+")) == 40
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def infinite_slope(network: nn.Linear) -> torch.Tensor:
    """0, with a gradient that is not a number."""
    return (0 * network.weight).sqrt().sum()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({6: lambda network: network.weight.sum() * math.nan}, "The loss is nan at step 6; the checkpoint of step 4"),
        ({7: infinite_slope}, "The gradient's norm is nan at step 7"),  # a checkpoint is due after this step
        ({2: lambda network: network.weight.sum() * math.nan}, "The loss is nan at step 2; no step was kept in"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, at, words):
    with pytest.raises(FloatingPointError, match=words):
        finished(tmp_path, at=at)
    kept = make(tmp_path)
    assert kept.step == (0 if 2 in at else 4)
    assert all(p.isfinite().all() for p in state(kept))
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_a_full_disk_is_told_and_the_checkpoint_before_it_stays(tmp_path):
    finished(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    run = make(tmp_path, schedule=replace(SCHEDULE, steps=20))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))  # no file can grow beyond
    try:
        with pytest.raises(OSError, match="of step 16 could not be written .*; the one of step 12 is kept: make room"):
            run.train(batches, Task(run))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_a_damaged_checkpoint_is_refused(tmp_path):
    finished(tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="checkpoint.pt is damaged or no checkpoint; delete it, or bring back a copy"):
        make(tmp_path)


def test_adding_up_gradients_is_a_larger_batch(tmp_path):
    """Two batches of 8 a step against one of 16 that holds the same samples; noise is left out."""

    def pairs(share):
        stream = batches(ALL)
        return (torch.cat(list(islice(stream, 2))) for _ in share.numbers())

    def losses(run):
        return lambda batch, _: {"loss": (run.networks["net"](batch) - batch.sum(1, keepdim=True)).square().mean()}

    apart, together = make(tmp_path / "apart", accumulate=2), make(tmp_path / "together")
    apart.train(batches, losses(apart))
    together.train(pairs, losses(together))
    assert apart.step == together.step == 12
    for a, b in zip(state(apart), state(together), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)


def test_a_run_by_the_clock_ends_in_time_with_its_rate_all_the_way_down(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 7))  # a step takes seven seconds
    monkeypatch.setattr("rdvfi_core.training.engine.time.monotonic", lambda: float(next(clock)))
    timed = Schedule(steps=None, learning_rate=0.05, minutes=2, warmup=3, save_every=4)
    with pytest.raises(Interrupted):
        finished(tmp_path, at={6: stop}, schedule=timed)
    run = make(tmp_path, schedule=timed)
    assert run.step == 7 and run.seconds == 7 * 8
    work = Task(run)
    run.train(batches, work)
    assert 120 <= run.seconds < 127  # both starts together
    assert work.progress == sorted(work.progress) and 0.9 < work.progress[-1] < 1
    assert run.optimizer.param_groups[0]["lr"] < 0.1 * 0.05
    assert run.curves[-1]["step"] == run.step


def test_preparing_batches_is_no_training(tmp_path, monkeypatch):
    clock = iter([0.0, *range(1000, 10_000, 7)])
    monkeypatch.setattr("rdvfi_core.training.engine.time.monotonic", lambda: float(next(clock)))

    def prepared(share):
        time.monotonic()  # a cache is filled, from 0 to 1000 s
        return batches(share)

    run = make(tmp_path, schedule=Schedule(steps=None, learning_rate=0.05, minutes=2))
    run.train(prepared, Task(run))
    assert 120 <= run.seconds < 127 and run.step == 17


@pytest.mark.parametrize("networks", [{"net": linear(4)}, {"other": linear()}, {"net": linear(), "more": linear()}])
def test_a_folder_of_another_configuration_is_refused(tmp_path, networks):
    finished(tmp_path)
    with pytest.raises(ValueError, match="is of another configuration; choose another folder or delete it[.]$"):
        Run(plan(tmp_path), networks, {"trains": "net"})


def test_a_folder_with_other_settings_is_refused_but_the_schedule_may_grow(tmp_path):
    finished(tmp_path)
    with pytest.raises(ValueError, match=r"is of another configuration \(seed was None, now 1\); choose"):
        make(tmp_path, config={"trains": "net", "seed": 1})
    assert make(tmp_path, schedule=replace(SCHEDULE, steps=20)).step == 12


def test_a_finished_run_has_nothing_to_do(tmp_path):
    run, _ = finished(tmp_path)
    again, work = finished(tmp_path)
    assert work.seen == []
    assert all(torch.equal(a, b) for a, b in zip(state(run), state(again), strict=True))


def test_frozen_parameters_stay(tmp_path):
    network = linear()
    network.bias.requires_grad_(False)
    run = make(tmp_path, network)
    before = network.bias.clone()
    run.train(batches, Task(run))
    assert torch.equal(network.bias, before) and torch.equal(run.averaged["net"].bias, before)
    assert not torch.equal(network.weight, linear().weight)


def test_learning_rate_warms_up_and_falls_to_its_floor():
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=10, floor=0.1)

    def rate(step: int) -> float:
        return schedule.rate(step, schedule.progress(step, 0.0))

    assert [rate(step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert rate(55) == pytest.approx(0.55)
    assert rate(100) == rate(200) == pytest.approx(0.1)
    rates = [rate(step) for step in range(10, 101)]
    assert rates == sorted(rates, reverse=True)


def test_whichever_comes_first_ends_a_run_of_steps_and_minutes():
    schedule = Schedule(steps=100, learning_rate=1.0, minutes=1)
    assert schedule.progress(50, 6.0) == 0.5 and schedule.progress(10, 30.0) == 0.5
    with pytest.raises(ValueError, match="needs an end"):
        Schedule(steps=None, learning_rate=1.0)
