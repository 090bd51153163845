"""``harness compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import check_format, run_directory, say, write
from harness.cli.options import DRAWS, Detail, enough
from harness.errors import UserError
from harness.text import csv

if TYPE_CHECKING:
    from harness.records.run_directory import RunDirectory

_SIDE = "A restorer of the run, a run directory, or DIR:RESTORER"


def compare(
    a: Annotated[str, typer.Argument(help=f"{_SIDE}; of a gate, the baseline.")],
    b: Annotated[str, typer.Argument(help=f"{_SIDE}; of a gate, the candidate.")],
    directory: Annotated[
        Path | None,
        typer.Option("--run", help="Run directory of bare restorers; the latest by default."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only these tasks.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="These metrics instead of those a table shows.")
    ] = None,
    detail: Detail = False,
    common_images: Annotated[
        bool, typer.Option("--common-images", help="Allow other image lists; use what both have.")
    ] = False,
    draws: Annotated[
        int,
        typer.Option("--draws", callback=enough, help="Of the paired bootstrap; 0: values alone."),
    ] = DRAWS,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    top: Annotated[
        int, typer.Option(min=0, help="How many of the images that moved most to list.")
    ] = 10,
    format: Annotated[str, typer.Option("--format", help="text, md, csv or json.")] = "text",
    fail_below: Annotated[
        float | None,
        typer.Option(
            help="Exit 1 where B is significantly worse than A by more than this, in points or dB."
        ),
    ] = None,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing", help="Let a gate pass over what the candidate has not measured."
        ),
    ] = False,
) -> None:
    """Print the difference B - A per task and QF, with its interval and p-value."""
    from harness.analysis.comparison import comparison as comparisons
    from harness.analysis.comparison.operands import parse_operands
    from harness.analysis.comparison.regression_gate import judge
    from harness.analysis.comparison.results import largest_changes
    from harness.report.tables import comparison as tables
    from harness.report.tables import comparison_data as data

    check_format(format, tables.FORMATS)
    _check_points(fail_below, draws)
    names = _split(metric)
    left, right = parse_operands(a, b, _run(directory))
    comparison = comparisons.compare(
        left,
        right,
        tasks=_split(task),
        metrics=names,
        detail=detail,
        common_images=common_images,
        draws=draws,
        seed=seed,
    )
    judgement = None
    if fail_below is not None:
        judgement = judge(comparison, fail_below, names, allow_missing)
    changes = largest_changes(comparison, top)
    if format == "csv":
        write(csv(data.comparison_frame(comparison)))
    elif format == "json":
        write(data.comparison_json(comparison, changes, judgement))
    else:
        write(tables.render_comparison(comparison, changes, format))
    if judgement is not None:
        for line in tables.verdict_lines(judgement):
            say(line)
        if judgement.failed:
            raise typer.Exit(1)


def _run(path: Path | None) -> RunDirectory | None:
    """The run of bare restorers; None where none is named and there is none yet."""
    if path is not None:
        return run_directory(path)
    try:
        return run_directory(None)
    except UserError:
        return None


def _check_points(points: float | None, draws: int) -> None:
    if points is None:
        return
    if not 0 <= points < float("inf"):
        raise UserError(f"--fail-below {points:g} is no loss to allow: give 0 or more points.")
    from harness.analysis.comparison.regression_gate import check_draws

    check_draws(draws)


def _split(values: list[str] | None) -> tuple[str, ...]:
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
