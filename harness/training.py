"""A training loop that survives a kill: checkpoints, exact resume, a CSV log.

Batches are a function of the step alone, so a resumed run sees what an unbroken one would.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


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
    """

    step: Callable[[int], dict[str, float]]
    state: dict[str, Stateful]
    steps: int
    directory: Path
    save_every: int = 200
    log_every: int = 20
    report: Callable[[dict[str, float]], None] = lambda row: None

    def run(self) -> None:
        """Train to the end. Interrupt at any moment: the same call goes on from the last save."""
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
        payload = {name: part.state_dict() for name, part in self.state.items()}
        temporary = self.directory / "last.pt.tmp"
        torch.save({"step": done, "rng": torch.get_rng_state(), "state": payload}, temporary)
        temporary.replace(self.directory / "last.pt")

    def _resume(self) -> int:
        path = self.directory / "last.pt"
        if not path.is_file():
            self._trim_log(0)
            return 0
        saved = torch.load(path, weights_only=True)
        for name, part in self.state.items():
            part.load_state_dict(saved["state"][name])
        torch.set_rng_state(saved["rng"])
        self._trim_log(int(saved["step"]))
        return int(saved["step"])

    def _trim_log(self, step: int) -> None:
        path = self.directory / "log.csv"
        if not path.is_file():
            return
        with path.open(newline="") as file:
            lines = list(csv.reader(file))
        # Beside and then in its place: a kill must not cost the log.
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            whole = (line for line in lines[1:] if len(line) == len(lines[0]))
            csv.writer(file).writerows(
                [*lines[:1], *(line for line in whole if float(line[0]) <= step)]
            )
        temporary.replace(path)

    def _log(self, row: dict[str, float]) -> None:
        self._write(row)
        self.report(row)

    def _write(self, row: dict[str, float]) -> None:
        path = self.directory / "log.csv"
        fresh = not path.exists() or not path.stat().st_size
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow({k: int(v) if k == "step" else f"{v:.6g}" for k, v in row.items()})
