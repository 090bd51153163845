"""Options that several subcommands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FEWEST, _MOST = 20, 100_000

PRINTED = "What is printed"
"""The section of the help for what changes a table and no number."""

Format = Annotated[str, typer.Option("--format", help="text, md or csv.", rich_help_panel=PRINTED)]
Detail = Annotated[
    bool, typer.Option("--detail", help="Every metric, per class too.", rich_help_panel=PRINTED)
]
Directory = Annotated[
    Path | None, typer.Argument(help="A run directory; the latest under results/runs by default.")
]
DEVICES = "auto, cpu, cuda, cuda:N or mps."
DRAWS = 1000
"""Of the bootstrap where nobody says otherwise; `harness.analysis.resampling` needs numpy."""


def enough(draws: int) -> int:
    """Refuse numbers of draws whose intervals would mean nothing, or that no machine holds."""
    if draws and not _FEWEST <= draws <= _MOST:
        raise typer.BadParameter(f"{draws}: give {_FEWEST} to {_MOST}, or 0 for no intervals.")
    return draws


Draws = Annotated[
    int,
    typer.Option(
        "--draws",
        callback=enough,
        help="Of the bootstrap behind intervals and marks; 0: neither.",
        rich_help_panel=PRINTED,
    ),
]
