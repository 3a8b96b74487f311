"""The loop that every trainer shares: steps, checkpoints, averaged weights, curves, sheets, on one process or many.
What is learned is the caller's."""

from __future__ import annotations

import copy
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import Interrupted
from ..sheet import cell, draw_sheet
from . import checkpoint
from .processes import Processes, Share
from .schedule import Schedule

Losses = dict[str, Tensor]  # scalars by name; "loss" is the one that is minimised
Sheet = dict[str, list[tuple[str, Tensor]]]  # rows by title: captions and pictures (3, h, w) in [0, 1]

NUMBERS_PER_SEED = 2**32  # batches; seeds of torch's generator must not meet those of another run
SHEET_EVERY = 4  # checkpoints


@dataclass(frozen=True)
class TrainingPlan:
    """How a stage is trained, whatever it trains."""

    folder: Path
    device: torch.device
    schedule: Schedule
    batch: int  # samples that go through the networks at once in each process
    crop: tuple[int, int]  # (h, w) on the motion grid
    seed: int = 0
    accumulate: int = 1  # batches whose gradients are added up to a step, in each process
    processes: Processes = field(default_factory=Processes)
    workers: int = 1  # processes that load or render beside each training process

    def settings(self, trains: str, **more) -> dict:
        """What a run must share with the checkpoint it goes on from."""
        per_step = self.accumulate * self.processes.count
        return {"trains": trains, "seed": self.seed, "batch": self.batch, "batches_per_step": per_step,
                "crop": list(self.crop), **more}  # fmt: skip


