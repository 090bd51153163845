"""``harness table``."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.assets.switches import REFERENCE_METRICS
from harness.cli.console import (
    TEXT_FORMATS,
    check_format,
    coloured,
    run_directory,
    say,
    terminal_width,
    write_output,
)
from harness.cli.options import DRAWS, Detail, Draws
from harness.errors import UserError
from harness.text import csv

if TYPE_CHECKING:
    import pandas as pd

    from harness.report.tables.model import Table

_FORMATS = (*TEXT_FORMATS, "json", "latex", "html", "xlsx")


def table(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Run directory; the latest under results/runs by default. Several with --number.",
        ),
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", help="A table of the paper: I, II, III, IV or V.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="With --number: the paper's figures beside.")
    ] = False,
    measured: Annotated[
        bool,
        typer.Option("--measured-only", help="With --number: without rows and columns of dashes."),
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Over the QFs: mPC, rPC and the share recovered.")
    ] = False,
    intervals: Annotated[
        bool | None,
        typer.Option(
            "--intervals/--no-intervals",
            help="Print half the width of each interval; in latex by default where there is room.",
        ),
    ] = None,
    time: Annotated[
        bool, typer.Option("--time", help="With --number III: run the networks, too.")
    ] = False,
    standalone: Annotated[
        bool, typer.Option("--standalone", help="With --format latex: a whole document.")
    ] = False,
    reference_metrics: Annotated[
        bool,
        typer.Option(
            "--reference-metrics",
            envvar=REFERENCE_METRICS,
            help="Score boxes by pycocotools itself: the same figures, more slowly.",
        ),
    ] = False,
    detail: Detail = False,
    draws: Draws = DRAWS,
    format: Annotated[
        str, typer.Option("--format", help="text, md, csv, json, latex, html or xlsx.")
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", help="A file instead of the screen.")
    ] = None,
) -> None:
    """Print the table of a run directory, or a table of the paper, from records alone."""
    if reference_metrics:
        os.environ[REFERENCE_METRICS] = "1"
    directories = directories or []
    _check(format, output, number, published, measured, detail, time, standalone, directories)
    if summary:
        if number is not None or detail or intervals is not None or format not in TEXT_FORMATS:
            raise UserError(
                "--summary is a table of its own, in text, md or csv, with its intervals; "
                "--draws 0 leaves them out."
            )
        text = _summary(directories, format, draws)
        write_output(text.encode("utf-8", "replace"), output, "Table")
        return
    if number is None:
        built, frame = _run_table(directories, detail, draws)
    else:
        built, frame = _paper_table(number, directories, draws, published, time, measured)
        if format == "csv":
            for line in (*built.heads, *built.notes):  # which it has no place for
                say(line)
    shown = _rendered(built, frame, format, intervals, standalone, output is None)
    write_output(shown, output, "Table")


def _check(
    format: str,
    output: Path | None,
    number: str | None,
    published: bool,
    measured: bool,
    detail: bool,
    time: bool,
    standalone: bool,
    directories: list[Path],
) -> None:
    """Refuse what does not go together, before anything is computed.

    Raises:
        UserError: one sentence of it.
    """
    check_format(format, _FORMATS)
    if format == "xlsx" and output is None:
        raise UserError("--format xlsx needs --output FILE.xlsx: a workbook is not for a terminal.")
    if output is not None and output.is_dir():
        raise UserError(f"--output {output} is a folder; it needs a file.")
    if standalone and format != "latex":
        raise UserError("--standalone is for --format latex.")
    if number is None and measured:
        raise UserError("--measured-only is for --number: a run's own table has nothing else.")
    if number is None and published:
        raise UserError("--published needs --number: the paper's figures stand in its tables.")
    if number is not None and detail:
        raise UserError("--detail is for a run directory's own table: leave out --number or it.")
    from harness.report.tables.paper_layouts import COSTS, roman_number

    counted = number is not None and roman_number(number) == COSTS
    if time and not counted:
        raise UserError("--time is for --number III, the table of costs.")
    if counted and directories:
        raise UserError("Table III is counted, not read from records: leave out the run directory.")


def _run_table(
    directories: list[Path], detail: bool, draws: int
) -> tuple[Table, Callable[[], pd.DataFrame]]:
    """The table of a run directory, and what makes its long form."""
    from harness.report.tables.build import build_table
    from harness.report.tables.frames import run_frame

    directory = run_directory(_only(directories))
    built = build_table(directory, None, detail, draws)
    return built, partial(run_frame, built, directory)


def _only(directories: list[Path]) -> Path | None:
    if len(directories) > 1:
        raise UserError(
            "Several run directories make one table with --number; name one without it."
        )
    return directories[0] if directories else None


def _summary(directories: list[Path], format: str, draws: int) -> str:
    """What a run says over all its QFs."""
    from harness.analysis.summaries import summary_frame
    from harness.report.tables.summary import render_run_summary

    directory = run_directory(_only(directories))
    if format == "csv":
        return csv(summary_frame(directory, None, draws))
    return render_run_summary(directory, format, draws)


def _paper_table(
    number: str,
    directories: list[Path],
    draws: int,
    published: bool,
    time: bool,
    measured: bool,
) -> tuple[Table, Callable[[], pd.DataFrame]]:
    """A table of the paper, and what makes its long form."""
    from harness.report.tables.frames import paper_frame
    from harness.report.tables.model import measured_only
    from harness.report.tables.paper_layouts import COSTS, LAYOUTS, roman_number

    roman = roman_number(number)
    if roman == COSTS:
        from harness.report.tables.cost import table_iii
        from harness.tools.cost import CostRequest, cost_table

        built = table_iii(cost_table(CostRequest(timed=time), say), published)
    else:
        from harness.report.tables.paper import build_paper_table

        runs = [run_directory(path) for path in directories] or [run_directory(None)]
        built = build_paper_table(LAYOUTS[roman], runs, draws, 0, published)
    if measured:
        built = measured_only(built)
    return built, partial(paper_frame, built)


def _rendered(
    table: Table,
    frame: Callable[[], pd.DataFrame],
    format: str,
    intervals: bool | None,
    standalone: bool,
    on_screen: bool,
) -> bytes:
    """The table in a format, as the bytes of a file."""
    from harness.report.tables import excel, html, latex, text
    from harness.report.tables.frames import table_json

    if format == "xlsx":
        return excel.render_workbook(table, frame())
    if format == "csv":
        shown = csv(frame())
    elif format == "json":
        shown = table_json(table, frame())
    elif format == "latex":
        shown = latex.render_latex(table, intervals, standalone)
    elif format == "html":
        shown = html.render_html(table, intervals is not False)
    elif format == "md":
        shown = text.render_markdown(table, intervals is not False)
    else:
        width = terminal_width() if on_screen else None
        shown = text.render_text(
            table, on_screen and coloured(), intervals is not False, width=width
        )
    return shown.encode("utf-8", "replace")
