"""A few images degraded, restored and predicted again, as the run did it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.engine.pipeline import Prepared, process
from harness.engine.workers import deterministic
from harness.errors import HarnessError, UserError
from harness.panels.reproducibility import held_against
from harness.plugins import (
    RGB,
    Compressed,
    Drawing,
    Record,
    Restored,
    Restorer,
    VisionModel,
    as_restored,
)
from harness.records.run_directory import RunDirectory
from harness.study.grid import TaskPlan
from harness.study.plan import Plan
from harness.study.study import Cell, Condition


@dataclass(frozen=True)
class Seen:
    """One restorer's picture of an image and what came of it.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        record: as the run would record it; None where the task does not score this picture.
        drawing: of the prediction; None where no vision model ran.
        truth: the `Drawing` of the ground truth, likewise.
        same: whether the outcome equals the recorded one.
        fingerprint: of the cell as it is now; empty without a cell.
        note: a sentence where it differs from the run's.
    """

    pixels: NDArray[np.uint8]
    record: Record | None
    drawing: Drawing | None
    truth: Drawing | None
    same: bool
    fingerprint: str
    note: str


@contextlib.contextmanager
def as_in_runs(seed: int) -> Iterator[None]:
    """One thread and deterministic algorithms, as `harness.engine.workers` computes."""
    import torch

    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    deterministic(seed)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=True)


def find_cell(plan: Plan, task: str, restorer: str, condition: Condition) -> Cell | None:
    """The cell of a restorer; a reference has one whatever the place."""
    for cell in plan.cells:
        if (cell.task, cell.restorer) == (task, restorer) and cell.condition in (condition, None):
            return cell
    return None


def see(
    plan: Plan,
    directory: RunDirectory,
    ready: Prepared,
    task: str,
    restorer: str,
    condition: Condition,
) -> Seen:
    """Restore, predict and compare with the record; through `harness.engine.pipeline.process`.

    Args:
        plan: from `harness.panels.replan.replan`.
        directory: the run.
        ready: the image, compressed at ``condition``.
        task: task name.
        restorer: its name.
        condition: codec and QF.

    Raises:
        UserError: the image cannot be read, or a restorer or model fails on it.
    """
    cell = find_cell(plan, task, restorer, condition)
    if cell is None or ready.original is None:
        if ready.original is None or not plan.restorers[restorer].reference:
            raise UserError(ready.errors.get(None, f"{restorer} has no cell in {task}."))
        return Seen(ready.original, None, None, None, True, "", "")
    part = plan.tasks[task]
    kept = _KeepingRestorer(plan.restorers[restorer])
    heard = None if part.model is None else _HearingModel(part.model)
    watched = replace(
        plan,
        restorers={restorer: kept},
        tasks={task: TaskPlan(part.task, heard)},
    )
    [(_, record)] = process(watched, ready, [cell])
    if record.error is not None:
        raise HarnessError(record.error)
    reference = ready.references.get(task)
    prediction = None if heard is None else heard.last
    if cell.condition is None and reference is not None:
        prediction = reference
    drawing, truth = _drawings(plan, part, ready.image.id, prediction, reference)
    same, note = held_against(directory, cell, record)
    pixels = ready.original if kept.last is None else kept.last
    return Seen(pixels, record, drawing, truth, same, cell.fingerprint, note)


class _KeepingRestorer(Restorer):
    """A restorer whose last picture is kept."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self.name = restorer.name
        self.last: RGB | None = None

    def fingerprint(self, qf: int) -> dict[str, str]:
        return self._restorer.fingerprint(qf)

    def restore(self, compressed: Compressed) -> RGB | Restored:
        result = self._restorer.restore(compressed)
        self.last = as_restored(result).pixels
        return result


class _HearingModel(VisionModel[object]):
    """A vision model whose last prediction is kept."""

    def __init__(self, model: VisionModel) -> None:
        self._model = model
        self.last: object = None

    def fingerprint(self) -> dict[str, str]:
        return self._model.fingerprint()

    def predict(self, image: RGB) -> object:
        self.last = self._model.predict(image)
        return self.last


def _drawings(
    plan: Plan, part: TaskPlan, image: str, prediction: object, reference: object
) -> tuple[Drawing | None, Drawing | None]:
    if prediction is None:
        return None, None
    draw = part.task.drawing
    return (
        draw(prediction, plan.data_set, image, reference),
        draw(None, plan.data_set, image, reference),
    )
