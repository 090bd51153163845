"""What a study would take: counted from its plan, timed on one of its images."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from harness.analysis.metrics import counted
from harness.engine.manifest import check_same_study
from harness.engine.pipeline import prepare, process
from harness.plugins import ImageRef, Record
from harness.records.record_file import record_line
from harness.records.run_directory import RunDirectory
from harness.study.plan import Plan
from harness.study.study import Cell
from harness.tools.cost import span

PATIENCE = 60.0
"""Seconds after which no further part is timed: published networks take minutes an image."""


@dataclass(frozen=True)
class Part:
    """A kind of work, and how often it is to be done.

    Attributes:
        name: a restorer, or a task and its vision model.
        calls: how often.
        seconds: of a call; None: it was not timed, or failed.
    """

    name: str
    calls: int
    seconds: float | None


@dataclass(frozen=True)
class Forecast:
    """What a study would take.

    Attributes:
        records: of all cells.
        missing: those to be computed.
        restorations: to be made, and how many there would be if no two tasks shared one.
        apart: see ``restorations``.
        restorers: an entry a restorer that has something to do; a call restores an image and
            measures its fidelity.
        models: the same of the tasks; a call predicts and scores.
        probe: the image that was timed.
        problems: what failed on it, a sentence each.
        megabytes: on disk while the run lasts, at most; it is compacted when a cell is full.
        memory: resident now, every network in place, megabytes; None where the system does not say.
        workers: images at a time.
    """

    records: int
    missing: int
    restorations: int
    apart: int
    restorers: tuple[Part, ...]
    models: tuple[Part, ...]
    probe: str
    problems: tuple[str, ...]
    megabytes: float
    memory: float | None
    workers: int

    @property
    def seconds(self) -> float:
        """Of the parts that were timed, divided among the workers."""
        parts = (*self.restorers, *self.models)
        return sum(part.calls * (part.seconds or 0.0) for part in parts) / self.workers

    @property
    def untimed(self) -> tuple[str, ...]:
        """The parts that `seconds` leaves out."""
        return tuple(p.name for p in (*self.restorers, *self.models) if p.seconds is None)


def forecast(plan: Plan, directory: RunDirectory, workers: int) -> Forecast:
    """Count what is missing, and time every part once on an image of middling size.

    Every part runs twice, the first time to be warm. Nothing is written.

    Args:
        plan: the study.
        directory: where its records would go, or are.
        workers: images at a time.

    Raises:
        UserError: the directory holds another study.
        HarnessError: its records are damaged.
    """
    check_same_study(plan, directory)
    missing = _missing(plan, directory)
    columns: dict[tuple[str, object], set[str]] = defaultdict(set)
    restorations: Counter[str] = Counter()
    predictions: Counter[str] = Counter()
    for cell, images in missing.items():
        columns[cell.restorer, cell.condition] |= images
        predictions[cell.task] += len(images)
    for (restorer, _), images in columns.items():
        restorations[restorer] += len(images)
    image = _middling(plan.images_here)
    records = _timed(plan, image, [cell for cell in _one_condition(plan.cells) if missing[cell]])
    failed = [record.error for record in records.values() if record.error is not None]
    sizes = [_size(records, cell) * len(images) for cell, images in missing.items()]
    return Forecast(
        records=len(plan.cells) * len(plan.images_here),
        missing=sum(map(len, missing.values())),
        restorations=sum(len(images) for (_, at), images in columns.items() if at is not None),
        apart=sum(len(images) for cell, images in missing.items() if cell.qf is not None),
        restorers=tuple(
            Part(name, count, _seconds(records, "restorer", name, _RESTORING))
            for name, count in restorations.items()
            if count
        ),
        models=tuple(
            Part(
                f"{name}, {plan.models[name]}" if plan.models[name] else name,
                count,
                _seconds(records, "task", name, _SEEING),
            )
            for name, count in predictions.items()
            if count
        ),
        probe=image.id,
        problems=tuple(dict.fromkeys(failed)),
        megabytes=sum(sizes) / 1e6,
        memory=_resident(),
        workers=workers,
    )


def forecast_lines(plan: Plan, directory: RunDirectory, told: Forecast) -> Iterator[str]:
    """The forecast in words and a table."""
    images = counted(len(plan.images_here), "image")
    yield f"{len(plan.cells)} cells of {images} in {directory.path}"
    if not told.missing:
        yield "Nothing to compute: all of their records are there."
        return
    yield f"To compute: {told.missing} of {told.records} records"
    if told.apart > told.restorations:
        yield (
            f"{counted(told.restorations, 'restoration')} serve them; "
            f"task by task they would be {told.apart}"
        )
    yield ""
    parts = (*told.restorers, *told.models)
    width = max(len(part.name) for part in parts)
    yield f"{'':<{width}}  {'calls':>8}  {'a call':>8}  {'share':>5}"
    whole = told.seconds * told.workers
    for part in parts:
        if part.seconds is None:
            yield f"{part.name:<{width}}  {part.calls:>8}  {'–':>8}  {'–':>5}"
            continue
        share = part.seconds * part.calls / whole if whole else 0.0
        yield (
            f"{part.name:<{width}}  {part.calls:>8}  {span(part.seconds):>8}  {100 * share:>4.0f}%"
        )
    yield ""
    workers = counted(told.workers, "worker")
    yield f"About {span(told.seconds)} with {workers}, from image {told.probe} alone"
    if told.untimed:
        yield f"–: not timed, so not in it: {', '.join(told.untimed)}"
    memory = "" if told.memory is None else f"; in memory now: {told.memory / 1e3:.1f} GB"
    yield f"On disk while it runs: up to {told.megabytes:.1f} MB{memory}"
    for problem in told.problems:
        yield f"Fails on it: {problem}"


def _missing(plan: Plan, directory: RunDirectory) -> dict[Cell, set[str]]:
    """The images that each cell lacks."""
    every = {image.id for image in plan.images_here}
    if not directory.manifest_path.exists():
        return dict.fromkeys(plan.cells, every)
    return {cell: every - set(directory.records(cell)) for cell in plan.cells}


_RESTORING = ("read", "compress", "restore", "fidelity")
_SEEING = ("predict", "outcome")


def _middling(images: tuple[ImageRef, ...]) -> ImageRef:
    """The image whose file is the middle one by size."""

    def size(image: ImageRef) -> int:
        try:
            return image.path.stat().st_size
        except OSError:  # it fails in the run, too, and is no image to measure by
            return 0

    return sorted(images, key=size)[len(images) // 2]


def _one_condition(cells: tuple[Cell, ...]) -> Iterator[Cell]:
    """The cells of the first QF of each codec, and of the uncompressed image."""
    first: dict[str | None, object] = {}
    for cell in cells:
        codec = None if cell.condition is None else cell.condition[0]
        if first.setdefault(codec, cell.condition) == cell.condition:
            yield cell


def _timed(plan: Plan, image: ImageRef, cells: list[Cell]) -> dict[Cell, Record]:
    """The records of an image, of the second time where there was one."""
    import torch

    found: dict[Cell, Record] = {}
    ready = prepare(plan, image, {cell.condition for cell in cells})
    columns: dict[tuple[str, object], list[Cell]] = defaultdict(list)
    for cell in cells:
        columns[cell.restorer, cell.condition].append(cell)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker has
    began = time.monotonic()
    try:
        for column in columns.values():
            for _ in range(2):
                if time.monotonic() - began < PATIENCE:
                    found.update(process(plan, ready, column))
    finally:
        torch.set_num_threads(threads)
    return found


def _seconds(
    records: dict[Cell, Record], field: str, name: str, stages: tuple[str, ...]
) -> float | None:
    """The mean of the stages' seconds over the records of a restorer or of a task."""
    sums = [
        sum(record.seconds.get(stage, 0.0) for stage in stages)
        for cell, record in records.items()
        if getattr(cell, field) == name and not record.failed
    ]
    return mean(sums) if sums else None


def _size(records: dict[Cell, Record], cell: Cell) -> float:
    """Bytes of a record of the cell's task, by those there are."""
    same = [r for other, r in records.items() if other.task == cell.task] or [*records.values()]
    return mean(len(record_line(record, cell.fingerprint)) for record in same) if same else 0.0


def _resident() -> float | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no file on a disk
            pages = int(file.read().split()[1])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
