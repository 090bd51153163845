"""A few images degraded, restored and predicted again as the run did it, and held against it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.engine.determinism import deterministic, settings_preserved
from harness.engine.pipeline import Prepared, process
from harness.errors import HarnessError, UserError
from harness.plugins.codec import Compressed
from harness.plugins.drawing import Drawing
from harness.plugins.record import Record
from harness.plugins.restorer import Restored, Restorer
from harness.plugins.types import RGB
from harness.plugins.vision_model import VisionModel
from harness.records.atomic import finite
from harness.records.run_directory import RunDirectory
from harness.study.grid import TaskPlan
from harness.study.plan import Plan
from harness.study.study import Cell, Condition

_RELATIVE, _ABSOLUTE = 1e-4, 1e-3
"""Numbers of an outcome (pixels, scores) this close are the same: the last bits of a float depend
on the processor."""


@dataclass(frozen=True)
class Seen:
    """One restorer's picture of an image and what came of it.

    Attributes:
        pixels: the picture.
        record: as the run would record it; None where the task does not score this picture.
        drawing: what the vision model says of it; None where none ran.
        truth: the ground truth, likewise.
        same: whether the outcome equals the recorded one.
        fingerprint: of the cell as it is now; empty where the run has no such cell.
        note: a sentence where it differs from the run's.
    """

    pixels: RGB
    record: Record | None = None
    drawing: Drawing | None = None
    truth: Drawing | None = None
    same: bool = True
    fingerprint: str = ""
    note: str = ""


@contextlib.contextmanager
def as_in_runs(seed: int) -> Iterator[None]:
    """One thread and deterministic algorithms, as `harness.engine.workers` computes."""
    import torch

    with settings_preserved():
        torch.set_num_threads(1)
        deterministic(seed)
        yield


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

    The plan is of `harness.panels.replan.replan`, the image compressed at ``condition``.

    Raises:
        UserError: the image cannot be read, or a restorer or model fails on it.
    """
    cell = find_cell(plan, task, restorer, condition)
    if cell is None or ready.original is None:
        if ready.original is None or not plan.restorers[restorer].reference:
            raise UserError(ready.errors.get(None, f"{restorer} has no cell in {task}."))
        return Seen(ready.original)
    part = plan.tasks[task]
    watched_restorer = _WatchedRestorer(plan.restorers[restorer])
    watched_model = None if part.model is None else _WatchedModel(part.model)
    watched = replace(
        plan,
        restorers={restorer: watched_restorer},
        tasks={task: TaskPlan(part.task, watched_model)},
    )
    [(_, record)] = process(watched, ready, [cell])
    if record.error is not None:
        raise HarnessError(record.error)
    reference = ready.references.get(task)
    prediction = reference
    if cell.condition is not None or reference is None:
        prediction = None if watched_model is None else watched_model.prediction
    drawing = truth = None
    if prediction is not None:
        image = ready.image.id
        drawing = part.task.drawing(prediction, plan.data_set, image, reference)
        truth = part.task.drawing(None, plan.data_set, image, reference)
    same, note = compare_with_run(directory, cell, record)
    recorded = any(entry.key == cell.key for entry in directory.manifest().cells)
    return Seen(
        pixels=ready.original if cell.condition is None else watched_restorer.pixels,
        record=record,
        drawing=drawing,
        truth=truth,
        same=same,
        fingerprint=cell.fingerprint if recorded else "",
        note=note,
    )


class _WatchedRestorer(Restorer):
    """A restorer whose last picture is kept."""

    pixels: RGB

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self.name = restorer.name

    def fingerprint(self, qf: int) -> dict[str, str]:
        return self._restorer.fingerprint(qf)

    def restore(self, compressed: Compressed) -> RGB | Restored:
        result = self._restorer.restore(compressed)
        self.pixels = result.pixels if isinstance(result, Restored) else result
        return result


class _WatchedModel(VisionModel[object]):
    """A vision model whose last prediction is kept."""

    prediction: object = None

    def __init__(self, model: VisionModel) -> None:
        self._model = model

    def fingerprint(self) -> dict[str, str]:
        return self._model.fingerprint()

    def predict(self, image: RGB) -> object:
        self.prediction = self._model.predict(image)
        return self.prediction


def compare_with_run(directory: RunDirectory, cell: Cell, record: Record) -> tuple[bool, str]:
    """Whether the outcome is the recorded one, and what differs in how it came about."""
    entries = {entry.key: entry for entry in directory.manifest().cells}
    entry = entries.get(cell.key)
    if entry is None:
        return True, ""
    recorded = directory.records(entry).get(record.image)
    outcome = json.loads(json.dumps(finite(record.outcome)))
    same = recorded is None or equal(recorded.outcome, outcome)
    if entry.fingerprint == cell.fingerprint:
        return same, ""
    keys = dict.fromkeys([*entry.inputs, *cell.inputs])
    differing = [key for key in keys if entry.inputs.get(key) != cell.inputs.get(key)]
    return same, f"differs from the run in: {', '.join(differing) or 'settings'}"


def equal(a: object, b: object) -> bool:
    """Whether two JSON values are the same, floating-point numbers up to rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if float not in (type(a), type(b)):
        return bool(a == b)
    if isinstance(a, float | int | str) and isinstance(b, float | int | str):
        try:
            return math.isclose(float(a), float(b), rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        except ValueError:
            return False
    return False
