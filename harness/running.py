"""``harness run`` from a study to its printed tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.own import NOTHING, Own
from harness.errors import UserError
from harness.study import Study
from harness.terminal import error_console, print_table, say

if TYPE_CHECKING:
    from harness.plan import Plan


@dataclass(frozen=True)
class Options:
    """How a study is run; none of it changes a number.

    Attributes:
        output: run directory; the default one if None.
        fail_fast: stop at the first image that fails.
        retry_failed: compute images again that failed before.
        workers: images at a time.
        gate: hold the vision models against their published scores.
        detail: print every metric.
        format: of the table.
        draws: of the bootstrap behind its intervals.
    """

    output: Path | None
    fail_fast: bool
    retry_failed: bool
    workers: int | None
    gate: bool
    detail: bool
    format: str
    draws: int


def run_studies(study: Study, options: Options) -> None:
    """Run a study, or the several that ``auto`` makes of it, and print a table for each.

    Raises:
        HarnessError: see `harness.plan.make_plan` and `harness.engine.local.run`; images failed.
    """
    failed = []
    for plan, notices, path in plans_of(study, options.output, options.gate):
        for notice in notices:
            say(notice)
        failed += _run(plan, path, options)
    if failed:
        raise UserError(failed[0])


def plans_of(
    study: Study, output: Path | None, gate: bool, own: Own = NOTHING
) -> list[tuple[Plan, tuple[str, ...], Path]]:
    """A study planned, or the several that ``auto`` makes of it: plan, notices, run directory.

    Args:
        study: what is to be measured.
        output: run directory; the default one if None. Several get a folder each in it.
        gate: see `harness.plan.make_plan`.
        own: see `harness.plan.make_plan`.

    Raises:
        UserError: see `harness.plan.make_plan`.
    """
    from harness.plan import default_directory, make_plan
    from harness.resolve import studies_of

    # All are planned before one is run: a model missing from the last is said at once.
    plans = [(make_plan(one, gate, own), notices) for one, notices in studies_of(study)]
    found = []
    for plan, notices in plans:
        path = output or default_directory(plan)
        if len(plans) > 1 and (output or study.name):
            path = path / plan.data_set.name
        found.append((plan, (*notices, *plan.notices), path))
    return found


def _run(plan: Plan, path: Path, options: Options) -> list[str]:
    """Run one study and print its table; what to say of failed images."""
    from harness.engine.local import run
    from harness.engine.progress import ConsoleProgress
    from harness.store import RunDirectory

    directory = RunDirectory(path)
    progress = ConsoleProgress(error_console())
    how = (options.fail_fast, options.retry_failed, options.workers, options.gate)
    try:
        outcome = run(plan, directory, progress, *how)
    except KeyboardInterrupt:
        say(f"Stopped. Records are kept in {directory.path}; the same command goes on from there.")
        raise
    if outcome.computed == 0:
        say(f"Complete already: nothing to compute in {directory.path}.")
    wanted = {cell.key for cell in plan.cells} | set(plan.absent)
    print_table(directory, options.format, options.detail, wanted, options.draws)
    say(f"Records: {directory.path} ({outcome.computed} of {outcome.total} computed now)")
    if not outcome.failed:
        return []
    for sentence in list(outcome.failed.values())[:5]:
        say(f"Failed: {sentence}")
    return [
        f"{len(outcome.failed)} of {len(plan.images)} images failed. --retry-failed computes "
        "them again; a folder whose images were mended or removed is another data set and "
        "takes another --output."
    ]
