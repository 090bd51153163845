"""``harness figures``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import run_directory, say, write
from harness.cli.options import Directory, enough


def figures(
    directory: Directory = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", help="Names, with commas: gain, quality, rate, cost, classes, recovered; all."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder of the files; RUN/figures by default.")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="pdf, svg, png; several with commas.")
    ] = "pdf,png",
    width: Annotated[
        str, typer.Option("--width", help="single (3.5 in) or double (7.16 in) column.")
    ] = "double",
    qf: Annotated[
        int | None,
        typer.Option("--qf", help="QF of cost and classes; the lowest of the run by default."),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", callback=enough, help="Of the bootstrap; 0: no intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    training: Annotated[
        list[Path] | None,
        typer.Option("--training", help="Draw this training instead: its folder or its CSV."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="Training curves over step, the default, or time."),
    ] = None,
) -> None:
    """Draw the figures of a run directory, from its records alone, or those of trainings."""
    from harness.errors import UserError
    from harness.report.figures import KINDS, FigureData, collect
    from harness.report.figures.base import folder_for, parse_formats, parse_width, write_figures

    formats, inches = parse_formats(format), parse_width(width)
    if against is not None and not training:
        raise UserError("--against is for the curves of --training.")
    if training:
        from harness.report.figures.training import training_figure

        source = training[0] if training[0].is_dir() else training[0].parent
        drawn = [training_figure(training, against or "step")]
    else:
        run = run_directory(directory)
        source = run.path
        names = [name.strip() for name in only.split(",")] if only else KINDS
        drawn, lacking = collect(FigureData(run, None, draws, seed, qf), names)
        for absent in lacking:
            say(f"No figure {absent.name}: {absent.reason}.")
    if not drawn:
        raise UserError(f"{source} gives none of the figures asked for.")
    paths = write_figures(drawn, output or folder_for(source), formats, inches)
    write("".join(f"{path}\n" for path in paths))
