"""``harness panels``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import run_directory, say, write
from harness.cli.options import DEVICES, Directory
from harness.engine.progress import error_console


def panels(
    directory: Directory = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", metavar="NAMES", help="Tasks; all by default.")
    ] = None,
    qf: Annotated[
        int | None, typer.Option("--qf", help="Quality factor; the run's lowest by default.")
    ] = None,
    codec: Annotated[
        str | None, typer.Option("--codec", help="Codec; the run's first by default.")
    ] = None,
    restorers: Annotated[
        list[str] | None,
        typer.Option("--restorers", metavar="NAMES", help="What to show; all by default."),
    ] = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--between",
            metavar="A B",
            help="Restorers whose difference counts; jpeg and the best by default.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", metavar="ID", help="This image; may be repeated."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Images a task: half helped most, half hurt most.")
    ] = 4,
    worst: Annotated[bool, typer.Option("--worst", help="Only images that B hurts.")] = False,
    crop: Annotated[
        str, typer.Option("--crop", help="The enlarged detail: auto, none, or x,y,width,height.")
    ] = "auto",
    width: Annotated[
        int, typer.Option("--width", min=300, max=10000, help="Of the composed picture, pixels.")
    ] = 2150,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each panel as PDF too.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder; RUN/panels by default.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Where the data set is now, if it has moved.")
    ] = None,
    images: Annotated[
        str | None, typer.Option("--images", help="Where its images' folder is now.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option("--masks", help="Where its masks' folder is now.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="NAME",
            help=f"{DEVICES} As the run by default, where that is here.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAMES", help="Where the vision models are now."),
    ] = None,
) -> None:
    """Show images as each restorer leaves them, with what the vision model finds in them.

    Images are chosen by the records: those that change most from A to B. Only they are restored
    and predicted again.
    """
    from harness.engine.progress import ConsoleProgress
    from harness.panels.crop import parse
    from harness.panels.make import PanelOptions, make_panels
    from harness.panels.select import PanelRequest
    from harness.study.device import choose_device

    def names(given: list[str] | None) -> tuple[str, ...]:
        parts = (part.strip() for item in given or [] for part in item.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    request = PanelRequest(
        tasks=names(task),
        qf=qf,
        codec=codec,
        restorers=names(restorers),
        between=between,
        images=tuple(image or ()),
        top=top,
        worst=worst,
    )
    places = {"dataset": dataset, "images": images, "masks": masks, "model": model or None}
    moved = {key: value for key, value in places.items() if value is not None}
    options = PanelOptions(
        output=output,
        crop=parse(crop),
        width=width,
        pdf=pdf,
        moved=moved,
        device=None if device is None else choose_device(device),
    )
    run = run_directory(directory)
    folder = output or run.path / "panels"
    progress = ConsoleProgress(error_console(), "pictures")
    try:
        panels_made = make_panels(run, request, options, say, progress)
    except KeyboardInterrupt:
        say(f"Stopped. What is done is kept in {folder}; the same command goes on from there.")
        raise
    for panel in panels_made:
        write(f"{folder / panel.file}\n    {panel.task}: {panel.reason}\n")
