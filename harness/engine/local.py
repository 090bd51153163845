"""Walk the images of a plan on this machine."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import closing

from harness.analysis.sanity_check import check
from harness.engine import MAX_EQUAL_FAILURES
from harness.engine.failures import EqualFailures, allowed_failures
from harness.engine.heartbeats import UNWATCHED, Watch
from harness.engine.ledger import Ledger, Outcome
from harness.engine.manifest import check_same_study, write_manifest
from harness.engine.progress import Progress, Silent
from harness.engine.workers import Job, default_workers, process_images
from harness.errors import HarnessError
from harness.records.run_directory import RunDirectory
from harness.study.plan import Plan
from harness.study.study import Cell, Condition


def run(
    plan: Plan,
    directory: RunDirectory,
    progress: Progress | None = None,
    fail_fast: bool = False,
    retry_failed: bool = False,
    workers: int | None = None,
    gate: bool = True,
    max_equal_failures: int = MAX_EQUAL_FAILURES,
    max_failures: str | None = None,
    watch: Watch = UNWATCHED,
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
        max_failures: stop when more images than that failed: a number, or a share such as ``5%``.
        watch: told where the workers are, so that the process can be ended where one hangs.

    Raises:
        UserError: the directory holds another study or is being written to, or ``max_failures``
            is none.
        ImageError: an image failed and ``fail_fast`` is set.
        HarnessError: too many images failed, the disk is full, or the sanity check, which what it
            needs may be too damaged for; everything recorded stays.
    """
    progress = progress or Silent()
    check_same_study(plan, directory)  # before the lock leaves a file in a stranger's directory
    with directory.locked():
        check_same_study(plan, directory)  # another run may have begun here in between
        directory.sweep()
        write_manifest(plan, directory, gate)
        if retry_failed and f"records before {directory.path}" not in watch.past.kept:
            for cell in plan.cells:
                directory.drop_failed(cell)
        most = allowed_failures(max_failures, len(plan.images_here))
        ledger = Ledger(plan, directory, progress, fail_fast, most, max_equal_failures, watch)
        walk = _Walk(plan, ledger, watch, workers or default_workers())
        try:
            ledger.start()
            ledger.give_up(watch.past.given_up)
            for phase in _phases(plan, gate):
                walk.alone(phase)
                walk.rest(phase)
                if plan.gates and gate:
                    _sanity_check(plan, directory, ledger.failures)
        finally:
            progress.stop()
        directory.compact()
    return ledger.outcome()


class _Walk:
    """Has the images computed, and what comes of it recorded."""

    def __init__(self, plan: Plan, ledger: Ledger, watch: Watch, workers: int) -> None:
        self._plan, self._ledger, self._watch = plan, ledger, watch
        self._run = str(ledger.directory.path)
        most = watch.past.workers
        self._workers = workers if most is None else min(workers, most)

    def alone(self, phase: list[Cell]) -> None:
        """Compute the images that were at work when a process died, one at a time."""
        images = {image.id: image for image in self._plan.images_here}
        done = self._ledger.done
        jobs = []
        for suspect in self._watch.past.alone:
            keys = set(suspect.cells) if suspect.run == self._run else set()
            cells = [c for c in phase if c.key in keys and suspect.image not in done[c]]
            if cells:
                jobs.append((images[suspect.image], cells))
        for cell, image in self._compute(jobs, 1):
            done[cell].add(image)

    def rest(self, phase: list[Cell]) -> None:
        """Compute all others."""
        for _ in self._compute(_missing(self._plan, phase, self._ledger.done), self._workers):
            pass

    def _compute(self, jobs: list[Job], workers: int) -> Iterator[tuple[Cell, str]]:
        """Record the jobs' images; yields the cell and image of each record."""
        records = process_images(
            plan=self._plan,
            jobs=jobs,
            workers=workers,
            stopped=self._ledger.failures.stopped,
            run=self._run,
            watch=self._watch,
            tell_waiting=self._tell_waiting,
            tell=self._ledger.notice,
        )
        with closing(records):  # its threads are done before the lock goes
            for cell, record in records:
                self._ledger.take(cell, record)
                yield cell, record.image

    def _tell_waiting(self, images: list[str]) -> None:
        named = ", ".join(images)
        self._ledger.progress.tell(
            lambda: f"Waiting for what is being computed: {named}. Ctrl-C once more leaves it."
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
    whole = plan.study.limit is None and plan.shard is None
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
        for image in plan.images_here
    ]
    return [(image, missing) for image, missing in wanted if missing]


def _conditions(cells: list[Cell]) -> list[Condition]:
    return list(dict.fromkeys(cell.condition for cell in cells))