class Run:
    """A run folder: `checkpoint.pt`, `curves.json`, `curves.png`, `config.json`, `sheets/`. Training goes on from the
    checkpoint that is there; a folder that belongs to another configuration is refused. The schedule alone may change,
    to train for longer.

    Everything a step depends on is in the checkpoint or follows from the seed and the number of the batch, so a run
    that was stopped anywhere and started again ends with the weights of one that was not."""

    def __init__(self, plan: TrainingPlan, networks: dict[str, nn.Module], config: dict):
        self.plan, self.networks, self.schedule = plan, networks, plan.schedule
        self.parameters = [p for n in networks.values() for p in n.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=plan.schedule.learning_rate, weight_decay=1e-4)
        self.averaged = {name: copy.deepcopy(n).eval().requires_grad_(False) for name, n in networks.items()}
        self.step, self.seconds, self.curves = 0, 0.0, []
        self.sums, self.since = {}, 0  # of the terms since the last row of the curves
        self.config = json.dumps(config, indent=1, default=str)
        self.path, self.kept = Path(plan.folder) / "checkpoint.pt", None
        if plan.processes.first:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        plan.processes.wait()
        if self.path.exists():
            self._resume()
        elif plan.processes.first:
            about = {"schedule": asdict(plan.schedule), "run": config, "revision": checkpoint.revision(),
                     "torch": torch.__version__, "command": sys.argv[1:]}  # fmt: skip
            checkpoint.write_text(self.path.with_name("config.json"), json.dumps(about, indent=1, default=str) + "\n")
        plan.processes.same_([t.data for n in networks.values() for t in n.parameters()])

    def train(
        self,
        batches: Callable[[Share], Iterator],
        losses: Callable[[object, float], Losses],
        sheet: Callable[[object], Sheet] | None = None,
    ) -> None:
        """batches(share) yields this process's batches; losses(batch, progress) is differentiated, progress being the
        run's from 0 to 1; sheet(batch) draws what the networks make of a batch. An interrupt or SIGTERM ends the step,
        writes a checkpoint and raises Interrupted."""
        from tqdm import tqdm

        plan, before = self.plan, self.seconds
        rank, processes, batch = plan.processes.rank, plan.processes.count, None
        stream = batches(Share(self.step * plan.accumulate, rank, processes))
        started = time.monotonic()  # a cache may have been filled for the stream; that is no training
        hidden = not plan.processes.first
        bar = tqdm(
            total=self.schedule.steps, initial=self.step, desc=plan.folder.name, mininterval=5, disable=hidden or None
        )
        with _stop_requests() as stopping, bar:
            while True:
                own = before + time.monotonic() - started
                stop, self.seconds = plan.processes.largest(float(stopping()), own if rank == 0 else 0.0)
                progress = self.schedule.progress(self.step, self.seconds)
                ended = progress >= 1
                if self.since and (stop or ended or self.step % self.schedule.save_every == 0):
                    self._save(bar.write, complete=not stop)
                    due = ended or (not stop and len(self.curves) % SHEET_EVERY == 1)
                    if sheet is not None and batch is not None and due and plan.processes.first:
                        self._draw(sheet(batch))
                if stop:
                    said = f"Training was stopped at step {self.step}; the same command goes on from there."
                    if plan.processes.first:
                        bar.write(said)
                    raise Interrupted(said)
                if ended:
                    return
                batch = self._advance(stream, losses, progress)
                bar.update()

    def _advance(self, stream: Iterator, losses: Callable[[object, float], Losses], progress: float) -> object:
        plan = self.plan
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step, progress)
        self.optimizer.zero_grad(set_to_none=True)
        for part in range(plan.accumulate):
            number = (self.step * plan.accumulate + part) * plan.processes.count + plan.processes.rank
            batch = next(stream)
            torch.manual_seed(plan.seed * NUMBERS_PER_SEED + number)
            terms = losses(batch, progress)
            self._check(terms["loss"], "loss")
            (terms["loss"] / plan.accumulate).backward()
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(value.detach()) / plan.accumulate
        for parameter in self.parameters:  # what one process did not need, another may have
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        plan.processes.average_([p.grad for p in self.parameters])
        norm = nn.utils.clip_grad_norm_(self.parameters, self.schedule.clip)
        self._check(norm, "gradient's norm")
        self.optimizer.step()
        self._average()
        self.step += 1
        self.since += 1
        return batch

    def _save(self, say: Callable[[str], None], complete: bool) -> None:
        """complete: the curves get a row; a run that was stopped goes on summing."""
        if complete:
            means = self.plan.processes.means([total / self.since for total in self.sums.values()])
            row = {"step": self.step, "seconds": round(self.seconds, 1)} | dict(zip(self.sums, means, strict=True))
            self.curves.append(row)
            self.sums, self.since = {}, 0
            if self.plan.processes.first:
                say(" ".join(f"{k}={v:.4g}" for k, v in row.items()))
        if self.plan.processes.first:
            checkpoint.saved_or_told(self.save, self.path.parent, self.step, self.kept)
        self.kept = self.step

    def save(self) -> None:
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "config": self.config,
            "curves": self.curves,
            "sums": self.sums,
            "since": self.since,
            "networks": {name: n.state_dict() for name, n in self.networks.items()},
            "averaged": {name: n.state_dict() for name, n in self.averaged.items()},
            "optimizer": self.optimizer.state_dict(),
        }
        checkpoint.write_state(self.path, state)
        checkpoint.write_text(self.path.with_name("curves.json"), json.dumps(self.curves, indent=1))
        if self.curves:
            checkpoint.plot_curves(self.curves, self.path.with_name("curves.png"))

    def _draw(self, rows: Sheet) -> None:
        folder = self.path.with_name("sheets")
        folder.mkdir(exist_ok=True)
        cells = {
            title: [cell((p.float().clamp(0, 1) * 255).byte().cpu().permute(1, 2, 0).numpy(), c) for c, p in pictures]
            for title, pictures in rows.items()
        }
        with checkpoint.file_on_disk(folder / f"{self.step:07d}.jpg") as file:
            draw_sheet(cells).save(file, "JPEG", quality=88)

    def _check(self, value: Tensor, name: str) -> None:
        if torch.isfinite(value):
            return
        kept = f"the checkpoint of step {self.kept} is kept in" if self.kept is not None else "no step was kept in"
        if self.plan.processes.count > 1 and name == "loss":  # the others learn it from the mean of the gradients
            bad = [torch.full_like(p, torch.nan) for p in self.parameters]
            self.plan.processes.average_(bad)
        raise FloatingPointError(
            f"The {name} is {value.item()} at step {self.step}; {kept} {self.path.parent}: start again from there with "
            "a lower --rate."
        )

    def _average(self) -> None:
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        for name, network in self.networks.items():
            targets, sources = list(self.averaged[name].parameters()), list(network.parameters())
            torch._foreach_lerp_([t.data for t in targets], [s.data for s in sources], 1 - decay)

    def _resume(self) -> None:
        state = checkpoint.read_state(self.path)
        try:
            if state["config"] != self.config:
                raise ValueError(_difference(json.loads(state["config"]), json.loads(self.config)))
            for name, network in self.networks.items():
                network.load_state_dict(state["networks"][name])
                self.averaged[name].load_state_dict(state["averaged"][name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds, self.curves = state["step"], state["seconds"], state["curves"]
            self.sums, self.since = state["sums"], state["since"]
        except (KeyError, RuntimeError, ValueError) as error:
            reason = f" ({error})" if isinstance(error, ValueError) else ""
            raise ValueError(
                f"The checkpoint in {self.path.parent} is of another configuration{reason}; choose another folder or "
                "delete it."
            ) from error
        self.kept = self.step


def trained(network: nn.Module, device: torch.device) -> nn.Module:
    return network.to(device, memory_format=torch.channels_last).train().requires_grad_(True)


def frozen(network: nn.Module, device: torch.device) -> nn.Module:
    return network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def _difference(stored: dict, asked: dict) -> str:
    names = [name for name in {**stored, **asked} if stored.get(name) != asked.get(name)]
    return "; ".join(f"{name} was {stored.get(name)}, now {asked.get(name)}" for name in names)


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came since. A second Ctrl-C interrupts at once."""
    asked = []

    def note(number, frame) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs it there has its own way to stop it
        before = {}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
