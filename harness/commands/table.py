"""``harness table``."""

from __future__ import annotations

from harness.commands.options import DRAWS, Detail, Directory, Draws, Format
from harness.terminal import check_format, print_table, run_directory


def table(
    directory: Directory = None,
    detail: Detail = False,
    draws: Draws = DRAWS,
    format: Format = "text",
) -> None:
    """Print the table of a run directory, from its records alone."""
    check_format(format)
    print_table(run_directory(directory), format, detail, None, draws)
