"""``harness merge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import say, write
from harness.errors import HarnessError


def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories of one study.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", help="Run directory for all of them; what it holds stays."),
    ],
) -> None:
    """Put the shards of a study together, each record once; say what is missing."""
    from harness.analysis.metrics import counted
    from harness.analysis.sanity_check import sanity_notes
    from harness.records.merge import merge as merge_directories
    from harness.records.run_directory import RunDirectory

    directory = RunDirectory(output)
    merged = merge_directories([RunDirectory(path) for path in runs], directory)
    size = f"{counted(merged.cells, 'cell')} of {counted(merged.images, 'image')}"
    write(f"{directory.path}: {counted(merged.records, 'record')}, {size}\n")
    if merged.twice:
        say(f"{counted(merged.twice, 'record')} in more than one of them: each is there once.")
    if merged.missing:
        raise HarnessError(merged.incompleteness(directory.path))
    for note in sanity_notes(directory, directory.manifest().models):
        say(note)
