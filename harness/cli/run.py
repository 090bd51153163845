"""``harness run``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.assets.programs import name_code
from harness.cli import run_options
from harness.cli.console import check_format, print_table, say, write
from harness.cli.options import DRAWS, Detail, Draws, Format
from harness.engine import MAX_EQUAL_FAILURES
from harness.engine.heartbeats import UNWATCHED, Watch
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.study.device import Device
    from harness.study.plan import Plan
    from harness.study.shard import Shard
    from harness.study.study import Study

_SHOWN = 5
"""Failed images and stopped cells that are named."""


def run(
    context: typer.Context,
    task: run_options.Task = None,
    qf: run_options.Qf = None,
    restorers: run_options.Restorers = None,
    model: run_options.Model = None,
    codec: run_options.Codec = None,
    study: run_options.Study = None,
    nearest_qf: run_options.NearestQf = False,
    luma: run_options.Luma = False,
    seed: run_options.Seed = None,
    dataset: run_options.Dataset = None,
    images: run_options.Images = None,
    masks: run_options.Masks = None,
    classes: run_options.Classes = None,
    split: run_options.Split = None,
    limit: run_options.Limit = None,
    shard: run_options.Shard = None,
    output: run_options.Output = None,
    dry_run: run_options.DryRun = False,
    show_study: run_options.ShowStudy = False,
    device: run_options.Device = "cpu",
    workers: run_options.Workers = None,
    tile: run_options.Tile = None,
    no_sanity_check: run_options.NoSanityCheck = False,
    retry_failed: run_options.RetryFailed = False,
    fail_fast: run_options.FailFast = False,
    max_failures: run_options.MaxFailures = None,
    max_equal_failures: run_options.MaxEqualFailures = MAX_EQUAL_FAILURES,
    image_timeout: run_options.ImageTimeout = None,
    detail: Detail = False,
    draws: Draws = DRAWS,
    format: Format = "text",
) -> None:
    """Degrade, restore, predict, and print the table. The same command again resumes.

    NAMES and NUMBERS are comma-separated lists, or the option is repeated.
    """
    from harness.engine.failures import allowed_failures
    from harness.study.device import choose_device
    from harness.study.shard import Shard
    from harness.study.study import read_study, study_yaml

    flags = {
        "task": task,
        "qf": qf,
        "restorers": restorers,
        "nearest_qf": nearest_qf or None,
        "tile": tile,
        "luma": luma or None,
        "dataset": dataset,
        "images": images,
        "masks": masks,
        "classes": classes,
        "split": split,
        "model": model,
        "codec": codec,
        "limit": limit,
        "seed": seed,
    }
    check_format(format)
    allowed_failures(max_failures, 1)  # a mistake is said before anything is loaded
    name_code(name for item in restorers or () for name in item.split(","))
    merged = read_study(study, flags)
    if show_study:
        write(study_yaml(merged))
        return
    nothing_said = study is None and not any(flags.values()) and output is None

    options = RunOptions(
        output=output,
        shard=None if shard is None else Shard.parse(shard),
        device=choose_device(device),
        fail_fast=fail_fast,
        retry_failed=retry_failed,
        max_equal_failures=max_equal_failures,
        max_failures=max_failures,
        workers=workers,
        gate=not no_sanity_check,
        detail=detail,
        format=format,
        draws=draws,
    )
    if nothing_said and not dry_run:
        say("'harness run' alone would do this (one image is timed):")
    if dry_run or nothing_said:
        _forecast(merged, options)
    if nothing_said and not dry_run:
        raise UserError(
            "Say what to measure: 'harness run --task detection --qf 10' is a first table, "
            "'harness run --task detection' is all of the above."
        )
    if dry_run:
        return
    watch = context.find_object(Watch) or UNWATCHED
    watch.limit(image_timeout)
    run_studies(merged, options, watch)


@dataclass(frozen=True)
class RunOptions:
    """How a study is run.

    Attributes:
        output: run directory; the default one if None.
        shard: the part of the images that is computed; all if None.
        device: where the models run.
        fail_fast: stop at the first image that fails.
        retry_failed: compute images again that failed before.
        max_equal_failures: so many images in a row that fail alike stop a cell; 0: never.
        max_failures: stop when more images than that failed, see `harness.engine.local.run`.
        workers: images at a time.
        gate: hold the vision models against their published scores.
        detail: print every metric.
        format: of the table.
        draws: of the bootstrap behind its intervals.
    """

    output: Path | None
    shard: Shard | None
    device: Device
    fail_fast: bool
    retry_failed: bool
    max_equal_failures: int
    max_failures: str | None
    workers: int | None
    gate: bool
    detail: bool
    format: str
    draws: int


def _plans(study: Study, options: RunOptions) -> list[tuple[Plan, tuple[str, ...], Path]]:
    from harness.study.planned_runs import make_plans

    return make_plans(
        study, options.output, options.gate, shard=options.shard, device=options.device
    )


def _forecast(study: Study, options: RunOptions) -> None:
    """Print what a study would take, or the several that ``auto`` makes of it."""
    from harness.engine.workers import default_workers
    from harness.records.run_directory import RunDirectory
    from harness.tools.forecast import forecast, forecast_lines

    for plan, notices, path in _plans(study, options):
        for notice in notices:
            say(notice)
        directory = RunDirectory(path)
        told = forecast(plan, directory, options.workers or default_workers())
        write("\n".join(forecast_lines(plan, directory, told)) + "\n")


def run_studies(study: Study, options: RunOptions, watch: Watch = UNWATCHED) -> None:
    """Run a study, or the several that ``auto`` makes of it, and print a table for each.

    Raises:
        HarnessError: see `harness.study.plan.make_plan`, `harness.engine.local.run`; images failed.
    """
    failed = []
    for plan, notices, path in _plans(study, options):
        if f"notices {path}" not in watch.past.kept:  # a process before this one died
            for notice in notices:
                say(notice)
            watch.keep(f"notices {path}", True)
        failed += _run(plan, path, options, watch)
    if failed:
        raise UserError(failed[0])


def _run(plan: Plan, path: Path, options: RunOptions, watch: Watch) -> list[str]:
    """Run one study and print its table; what to say of failed images."""
    from harness.engine.local import run
    from harness.engine.progress import ConsoleProgress, error_console
    from harness.records.run_directory import RunDirectory

    directory = RunDirectory(path)
    progress = ConsoleProgress(error_console())
    try:
        outcome = run(
            plan=plan,
            directory=directory,
            progress=progress,
            fail_fast=options.fail_fast,
            retry_failed=options.retry_failed,
            workers=options.workers,
            gate=options.gate,
            max_equal_failures=options.max_equal_failures,
            max_failures=options.max_failures,
            watch=watch,
        )
    except KeyboardInterrupt:
        say(f"Stopped. Records are kept in {directory.path}; the same command goes on from there.")
        raise
    if outcome.computed == 0:
        say(f"Complete already: nothing to compute in {directory.path}.")
    if plan.shard is None:  # no number of a part is one of the study
        wanted = {cell.key for cell in plan.cells} | set(plan.skipped)
        print_table(directory, options.format, options.detail, wanted, options.draws)
    say(f"Records: {directory.path} ({outcome.computed} of {outcome.total} computed now)")
    for sentence in outcome.stopped[:_SHOWN]:
        say(f"Stopped: {sentence}")
    if len(outcome.stopped) > _SHOWN:
        say(f"Stopped: {len(outcome.stopped) - _SHOWN} more cells.")
    if not outcome.failed:
        return []
    for sentences in list(outcome.reasons.values())[:_SHOWN]:
        for sentence in sentences:
            say(f"Failed: {sentence}")
    return [
        f"{len(outcome.failed)} of {len(plan.images_here)} images failed. --retry-failed computes "
        "them again; a folder whose images were mended or removed is another data set and "
        "takes another --output."
    ]
