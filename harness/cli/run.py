"""``harness run``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.assets.programs import name_code
from harness.cli.console import check_format, print_table, say, write
from harness.cli.help import names_of
from harness.cli.options import DEVICES, DRAWS, Detail, Draws, Format
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

_TASKS = "detection, segmentation, classification, fidelity; several with commas."
_WHAT, _ON, _HOW = "What is measured", "On which images", "How it runs"
_FAILING = "Where images fail"


def run(
    context: typer.Context,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="NAMES",
            autocompletion=names_of("tasks"),
            help=f"{_TASKS} [default: detection]",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    qf: Annotated[
        list[str] | None,
        typer.Option(
            "--qf",
            metavar="NUMBERS",
            help="Quality factors of JPEG, or of --codec; 10-40:10 is 10,20,30,40, the default.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    restorers: Annotated[
        list[str] | None,
        typer.Option(
            "--restorers",
            metavar="NAMES",
            autocompletion=names_of("restorers"),
            help="Names, weights files, NET.py:CLASS@WEIGHTS, or all, the default.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAMES",
            autocompletion=names_of("models"),
            help="Vision model of a task: a name or a file; the data set's own by default.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            "--codec",
            metavar="NAMES",
            autocompletion=names_of("codecs"),
            help="What degrades the images. [default: jpeg]",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            "--study",
            help="A study as YAML, or `embedded`, `table_v`; options are laid over it.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    nearest_qf: Annotated[
        bool,
        typer.Option(
            "--nearest-qf",
            help="A QF without a checkpoint takes the nearest one's.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    luma: Annotated[
        bool,
        typer.Option(
            "--luma",
            help="Compress and score luma alone (task fidelity).",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Seeds every generator. [default: 0]", rich_help_panel=_WHAT),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            autocompletion=names_of("datasets"),
            help="A name, coco, voc, a path to images or annotations, or auto, the default.",
            rich_help_panel=_ON,
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="With --dataset FILE.json: the images' folder.",
            rich_help_panel=_ON,
        ),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            "--masks",
            help="With --dataset IMAGES: the masks' folder.",
            rich_help_panel=_ON,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", help="File of class names, one a line.", rich_help_panel=_ON),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="List of images of a VOC-layout folder.", rich_help_panel=_ON),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", help="Only the first N images; all by default.", rich_help_panel=_ON
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Every N-th image alone, into a folder of its own; see `harness merge`.",
            rich_help_panel=_ON,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Run directory. [default: results/runs/<study>]",
            rich_help_panel=_HOW,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Say what there is to compute and how long it takes.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    show_study: Annotated[
        bool,
        typer.Option("--show-study", help="Print the merged study and stop.", rich_help_panel=_HOW),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            help=f"Where the models run: {DEVICES}",
            rich_help_panel=_HOW,
        ),
    ] = "cpu",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Images at a time; the cores by default, up to 8.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            "--tile",
            help="Side of the restorers' tiles, pixels; 0: never in tiles. By default each "
            "restorer decides.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    no_sanity_check: Annotated[
        bool,
        typer.Option(
            "--no-sanity-check",
            "--no-gate",
            help="Go on where a model misses its published score.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Compute images again that failed before.",
            rich_help_panel=_FAILING,
        ),
    ] = False,
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast", help="Stop at the first image that fails.", rich_help_panel=_FAILING
        ),
    ] = False,
    max_failures: Annotated[
        str | None,
        typer.Option(
            "--max-failures",
            metavar="N|SHARE",
            help="Stop when more images than that failed: 10, or 5%; never by default.",
            rich_help_panel=_FAILING,
        ),
    ] = None,
    max_equal_failures: Annotated[
        int,
        typer.Option(
            "--max-equal-failures",
            min=0,
            metavar="N",
            help="N images in a row that fail alike stop a cell; 0: never.",
            rich_help_panel=_FAILING,
        ),
    ] = MAX_EQUAL_FAILURES,
    image_timeout: Annotated[
        float | None,
        typer.Option(
            "--image-timeout",
            min=0,
            metavar="SECONDS",
            help="An image that takes longer has failed; 0: never. Ten times the slowest so far "
            "by default, a minute at least.",
            rich_help_panel=_FAILING,
        ),
    ] = None,
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
