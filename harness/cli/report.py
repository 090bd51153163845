"""``harness report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import run_directory, say, write
from harness.cli.options import DRAWS, Directory, enough
from harness.engine.progress import error_console
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.report.panel_index import PanelKey

_PANELS = 8


def report(
    directory: Directory = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The page; RUN/report.html by default.")
    ] = None,
    panels: Annotated[
        int, typer.Option("--panels", min=0, help="Images to show before and after; 0: none.")
    ] = _PANELS,
    no_panels: Annotated[
        bool, typer.Option("--no-panels", help="Run no model and show no pictures.")
    ] = False,
    draws: Annotated[
        int,
        typer.Option(
            "--draws", callback=enough, help="Of the bootstrap; 0: no intervals, no tests."
        ),
    ] = DRAWS,
    title: Annotated[str, typer.Option("--title", help="Of the page.")] = "",
) -> None:
    """Write a run directory as one HTML page that needs no network."""
    from harness.engine.progress import ConsoleProgress
    from harness.panels.make import panels_for_page
    from harness.report.page.render import PageOptions, write_report

    # Before minutes are spent on pictures.
    if output is not None and output.is_dir():
        raise UserError(f"--output {output} is a folder; it needs a file.")
    run = run_directory(directory)
    run.manifest()
    count = 0 if no_panels else panels
    first: list[PanelKey] = []
    note = ""
    if count:
        progress = ConsoleProgress(error_console(), "pictures")
        first, note = panels_for_page(run, count, say, progress)
    if note:
        say(note)
    path = output or run.path / "report.html"
    options = PageOptions(title=title, draws=draws, panels=count, first=first, note=note)
    size = write_report(run, path, options)
    write(f"{path} ({size / 1e6:.1f} MB)\n")
