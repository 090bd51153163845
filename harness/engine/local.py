"""Walk the images of a plan on this machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from harness.analysis.metrics import counted, headline, measure, printed, scaled
from harness.analysis.sanity_check import check
from harness.engine import MAX_EQUAL_FAILURES
from harness.engine.failures import EqualFailures, Failures
from harness.engine.manifest import check_same_study, write_manifest
from harness.engine.progress import Progress, Silent
from harness.engine.workers import Job, default_workers, process_images
from harness.errors import HarnessError, ImageError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.study.plan import Plan
from harness.study.study import Cell, Condition


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        total: records of the plan's cells.
        computed: records added by this run.
        failed: image id to why it failed, over all cells of the plan.
        reasons: the same, a sentence for each restorer's failure.
        stopped: a sentence for each cell that was given up.
    """

    total: int
    computed: int
    failed: dict[str, str]
    stopped: tuple[str, ...] = ()
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def run(
    plan: Plan,
    directory: RunDirectory,
    progress: Progress | None = None,
    fail_fast: bool = False,
    retry_failed: bool = False,
    workers: int | None = None,
    gate: bool = True,
    max_equal_failures: int = MAX_EQUAL_FAILURES,
) -> Outcome:
    """Compute the records that are missing; nothing when the study is complete.

    Args:
        plan: what to compute.
        directory: where the records go.
        progress: told of every record, and of the number of every cell that is full.
        fail_fast: stop at the first failed image instead of recording it.
        retry_failed: compute failed images again.
        workers: images at a time, one thread each; the number of cores by default. It changes no
            number.
        gate: stop when a vision model does not score on the uncompressed images what its card
            says, see `harness.analysis.sanity_check`. Checked before anything else is computed;
            never on a subset.
        max_equal_failures: so many images in a row that fail alike stop a cell: what it lacks is
            left for the next run. 0: never.

    Raises:
        UserError: the directory holds another study or is being written to.
        ImageError: an image failed and ``fail_fast`` is set.
        HarnessError: the disk is full, or the sanity check, which what it needs may be too damaged
            for; everything recorded stays.
    """
    progress = progress or Silent()
    check_same_study(plan, directory)  # before the lock leaves a file in a stranger's directory
    with directory.locked():
        check_same_study(plan, directory)  # another run may have begun here in between
        directory.sweep()
        write_manifest(plan, directory, gate)
        if retry_failed:
            for cell in plan.cells:
                directory.drop_failed(cell)
        done = {cell: directory.resume(cell) for cell in plan.cells}
        failed = Failures()
        for cell, kept in done.items():
            for record in kept.values():
                failed.add(cell, record)
        total = len(plan.cells) * len(plan.images)
        held = sum(len(records) for records in done.values())
        progress.start(total, held)
        failures = EqualFailures(max_equal_failures)
        images = {image.id: image for image in plan.images}
        computed: Counter[Cell] = Counter()
        try:
            for phase in _phases(plan, gate):
                missing = _missing(plan, phase, done)
                records = process_images(
                    plan, missing, workers or default_workers(), failures.stopped
                )
                with closing(records):  # its threads are done before the lock goes
                    for cell, record in records:
                        if cell in failures.stopped:  # it was under way then
                            continue
                        if record.error is not None:
                            if fail_fast:
                                raise ImageError(f"{record.error} (stopped by --fail-fast)")
                            failed.add(cell, record)
                        directory.append(cell, record)
                        computed[cell] += 1
                        failures.count(cell, record, images[record.image])
                        progress.advance()
                        if len(done[cell]) + computed[cell] == len(images):
                            progress.tell(partial(describe_cell, directory, cell))
                if plan.gates and gate:
                    _sanity_check(plan, directory, failures)
        finally:
            progress.stop()
        directory.compact()
    left = {cell: len(images) - len(done[cell]) - computed[cell] for cell in failures.stopped}
    stopped = tuple(failures.sentence(cell, left[cell]) for cell in failures.stopped if left[cell])
    reasons = failed.sentences()
    return Outcome(
        total=total,
        computed=computed.total(),
        failed={image: "; ".join(sentences) for image, sentences in reasons.items()},
        stopped=stopped,
        reasons=reasons,
    )


def _sanity_check(plan: Plan, directory: RunDirectory, failures: EqualFailures) -> None:
    """Hold the vision models against their cards; one that fails all the time has not passed.

    Raises:
        HarnessError: see `harness.analysis.sanity_check.check`.
    """
    check(directory, plan.tasks)
    for cell, sentence in failures.stopped.items():
        if cell.qf is None and cell.task in plan.gates and plan.study.limit is None:
            raise HarnessError(
                f"The sanity check stopped the study: {failures.most} uncompressed images in a row "
                f"failed alike ({sentence}). --no-sanity-check goes on and marks the table."
            )


def _phases(plan: Plan, gate: bool) -> list[list[Cell]]:
    """The cells in the order of computing: those that the sanity check needs come first."""
    whole = plan.study.limit is None
    first = [c for c in plan.cells if c.qf is None and c.task in plan.gates and gate and whole]
    rest = [cell for cell in plan.cells if cell not in first]
    return [phase for phase in (first, rest) if phase]


def _missing(plan: Plan, cells: list[Cell], done: Mapping[Cell, Container[str]]) -> list[Job]:
    """The images to work on, with the cells that miss them, one column of the table after another.

    So one cell is full after the other, and its number is known. Where a vision model is compared
    with itself, an image goes through all cells at once instead: what the model says of the
    uncompressed image is needed by all of them.
    """
    columns: dict[tuple[Condition, str], list[Cell]] = {}
    for cell in cells:
        columns.setdefault((cell.condition, cell.restorer), []).append(cell)
    order = {condition: place for place, condition in enumerate(_conditions(cells))}
    groups = [columns[key] for key in sorted(columns, key=lambda key: order[key[0]])]
    if any(plan.tasks[cell.task].task.against_model for cell in cells):
        groups = [cells]
    wanted = [
        (image, [cell for cell in group if image.id not in done[cell]])
        for group in groups
        for image in plan.images
    ]
    return [(image, missing) for image, missing in wanted if missing]


def _conditions(cells: list[Cell]) -> list[Condition]:
    return list(dict.fromkeys(cell.condition for cell in cells))


def describe_cell(directory: RunDirectory, cell: Cell) -> str:
    """The number of a cell that is full: ``detection/jpeg-q10: mAP 12.3 (128 images)``."""
    result = measure(directory, [cell.key])[0]
    task = registry.tasks().get(cell.task)
    name = headline(task, result.metrics)
    number = scaled(task, name, result.metrics.get(name, math.nan))
    failed = f", {len(result.failed)} failed" if result.failed else ""
    shown = printed(number, task.digits.get(name, 1))
    return f"{cell.key}: {name} {shown} ({counted(result.images, 'image')}{failed})"
