"""``harness table``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import print_table, run_directory, say, table_text, write
from harness.cli.options import DRAWS, Detail, Draws
from harness.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from harness.records.run_directory import RunDirectory
    from harness.report.tables.sheet import Sheet

_FORMATS = ("text", "md", "csv", "latex", "html", "xlsx")


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
    detail: Detail = False,
    draws: Draws = DRAWS,
    format: Annotated[
        str, typer.Option("--format", help="text, md, csv, latex, html or xlsx.")
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", help="A file instead of the screen.")
    ] = None,
) -> None:
    """Print the table of a run directory, or a table of the paper, from records alone."""
    _check(format, output, number, published, detail, time, standalone, directories or [])
    if number is not None and not summary:
        sheet, long = _numbered(number, directories or [], draws, published, time)
        if format == "csv":
            for line in (*sheet.heads, *sheet.notes):  # which it has no place for
                say(line)
        _deliver(_rendered(sheet, long, format, intervals, standalone, output), output)
        return
    run = run_directory(_only(directories))
    if summary:
        if number is not None or detail or intervals is not None or format not in _FORMATS[:3]:
            raise UserError(
                "--summary is a table of its own, in text, md or csv, with its intervals; "
                "--draws 0 leaves them out."
            )
        _deliver(_summary(run, format, draws).encode("utf-8", "replace"), output)
    elif format not in _FORMATS[:3] or intervals is not None:
        sheet, long = _plain(run, detail, draws)
        _deliver(_rendered(sheet, long, format, intervals, standalone, output), output)
    elif output is None:
        print_table(run, format, detail, None, draws)
    else:
        _deliver(table_text(run, format, detail, None, draws).encode("utf-8", "replace"), output)


def _check(
    format: str,
    output: Path | None,
    number: str | None,
    published: bool,
    detail: bool,
    time: bool,
    standalone: bool,
    directories: list[Path],
) -> None:
    """Refuse what does not go together, before anything is computed.

    Raises:
        UserError: one sentence of it.
    """
    if format not in _FORMATS:
        raise UserError(f"Unknown format '{format}'. Available: {', '.join(_FORMATS)}.")
    if format == "xlsx" and output is None:
        raise UserError("--format xlsx needs --output FILE.xlsx: a workbook is not for a terminal.")
    if output is not None and output.is_dir():
        raise UserError(f"--output {output} is a folder; it needs a file.")
    if standalone and format != "latex":
        raise UserError("--standalone is for --format latex.")
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


def _only(directories: list[Path] | None) -> Path | None:
    if directories and len(directories) > 1:
        raise UserError(
            "Several run directories make one table with --number; name one without it."
        )
    return directories[0] if directories else None


def _plain(directory: RunDirectory, detail: bool, draws: int) -> tuple[Sheet, pd.DataFrame]:
    """The table of a run directory, and its numbers."""
    from harness.report.tables.building import build_table
    from harness.report.tables.long_form import long_form
    from harness.report.tables.sheet import sheet_from_table

    sheet = sheet_from_table(build_table(directory, None, detail, draws))
    return sheet, long_form(directory, None, detail, draws)


def _summary(directory: RunDirectory, format: str, draws: int) -> str:
    """What a run says over all its QFs."""
    from harness.analysis.metrics import measure
    from harness.analysis.sanity_check import gate_notes
    from harness.analysis.summaries import summaries, summary_frame
    from harness.report.tables.building import table_title
    from harness.report.tables.notes import table_notes
    from harness.report.tables.summary_text import render_summary

    if format == "csv":
        return str(summary_frame(directory, None, draws).to_csv(index=False))
    end = "  \n" if format == "md" else "\n"
    heading = "".join(f"{line}{end}" for line in table_title(directory))
    results = measure(directory)
    notes = table_notes(directory.manifest(), results, None)
    notes += gate_notes(directory, {result.cell.task for result in results})
    below = "\n" * bool(notes) + "".join(f"{line}{end}" for line in notes)
    return f"{heading}\n{render_summary(summaries(directory, None, draws), format)}{below}"


def _numbered(
    number: str, directories: list[Path], draws: int, published: bool, time: bool
) -> tuple[Sheet, pd.DataFrame]:
    """A table of the paper, and its numbers."""
    from harness.report.tables.paper_layouts import COSTS, LAYOUTS, roman_number
    from harness.report.tables.sheet_frame import sheet_frame

    found = roman_number(number)
    if found == COSTS:
        from harness.report.tables.cost_sheet import cost_sheet
        from harness.tools.cost import CostRequest, cost_table

        sheet = cost_sheet(cost_table(CostRequest(timed=time), say), published)
    else:
        from harness.report.tables.numbered import build_numbered

        runs = [run_directory(path) for path in directories] or [run_directory(None)]
        sheet = build_numbered(LAYOUTS[found], runs, draws, 0, published)
    return sheet, sheet_frame(sheet)


def _rendered(
    sheet: Sheet,
    long: pd.DataFrame,
    format: str,
    intervals: bool | None,
    standalone: bool,
    output: Path | None,
) -> bytes:
    """The table in a format, as the bytes of a file."""
    from harness.report.tables.excel import render_workbook
    from harness.report.tables.html import render_html
    from harness.report.tables.latex import render_latex
    from harness.report.tables.numbered_text import render_sheet_markdown, render_sheet_text

    shown = intervals is not False
    if format == "xlsx":
        return render_workbook(sheet, long)
    if format == "latex":
        text = render_latex(sheet, intervals, standalone)
    elif format == "html":
        text = render_html(sheet, shown)
    elif format == "csv":
        text = long.to_csv(index=False)
    elif format == "md":
        text = render_sheet_markdown(sheet, shown)
    else:
        colour = output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        text = render_sheet_text(sheet, colour, shown)
    return text.encode("utf-8", "replace")


def _deliver(data: bytes, output: Path | None) -> None:
    """To the screen or to a file."""
    from harness.records.atomic import write_atomic

    if output is None:
        write(data.decode())
        return
    write_atomic(output, data)
    write(f"Table: {output}\n")
