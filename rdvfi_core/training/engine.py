"""The loop that every trainer shares: steps, checkpoints, averaged weights, curves. What is learned is the caller's."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

Losses = dict[str, Tensor]  # scalars by name; "loss" is the one that is minimised


@dataclass(frozen=True)
class Schedule:
    steps: int
    learning_rate: float
    warmup: int = 200
    floor: float = 0.02  # of the learning rate, at the end
    clip: float = 1.0
    average: float = 0.998  # decay of the averaged weights that are shipped
    save_every: int = 250

    def rate(self, step: int) -> float:
        """Linear warm-up, a tenth of the steps at most, then a cosine to the floor."""
        warmup = min(self.warmup, self.steps // 10)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        turn = (step - warmup) / max(1, self.steps - warmup)
        return self.learning_rate * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(1.0, turn))) / 2)


class Run:
    """A run folder: `checkpoint.pt`, `curves.json`, `curves.png`, `config.json`. Training goes on from the checkpoint
    that is there; a folder that belongs to another configuration is refused. The schedule alone may change, to train
    for longer."""

    def __init__(self, folder: Path | str, networks: dict[str, nn.Module], schedule: Schedule, config: dict):
        self.folder, self.networks, self.schedule = Path(folder), networks, schedule
        self.parameters = [p for n in networks.values() for p in n.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=schedule.learning_rate, weight_decay=1e-4)
        self.averaged = {name: copy.deepcopy(n).eval().requires_grad_(False) for name, n in networks.items()}
        self.step, self.curves = 0, []
        self.config = json.dumps(config, indent=1, default=str)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "checkpoint.pt").exists():
            self._resume()
        else:
            schedule_text = json.dumps(asdict(schedule))
            _write(self.folder / "config.json", f'{{"schedule": {schedule_text},\n"run": {self.config}}}\n')

    def train(
        self,
        batches: Callable[[int], Iterable],
        losses: Callable[[object, int], Losses],
    ) -> None:
        """batches(first_step) yields one batch a step; losses(batch, step) is differentiated."""
        from tqdm import tqdm

        schedule, sums, since, started = self.schedule, {}, 0, time.time()
        bar = tqdm(total=schedule.steps, initial=self.step, desc=self.folder.name, mininterval=5)
        for batch in batches(self.step):
            if self.step >= schedule.steps:
                break
            for group in self.optimizer.param_groups:
                group["lr"] = schedule.rate(self.step)
            terms = losses(batch, self.step)
            self._check(terms["loss"], "loss")
            self.optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            norm = nn.utils.clip_grad_norm_(self.parameters, schedule.clip)
            self._check(norm, "gradient's norm")
            self.optimizer.step()
            self._average()
            self.step += 1
            since += 1
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            bar.update()
            if self.step % schedule.save_every == 0 or self.step == schedule.steps:
                row = {"step": self.step, "seconds": round(time.time() - started, 1)}
                row |= {name: total / since for name, total in sums.items()}
                self.curves.append(row)
                bar.write(" ".join(f"{k}={v:.4g}" for k, v in row.items()))
                self.save()
                sums, since = {}, 0
        bar.close()

    def save(self) -> None:
        state = {
            "step": self.step,
            "config": self.config,
            "curves": self.curves,
            "networks": {name: n.state_dict() for name, n in self.networks.items()},
            "averaged": {name: n.state_dict() for name, n in self.averaged.items()},
            "optimizer": self.optimizer.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }
        partial = self.folder / "checkpoint.pt.part"
        torch.save(state, partial)
        os.replace(partial, self.folder / "checkpoint.pt")
        _write(self.folder / "curves.json", json.dumps(self.curves, indent=1))
        _plot(self.curves, self.folder / "curves.png")

    def _check(self, value: Tensor, name: str) -> None:
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"The {name} is {value.item()} at step {self.step}; a checkpoint of an earlier step, if one was "
                f"reached, is in {self.folder}: start again from it with a lower --rate."
            )

    def _average(self) -> None:
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        for name, network in self.networks.items():
            targets, sources = list(self.averaged[name].parameters()), list(network.parameters())
            torch._foreach_lerp_([t.data for t in targets], [s.data for s in sources], 1 - decay)

    def _resume(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", map_location="cpu", weights_only=True)
        try:
            if state["config"] != self.config:
                raise ValueError("other settings")
            for name, network in self.networks.items():
                network.load_state_dict(state["networks"][name])
                self.averaged[name].load_state_dict(state["averaged"][name])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"The checkpoint in {self.folder} is of another configuration; choose another folder or delete it."
            ) from error
        torch.set_rng_state(state["torch_rng"])
        self.step, self.curves = state["step"], state["curves"]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text)
    os.replace(partial, path)


def _plot(curves: list[dict], path: Path) -> None:
    try:
        import matplotlib
    except ImportError:  # the extra `train` brings it; curves.json holds the same figures
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in curves[-1] if n not in ("step", "seconds")]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3.2 * len(names), 3), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = [r for r in curves if name in r]
        axis.plot([r["step"] for r in rows], [r[name] for r in rows])
        axis.set_title(name)
        axis.set_xlabel("step")
    figure.tight_layout()
    partial = path.with_name("part_" + path.name)
    figure.savefig(partial, dpi=80)
    pyplot.close(figure)
    os.replace(partial, path)
