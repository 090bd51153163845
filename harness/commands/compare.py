"""``harness compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import Format
from harness.terminal import check_format, run_directory, write


def compare(
    a: Annotated[str, typer.Argument(help="A restorer.")],
    b: Annotated[str, typer.Argument(help="Another restorer.")],
    directory: Annotated[
        Path | None, typer.Option("--run", help="Run directory; the latest by default.")
    ] = None,
    format: Format = "text",
) -> None:
    """Print the difference B - A per task and QF."""
    from harness.report.compare import compare as compute
    from harness.report.compare import compare_lines
    from harness.report.render import render_lines

    check_format(format)
    frame = compute(run_directory(directory), a, b)
    if format == "csv":
        write(frame.to_csv(index=False))
    else:
        write(render_lines(compare_lines(frame, a, b), format))
