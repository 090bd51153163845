"""What the command line writes: tables to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.assets.offline import enforce, offline
from harness.assets.programs import trust_code
from harness.assets.reading import PIXELS_VARIABLE, max_pixels
from harness.errors import HarnessError, UserError
from harness.text import csv, printable, styled

if TYPE_CHECKING:
    from harness.records.run_directory import RunDirectory


TEXT_FORMATS = ("text", "md", "csv")
"""What ``--format`` takes where a table is printed."""


def say(message: str) -> None:
    """A line to standard error, if there is one."""
    if sys.stderr is None:
        return
    typer.echo(printable(message), err=True)


def common_options(arguments: list[str]) -> tuple[list[str], bool]:
    """Take the options of every command out of the arguments, wherever they stand, and obey them.

    Returns:
        The other arguments, and whether tracebacks are wanted.

    Raises:
        UserError: ``--data-root`` names no folder; it may not be there yet. ``--max-pixels`` is no
            number.
    """
    rest: list[str] = []
    debug, waiting = False, iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--debug":
            debug = True
        elif argument == "--offline":
            enforce()
        elif argument == "--trust-code":
            trust_code()
        elif name == "--max-pixels":
            # What is missing is no number.
            os.environ[PIXELS_VARIABLE] = (value if equals else next(waiting, "")) or "?"
            max_pixels()
        elif name == "--data-root":
            folder = value if equals else next(waiting, "")
            if not folder:
                raise UserError("--data-root needs a folder.")
            if Path(folder).expanduser().is_file():
                raise UserError(f"--data-root {folder} is a file; it needs a folder.")
            os.environ["HARNESS_DATA"] = folder
        else:
            rest.append(argument)
    if offline():
        enforce()
    return rest, debug


class _Lines(logging.Handler):
    """Log records as plain lines on standard error, whatever it is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        say(record.getMessage())


def show_progress_logs() -> None:
    """Let the packages say what long work they are at; other libraries stay as quiet as before."""
    for name in ("harness", "restorers", "tasks"):
        log = logging.getLogger(name)
        log.setLevel(logging.INFO)
        log.handlers = [_Lines()]
        log.propagate = False


def write(text: str) -> None:
    """To standard output, whose reader (head, less) may have seen enough.

    Raises:
        UserError: there is none.
        HarnessError: it cannot be written to.
    """
    if sys.stdout is None:
        raise UserError("Standard output is closed: leave it open, or name a file with --output.")
    try:
        typer.echo(styled(text) if coloured() else printable(text), nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        # What it still holds cannot be written either, when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise HarnessError(
            f"Standard output cannot be written to: {error.strerror}. Free some space, or name "
            "another file with --output."
        ) from error


def check_format(name: str, formats: Sequence[str] = TEXT_FORMATS) -> None:
    """Refuse a ``--format`` there is not, before anything is computed.

    Raises:
        UserError: there is no such format.
    """
    if name not in formats:
        raise UserError(f"Unknown format '{name}'. Available: {', '.join(formats)}.")


def write_output(data: bytes, output: Path | None, what: str) -> None:
    """To the screen or to a file, which is named then as ``what``."""
    from harness.records.atomic import write_atomic

    if output is None:
        write(data.decode())
        return
    write_atomic(output, data)
    write(f"{what}: {output}\n")


def coloured() -> bool:
    """Whether standard output shows colours and wants them."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def run_directory(path: Path | None) -> RunDirectory:
    """The run directory the user named, or the latest.

    Raises:
        UserError: none was named and there is none.
    """
    from harness.analysis.metrics import latest_run
    from harness.records.run_directory import RunDirectory

    path = path or latest_run(Path("results") / "runs")
    if path is None:
        raise UserError("There is no run under results/runs. Name a run directory, or run one.")
    return RunDirectory(path)


def print_table(
    directory: RunDirectory, format: str, detail: bool, keys: set[str] | None, draws: int
) -> None:
    """The table of a run directory in a text format; only the cells ``keys``, if given."""
    from harness.report.tables.build import build_table
    from harness.report.tables.frames import run_frame
    from harness.report.tables.text import render_markdown, render_text

    table = build_table(directory, keys, detail, draws)
    if format == "csv":
        write(csv(run_frame(table, directory)))
    else:
        write(render_markdown(table) if format == "md" else render_text(table, coloured()))
