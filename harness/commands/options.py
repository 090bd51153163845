"""Options that several subcommands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Format = Annotated[str, typer.Option("--format", help="text, md or csv.")]
Detail = Annotated[bool, typer.Option("--detail", help="Every metric, per class too.")]
Directory = Annotated[
    Path | None, typer.Argument(help="A run directory; the latest under results/runs by default.")
]
DRAWS = 1000
"""Of the bootstrap where nobody says otherwise; `harness.statistics.draws` needs numpy."""

Draws = Annotated[
    int,
    typer.Option("--draws", min=0, help="Of the bootstrap behind intervals and marks; 0: neither."),
]
