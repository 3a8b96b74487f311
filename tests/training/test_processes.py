"""Two processes that a launcher has started, on the CPU, against one process that adds up two batches a step."""

import os
import socket
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from rdvfi_core.training import checkpoint
from rdvfi_core.training.engine import Run, TrainingPlan
from rdvfi_core.training.processes import Processes, Share, own_device
from rdvfi_core.training.schedule import Schedule

CPU = torch.device("cpu")


def train(folder: Path, accumulate: int, steps: int, spoil: bool) -> None:
    processes = Processes.join(CPU)
    torch.manual_seed(processes.rank)  # networks that differ at the start are made the same
    network, unused = nn.Linear(3, 1), nn.Linear(3, 1)
    schedule = Schedule(steps, 0.05, warmup=3, save_every=4)
    plan = TrainingPlan(folder, CPU, schedule, 8, (64, 64), 0, accumulate, processes)
    run = Run(plan, {"net": network, "unused": unused}, plan.settings("net"))

    def batches(share: Share):
        for number in share.numbers():
            yield torch.randn(8, 3, generator=torch.Generator().manual_seed(number)), number

    def losses(data: tuple[torch.Tensor, int], progress: float):
        batch, number = data
        noisy = batch + 0.1 * torch.rand(batch.shape)  # seeded by the number of the batch, whichever process draws it
        found = network(noisy) + (unused(noisy) if number % 3 == 0 else 0)  # in one process only, in some steps
        loss = (found - batch.sum(1, keepdim=True)).square().mean()
        return {"loss": loss * torch.nan if spoil and number == 11 else loss}

    run.train(batches, losses)


def train_as(rank: int, count: int, port: int, *arguments) -> None:
    """In a process of its own, whose environment is what torchrun and accelerate make it."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    try:
        train(*arguments)
    except FloatingPointError as error:
        arguments[0].with_name(f"error{rank}").write_text(str(error))
        os._exit(2)
    dist.destroy_process_group()


def launch(*arguments, count: int = 2) -> list[int]:
    """Exit codes of `count` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("fork")  # without importing torch anew
    started = [context.Process(target=train_as, args=(rank, count, port, *arguments)) for rank in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        process.kill()
    return [process.exitcode for process in started]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(checkpoint, "plot_curves", lambda curves, path: None)


def state(folder: Path) -> dict:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def test_two_processes_take_the_steps_of_one_that_adds_up_twice_as_many_batches(tmp_path):
    assert launch(tmp_path / "two", 1, 12, False) == [0, 0]
    train(tmp_path / "one", 2, 12, False)
    two, one = state(tmp_path / "two"), state(tmp_path / "one")
    for name in ("net", "unused"):
        for key, tensor in one["networks"][name].items():
            torch.testing.assert_close(two["networks"][name][key], tensor, atol=1e-6, rtol=1e-6)
    assert [row["loss"] for row in two["curves"]] == pytest.approx([row["loss"] for row in one["curves"]], rel=1e-5)


def test_one_process_goes_on_from_the_checkpoint_of_two(tmp_path):
    assert launch(tmp_path, 1, 5, False) == [0, 0]
    assert state(tmp_path)["step"] == 5
    with pytest.raises(ValueError, match="batches_per_step was 2, now 1"):
        train(tmp_path, 1, 12, False)
    train(tmp_path, 2, 12, False)
    assert state(tmp_path)["step"] == 12


def test_a_loss_that_is_no_number_in_one_process_stops_all(tmp_path):
    assert launch(tmp_path / "run", 1, 12, True) == [2, 2]  # batch 11 is the second process's in step 5
    said = [(tmp_path / f"error{rank}").read_text() for rank in (0, 1)]
    assert "The gradient's norm is nan at step 5; the checkpoint of step 4 is kept" in said[0]
    assert "The loss is nan at step 5; the checkpoint of step 4 is kept" in said[1]
    assert state(tmp_path / "run")["step"] == 4


def test_shares_and_loading_processes_part_the_numbers_among_them():
    whole = sorted(
        number for rank in range(3) for worker in range(2) for number in islice(Share(4, rank, 3).numbers(worker, 2), 5)
    )
    assert whole == list(range(12, 42))


def test_a_process_without_a_launcher_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone = Processes.join(CPU)
    assert alone.first and alone.count == 1 and alone.means([1.5]) == [1.5] and alone.largest(2.0, 3.0) == [2.0, 3.0]


def test_each_process_has_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_device(torch.device("cuda")) == torch.device("cuda:3")
    assert own_device(torch.device("cuda:1")) == torch.device("cuda:1")
    assert own_device(torch.device("cpu")) == torch.device("cpu")
