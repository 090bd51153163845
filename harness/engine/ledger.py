"""What a run has recorded: counted on its way to the directory, stopped where too much fails."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.analysis.metrics import counted, headline, measure, printed, scaled
from harness.engine.failures import EqualFailures, Failures
from harness.engine.heartbeats import GivenUp, Watch
from harness.engine.progress import Progress
from harness.errors import HarnessError, ImageError
from harness.plugins import Record, registry
from harness.records.run_directory import RunDirectory
from harness.study.plan import Plan
from harness.study.study import Cell


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        total: records of the plan's cells.
        computed: records added by this run.
        failed: image id to why it failed, over all cells of the plan.
        reasons: the same, a sentence for each restorer's failure.
        stopped: a sentence for each cell that was given up.
        notices: what was told on the way.
    """

    total: int
    computed: int
    failed: dict[str, str]
    stopped: tuple[str, ...] = ()
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Ledger:
    """What is recorded, counted on its way to the directory.

    Attributes:
        directory: where it goes.
        progress: told of it.
        held: records by cell.
        done: ids of the images that a cell has and that are not to be computed. Those that came
            in the usual order are counted alone: 100 000 images in 200 cells are many.
        failures: rows of equal ones, and the cells they stopped.
    """

    def __init__(
        self,
        plan: Plan,
        directory: RunDirectory,
        progress: Progress,
        fail_fast: bool,
        most_failures: int | None,
        most_equal_failures: int,
        watch: Watch,
    ) -> None:
        self._plan, self.directory, self.progress = plan, directory, progress
        self._fail_fast, self._most_failures = fail_fast, most_failures
        self._images = {image.id: image for image in plan.images_here}
        self._failed = Failures()
        self.failures = EqualFailures(most_equal_failures)
        self._notices: list[str] = []
        self.done: dict[Cell, set[str]] = {}
        self.held: Counter[Cell] = Counter()
        for cell in plan.cells:
            found = directory.resume(cell)
            records = {image: record for image, record in found.items() if image in self._images}
            for record in records.values():
                self._failed.add(cell, record)
            self.done[cell] = set(records)
            self.held[cell] = len(records)
        self._watch, past = watch, watch.past.kept
        self._begun = past.get(f"records before {directory.path}", self.held.total())
        watch.keep(f"records before {directory.path}", self._begun)
        full = [cell.key for cell in plan.cells if self._is_full(cell)]
        self._told: list[str] = past.get(f"told {directory.path}", full)
        watch.keep(f"told {directory.path}", self._told)

    def _is_full(self, cell: Cell) -> bool:
        return self.held[cell] == len(self._images)

    def start(self) -> None:
        """Show what there is, and see whether too much of it failed.

        Raises:
            HarnessError: as `take`.
        """
        self.progress.start(len(self._plan.cells) * len(self._images), self.held.total())
        for cell in self._plan.cells:  # the process before this one died before it said so
            if self._is_full(cell) and cell.key not in self._told:
                self._tell(cell)
        self._check_failures()

    def _tell(self, cell: Cell) -> None:
        self.progress.tell(partial(describe_cell, self.directory, cell))
        self._told = [*self._told, cell.key]
        self._watch.keep(f"told {self.directory.path}", self._told)

    def notice(self, sentence: str) -> None:
        """Tell the user something, at once and in the outcome."""
        self._notices.append(sentence)
        self.progress.tell(lambda: sentence)

    def give_up(self, images: Sequence[GivenUp]) -> None:
        """Record the images that ended a process.

        Raises:
            HarnessError: as `take`.
        """
        for one in images:
            if one.run != str(self.directory.path):
                continue
            record = Record(one.image, error=one.sentence)
            for cell in self._plan.cells:
                if one.cells and cell.key not in one.cells:
                    continue
                if one.image not in self.done[cell]:
                    self.done[cell].add(one.image)
                    self.take(cell, record)
                else:
                    self.failures.count(cell, record, self._images[one.image])
                if not one.in_a_row:
                    self.failures.end_row(cell)

    def take(self, cell: Cell, record: Record) -> None:
        """Record what a worker made.

        Raises:
            ImageError: it failed, and nothing may fail.
            HarnessError: too many images failed, or the disk is full.
        """
        if cell in self.failures.stopped:  # it was under way then
            return
        if record.error is not None:
            if self._fail_fast:
                raise ImageError(f"{record.error} (stopped by --fail-fast)")
            self._failed.add(cell, record)
        self.directory.append(cell, record)
        self.held[cell] += 1
        self.failures.count(cell, record, self._images[record.image])
        self.progress.advance()
        if self._is_full(cell):
            self._tell(cell)
        if record.error is not None:
            self._check_failures()

    def _check_failures(self) -> None:
        if self._most_failures is not None and self._failed.images > self._most_failures:
            raise HarnessError(
                f"Stopped: {self._failed.images} of {len(self._images)} images failed, and "
                f"--max-failures allows {self._most_failures} (the last: "
                f"{self._failed.last.rstrip('.')}). "
                f"What is computed is kept in {self.directory.path}."
            )

    def outcome(self) -> Outcome:
        """What the run did, with the processes before this one."""
        stopped, count = self.failures.stopped, len(self._images)
        left = {cell: count - self.held[cell] for cell in stopped}
        reasons = self._failed.sentences()
        return Outcome(
            total=len(self._plan.cells) * count,
            computed=self.held.total() - self._begun,
            failed={image: "; ".join(sentences) for image, sentences in reasons.items()},
            stopped=tuple(self.failures.sentence(c, left[c]) for c in stopped if left[c]),
            reasons=reasons,
            notices=tuple(self._notices),
        )


def describe_cell(directory: RunDirectory, cell: Cell) -> str:
    """The number of a cell that is full: ``detection/jpeg-q10: mAP 12.3 (128 images)``."""
    result = measure(directory, [cell.key])[0]
    task = registry.tasks().get(cell.task)
    name = headline(task, result.metrics)
    number = scaled(task, name, result.metrics.get(name, math.nan))
    failed = f", {len(result.failed)} failed" if result.failed else ""
    shown = printed(number, task.digits.get(name, 1))
    return f"{cell.key}: {name} {shown} ({counted(result.images, 'image')}{failed})"
