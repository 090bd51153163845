"""A training loop that survives a kill: checkpoints, exact resume, a CSV log.

Batches are a function of the step alone, so a resumed run sees what an unbroken one would. The
states of torch's random generators, of the CPU and of the process's GPU, are part of a checkpoint.
"""

from __future__ import annotations

import csv
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from harness.assets.disk import writing
from harness.assets.pickles import refuse_programs
from harness.errors import UserError


class Stateful(Protocol):
    """A module, an optimizer or a scheduler."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from ``state``."""


@dataclass
class Loop:
    """Runs ``step`` for steps 0..``steps``-1, resuming from ``directory`` where a run stopped.

    Attributes:
        step: trains on the batch of the given step; returns named losses for the log.
        state: what to save and restore, by name.
        steps: total number of steps.
        directory: where ``last.pt`` and ``log.csv`` live.
        save_every: steps between checkpoints.
        log_every: steps between log lines (means over the interval).
        report: receives each log line as a dictionary.
        writes: False in all but one of several processes that train together: they resume from
            the files, and write none.
    """

    step: Callable[[int], dict[str, float]]
    state: dict[str, Stateful]
    steps: int
    directory: Path
    save_every: int = 200
    log_every: int = 20
    report: Callable[[dict[str, float]], None] = lambda row: None
    writes: bool = True

    def run(self) -> None:
        """Train to the end. Interrupt at any moment: the same call goes on from the last save.

        Raises:
            UserError: the checkpoint found cannot be read, or is of other parts than ``state``.
            HarnessError: the disk is full; the last checkpoint stays.
        """
        with writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
        start = self._resume()
        sums: dict[str, float] = {}
        count, began = 0, time.perf_counter()
        for index in range(start, self.steps):
            for key, value in self.step(index).items():
                sums[key] = sums.get(key, 0.0) + value
            count += 1
            done = index + 1
            if done % self.log_every == 0 or done == self.steps:
                rate = (time.perf_counter() - began) / count
                row = {"step": float(done), **{k: v / count for k, v in sums.items()}}
                self._log({**row, "seconds_per_step": rate})
                sums, count, began = {}, 0, time.perf_counter()
            if done % self.save_every == 0 or done == self.steps:
                self._save(done)

    def _save(self, done: int) -> None:
        if not self.writes:
            return
        payload = {name: part.state_dict() for name, part in self.state.items()}
        saved = {"step": done, "rng": torch.get_rng_state(), "state": payload}
        if _on_gpu():
            saved["cuda_rng"] = torch.cuda.get_rng_state()
        temporary = self.directory / "last.pt.tmp"
        path = self.directory / "last.pt"
        try:
            with writing(path):
                torch.save(saved, temporary)
                temporary.replace(path)
        finally:  # gone by now, unless the disk is full: what is half written fills it up
            temporary.unlink(missing_ok=True)

    def _resume(self) -> int:
        path = self.directory / "last.pt"
        if not path.is_file():
            self._trim_log(0)
            return 0
        saved = read_checkpoint(path)
        try:
            for name, part in self.state.items():
                part.load_state_dict(saved["state"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{path} is no checkpoint of this training, or an older version's: delete "
                f"{self.directory} to start afresh."
            ) from error
        torch.set_rng_state(saved["rng"])
        if "cuda_rng" in saved and _on_gpu():
            torch.cuda.set_rng_state(saved["cuda_rng"])
        self._trim_log(int(saved["step"]))
        return int(saved["step"])

    def _trim_log(self, step: int) -> None:
        path = self.directory / "log.csv"
        if not path.is_file() or not self.writes:
            return
        with path.open(newline="") as file:
            lines = list(csv.reader(file))
        # Beside and then in its place: a kill must not cost the log.
        temporary = path.with_suffix(".tmp")
        with writing(path), temporary.open("w", newline="") as file:
            whole = (line for line in lines[1:] if len(line) == len(lines[0]))
            csv.writer(file).writerows(
                [*lines[:1], *(line for line in whole if float(line[0]) <= step)]
            )
        temporary.replace(path)

    def _log(self, row: dict[str, float]) -> None:
        if self.writes:
            self._write(row)
        self.report(row)

    def _write(self, row: dict[str, float]) -> None:
        path = self.directory / "log.csv"
        fresh = not path.exists() or not path.stat().st_size
        with writing(path), path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow({k: int(v) if k == "step" else f"{v:.6g}" for k, v in row.items()})


def moving_average(module: nn.Module, decay: float) -> AveragedModel:
    """A copy of a module that follows it, its buffers too: an exponential moving average.

    Args:
        module: whose average ``update_parameters(module)`` goes on with; the first time copies it.
        decay: weight of the past, a step. It is less in the first steps, n / (n + 10) after n, so
            that the random weights of the beginning are soon out of it.

    Returns:
        The average, as its ``module``.
    """

    @torch.no_grad()
    def update(averages: Sequence[Tensor], latest: Sequence[Tensor], count: Tensor | int) -> None:
        past = min(decay, float(count) / (float(count) + 10))
        for average, value in zip(averages, latest, strict=True):
            if value.is_floating_point():
                average.lerp_(value, 1 - past)
            else:
                average.copy_(value)

    return AveragedModel(module, multi_avg_fn=update, use_buffers=True)


def _on_gpu() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a `Loop` saved: ``step``, ``state`` by name, ``rng``; every tensor on the CPU.

    Raises:
        UserError: it cannot be read, is a program, or is something else.
    """
    refuse_programs(path)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"Cannot read the checkpoint {path} ({reason}): delete it to train that part afresh."
        ) from error
    if not isinstance(saved, dict) or not {"step", "state", "rng"} <= saved.keys():
        raise UserError(f"{path} is no checkpoint of a training: delete it to train afresh.")
    return saved
