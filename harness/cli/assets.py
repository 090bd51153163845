"""What there is, where it comes from and what it costs: every subcommand that measures nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import check_format, say, write
from harness.cli.help import kinds_of_names, names_of
from harness.cli.options import DEVICES, Format


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(help="restorers, tasks, datasets, ...", autocompletion=kinds_of_names),
    ] = None,
) -> None:
    """List everything that can be named, with a line on what it is."""
    from harness.tools.describe import list_lines

    write("\n".join(list_lines(kind)).rstrip() + "\n")


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A restorer, model, data set, ..., a run directory, or `licences`.",
            autocompletion=names_of(),
        ),
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Whole cards with recipes and checksums.")
    ] = False,
    bibtex: Annotated[
        bool, typer.Option("--bibtex", help="Of a run directory: what to cite, as BibTeX.")
    ] = False,
) -> None:
    """Show what is known about a name, with a few lines of each of its cards, or about a run."""
    if bibtex:
        from harness.records.run_directory import RunDirectory
        from harness.report.bibtex import bibtex as entries

        write(entries(RunDirectory(Path(name)).manifest()))
        return
    if name in ("licences", "licenses"):
        from harness.tools.licences import licence_lines as lines
    else:
        from harness.tools.describe import show_lines

        lines = partial(show_lines, name, full)
    write("\n".join(lines()).rstrip() + "\n")


def runs(
    folder: Annotated[Path, typer.Argument(help="Where run directories are.")] = Path("results"),
) -> None:
    """List the run directories below a folder: study, cells done, date and one number."""
    from harness.tools.runs import runs_text

    write(runs_text(folder))


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or its name in configs/train.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="results/training/<name> by default.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="NAME",
            help="auto, cpu, cuda or mps; as the recipe says by default.",
        ),
    ] = None,
) -> None:
    """Train from a recipe. The same command again goes on where it stopped."""
    from harness.study.recipe import find_recipe
    from harness.study.recipe import train as execute

    try:
        card = execute(find_recipe(recipe), output, say, device)
    except KeyboardInterrupt:
        say("Stopped. The same command goes on from the last checkpoint.")
        raise
    write(f"Weights and card: {card}\n")


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Run no network.")] = False,
    device: Annotated[
        str,
        typer.Option("--device", metavar="NAME", help=f"Where networks are tried: {DEVICES}"),
    ] = "cpu",
) -> None:
    """Tell what is installed, what works, and which weights and data are here."""
    from harness.study.device import choose_device
    from harness.tools.doctor import examine

    if not examine(write, quick, choose_device(device)):
        raise typer.Exit(1)


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(help="Names, such as fbcnn:official or coco-val2017; `list` has them."),
    ],
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Of a data set, only the first N images."),
    ] = None,
) -> None:
    """Download published weights and data sets. Nothing is ever downloaded without being asked."""
    from harness.tools.fetch import download

    try:
        for name in names:
            for line in download(name, say, limit):
                write(f"{line}\n")
    except KeyboardInterrupt:
        say("Stopped. The same command goes on where it stopped.")
        raise


def cost(
    size: Annotated[int, typer.Option("--size", help="Side of the image, pixels.")] = 512,
    restorers: Annotated[
        list[str] | None,
        typer.Option("--restorers", metavar="NAMES", help="Names, or all."),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", help="Size of the networks: published, small, ...")
    ] = "published",
    repeats: Annotated[
        int, typer.Option("--repeats", help="Calls after the warm-up; their median is printed.")
    ] = 5,
    budget: Annotated[
        float, typer.Option("--budget", help="Seconds of timing a network; slower ones say so.")
    ] = 60,
    no_time: Annotated[bool, typer.Option("--no-time", help="Count only; run nothing.")] = False,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help=DEVICES)] = "cpu",
    threads: Annotated[
        int | None, typer.Option("--threads", help="On the CPU; as torch chooses by default.")
    ] = None,
    format: Format = "text",
) -> None:
    """Count parameters and multiply-accumulates, measure time and memory: the paper's Table III."""
    from harness.report.tables.cost import render_cost
    from harness.tools.cost import CostRequest, cost_table

    check_format(format)
    names = tuple(name.strip() for item in restorers or ["all"] for name in item.split(","))
    request = CostRequest(size, names, preset, not no_time, repeats, budget, device, threads)
    found = cost_table(request, say)
    if format == "csv":
        say(f"Hardware: {found.hardware}")
        for note in found.notes:
            say(note)
    write(render_cost(found, format))
