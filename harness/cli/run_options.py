"""The options of ``harness run``, section by section as its help has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.help import names_of
from harness.cli.options import DEVICES

_TASKS = "detection, segmentation, classification, fidelity; several with commas."
_WHAT, _ON, _HOW = "What is measured", "On which images", "How it runs"
_FAILING = "Where images fail"

Task = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="NAMES",
        autocompletion=names_of("tasks"),
        help=f"{_TASKS} [default: detection]",
        rich_help_panel=_WHAT,
    ),
]

Qf = Annotated[
    list[str] | None,
    typer.Option(
        "--qf",
        metavar="NUMBERS",
        help="Quality factors of JPEG, or of --codec; 10-40:10 is 10,20,30,40, the default.",
        rich_help_panel=_WHAT,
    ),
]

Restorers = Annotated[
    list[str] | None,
    typer.Option(
        "--restorers",
        metavar="NAMES",
        autocompletion=names_of("restorers"),
        help="Names, weights files, NET.py:CLASS@WEIGHTS, or all, the default.",
        rich_help_panel=_WHAT,
    ),
]

Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAMES",
        autocompletion=names_of("models"),
        help="Vision model of a task: a name or a file; the data set's own by default.",
        rich_help_panel=_WHAT,
    ),
]

Codec = Annotated[
    list[str] | None,
    typer.Option(
        "--codec",
        metavar="NAMES",
        autocompletion=names_of("codecs"),
        help="What degrades the images. [default: jpeg]",
        rich_help_panel=_WHAT,
    ),
]

Study = Annotated[
    Path | None,
    typer.Option(
        "--study",
        help="A study as YAML, or `embedded`, `table_v`; options are laid over it.",
        rich_help_panel=_WHAT,
    ),
]

NearestQf = Annotated[
    bool,
    typer.Option(
        "--nearest-qf",
        help="A QF without a checkpoint takes the nearest one's.",
        rich_help_panel=_WHAT,
    ),
]

Luma = Annotated[
    bool,
    typer.Option(
        "--luma",
        help="Compress and score luma alone (task fidelity).",
        rich_help_panel=_WHAT,
    ),
]

Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Seeds every generator. [default: 0]", rich_help_panel=_WHAT),
]

Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        autocompletion=names_of("datasets"),
        help="A name, coco, voc, a path to images or annotations, or auto, the default.",
        rich_help_panel=_ON,
    ),
]

Images = Annotated[
    str | None,
    typer.Option(
        "--images",
        help="With --dataset FILE.json: the images' folder.",
        rich_help_panel=_ON,
    ),
]

Masks = Annotated[
    str | None,
    typer.Option(
        "--masks",
        help="With --dataset IMAGES: the masks' folder.",
        rich_help_panel=_ON,
    ),
]

Classes = Annotated[
    str | None,
    typer.Option("--classes", help="File of class names, one a line.", rich_help_panel=_ON),
]

Split = Annotated[
    str | None,
    typer.Option("--split", help="List of images of a VOC-layout folder.", rich_help_panel=_ON),
]

Limit = Annotated[
    int | None,
    typer.Option("--limit", help="Only the first N images; all by default.", rich_help_panel=_ON),
]

Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Every N-th image alone, into a folder of its own; see `harness merge`.",
        rich_help_panel=_ON,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Run directory. [default: results/runs/<study>]",
        rich_help_panel=_HOW,
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what there is to compute and how long it takes.",
        rich_help_panel=_HOW,
    ),
]

ShowStudy = Annotated[
    bool,
    typer.Option("--show-study", help="Print the merged study and stop.", rich_help_panel=_HOW),
]

Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help=f"Where the models run: {DEVICES}",
        rich_help_panel=_HOW,
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Images at a time; the cores by default, up to 8.",
        rich_help_panel=_HOW,
    ),
]

Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        help="Side of the restorers' tiles, pixels; 0: never in tiles. By default each "
        "restorer decides.",
        rich_help_panel=_HOW,
    ),
]

NoSanityCheck = Annotated[
    bool,
    typer.Option(
        "--no-sanity-check",
        "--no-gate",
        help="Go on where a model misses its published score.",
        rich_help_panel=_HOW,
    ),
]

RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Compute images again that failed before.",
        rich_help_panel=_FAILING,
    ),
]

FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast", help="Stop at the first image that fails.", rich_help_panel=_FAILING
    ),
]

MaxFailures = Annotated[
    str | None,
    typer.Option(
        "--max-failures",
        metavar="N|SHARE",
        help="Stop when more images than that failed: 10, or 5%; never by default.",
        rich_help_panel=_FAILING,
    ),
]

MaxEqualFailures = Annotated[
    int,
    typer.Option(
        "--max-equal-failures",
        min=0,
        metavar="N",
        help="N images in a row that fail alike stop a cell; 0: never.",
        rich_help_panel=_FAILING,
    ),
]

ImageTimeout = Annotated[
    float | None,
    typer.Option(
        "--image-timeout",
        min=0,
        metavar="SECONDS",
        help="An image that takes longer has failed; 0: never. Ten times the slowest so far "
        "by default, a minute at least.",
        rich_help_panel=_FAILING,
    ),
]
