"""``harness verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import run_directory, say, write
from harness.errors import HarnessError


def verify(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]", help="Run directory; the latest under results/runs by default."
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Take out what is wrong: the next run computes it again."),
    ] = False,
) -> None:
    """Hold every file of a run against its manifest and its checksums."""
    from harness.analysis.metrics import counted
    from harness.records import verify as checks

    run = run_directory(directory)
    found = checks.verify(run)
    for finding in found.findings:
        say(f"{finding.path}: {finding.what}.")
    if found.unstamped:
        say(
            f"{counted(found.unstamped, 'record')} of an earlier version without checksums: "
            "a changed digit cannot be seen there."
        )
    wrong = counted(len(found.findings), "file")
    if not found.findings:
        write(f"{run.path}: {counted(found.records, 'record')}, all well.\n")
    elif not repair:
        raise HarnessError(f"{wrong} wrong in {run.path}. 'harness verify --repair' takes it out.")
    else:
        mended, left = checks.repair(run, found, lambda f: say(f"{f.path}: {f.what}."))
        say(f"Mended: {counted(mended, 'file')}, and cached numbers.")
        if any(finding.repair is not None for finding in left):
            raise HarnessError(f"{run.path} is still not whole: run 'harness verify' once more.")
        say("Run the study again with this --output: what was taken out is computed again.")
