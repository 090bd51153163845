"""The ``harness`` command: parses, calls, prints. No logic lives here."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import HarnessError
from harness.terminal import (
    check_format,
    common_options,
    print_table,
    run_directory,
    say,
    show_progress_logs,
    write,
)

app = typer.Typer(
    name="harness",
    help="How much detection and segmentation accuracy does an image restorer give back "
    "after JPEG?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Format = Annotated[str, typer.Option("--format", help="text, md or csv.")]
Detail = Annotated[bool, typer.Option("--detail", help="Every metric, per class too.")]
Directory = Annotated[
    Path | None, typer.Argument(help="A run directory; the latest under results/runs by default.")
]

_TASKS = "detection, segmentation, classification, fidelity"
_INTERRUPTED = 130  # which typer makes of an interrupt too
_LIST = "A comma-separated list, or the flag repeated."


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Open no network connection, whatever happens.")
    ] = False,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", help="Folder of the data sets; $HARNESS_DATA.")
    ] = None,
) -> None:
    """Options of every command, before or after its name (`main` reads them)."""


@app.command()
def run(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAMES", help=f"{_TASKS}. {_LIST}"),
    ] = None,
    qf: Annotated[
        list[str] | None,
        typer.Option(
            "--qf", metavar="NUMBERS", help=f"Quality factors of JPEG, or of --codec. {_LIST}"
        ),
    ] = None,
    restorers: Annotated[
        list[str] | None,
        typer.Option("--restorers", metavar="NAMES", help=f"Names, or all. {_LIST}"),
    ] = None,
    nearest_qf: Annotated[
        bool,
        typer.Option("--nearest-qf", help="A QF without a checkpoint takes the nearest one's."),
    ] = False,
    tile: Annotated[
        int | None,
        typer.Option("--tile", help="Side of the restorers' tiles, pixels; 0: never in tiles."),
    ] = None,
    luma: Annotated[
        bool, typer.Option("--luma", help="Compress and score luma alone (task fidelity).")
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="auto, a name, or a path to images or annotations."),
    ] = None,
    images: Annotated[
        str | None, typer.Option("--images", help="With --dataset FILE.json: the images' folder.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option("--masks", help="With --dataset IMAGES: the masks' folder.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option("--classes", help="File of class names, one a line.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="List of images of a VOC-layout folder.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="NAMES", help=f"Vision model of a task: a name or a file. {_LIST}"
        ),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option("--codec", metavar="NAMES", help=f"What degrades the images. {_LIST}"),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Only the first N images.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Run directory; results/runs/<study> by default."),
    ] = None,
    study: Annotated[
        Path | None, typer.Option("--study", help="A study as YAML; flags are laid over it.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seeds every generator.")] = None,
    show_study: Annotated[
        bool, typer.Option("--show-study", help="Print the merged study and stop.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first image that fails.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute images again that failed before.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Images at a time; the cores by default, up to 8."),
    ] = None,
    no_gate: Annotated[
        bool,
        typer.Option("--no-gate", help="Go on where a model misses its published score."),
    ] = False,
    detail: Detail = False,
    format: Format = "text",
) -> None:
    """Degrade, restore, predict, and print the table. The same command again resumes."""
    from harness.study import read_study, study_yaml

    flags = {
        "task": task,
        "qf": qf,
        "restorers": restorers,
        "nearest_qf": nearest_qf or None,
        "tile": tile,
        "luma": luma or None,
        "dataset": dataset,
        "images": images,
        "masks": masks,
        "classes": classes,
        "split": split,
        "model": model,
        "codec": codec,
        "limit": limit,
        "seed": seed,
    }
    check_format(format)
    merged = read_study(study, flags)
    if show_study:
        write(study_yaml(merged))
        return
    from harness.running import Options, run_studies

    options = Options(output, fail_fast, retry_failed, workers, not no_gate, detail, format)
    run_studies(merged, options)


@app.command()
def table(directory: Directory = None, detail: Detail = False, format: Format = "text") -> None:
    """Print the table of a run directory, from its records alone."""
    check_format(format)
    print_table(run_directory(directory), format, detail, None)


@app.command()
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


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help="restorers, tasks, datasets, ...")] = None,
) -> None:
    """List everything that can be named."""
    from harness.describe import list_lines

    write("\n".join(list_lines(kind)).rstrip() + "\n")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A restorer, model, data set, ... or run directory.")],
) -> None:
    """Show what is known about a name, its cards included, or about a run directory."""
    from harness.describe import show_lines

    write("\n".join(show_lines(name)).rstrip() + "\n")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or its name in configs/train.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="results/training/<name> by default.")
    ] = None,
) -> None:
    """Train from a recipe. The same command again goes on where it stopped."""
    from harness.recipes import find_recipe
    from harness.recipes import train as execute

    try:
        card = execute(find_recipe(recipe), output, say)
    except KeyboardInterrupt:
        say("Stopped. The same command goes on from the last checkpoint.")
        raise
    write(f"Weights and card: {card}\n")


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Run no network.")] = False,
) -> None:
    """Tell what is installed, what works, and which weights and data are here."""
    from harness.doctor import examine

    if not examine(write, quick):
        raise typer.Exit(1)


@app.command()
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
    from harness.remote import download

    try:
        for name in names:
            for line in download(name, say, limit):
                write(f"{line}\n")
    except KeyboardInterrupt:
        say("Stopped. The same command goes on where it stopped.")
        raise


@app.command()
def cost(
    size: Annotated[int, typer.Option("--size", help="Side of the image, pixels.")] = 512,
    restorers: Annotated[
        list[str] | None,
        typer.Option("--restorers", metavar="NAMES", help=f"Names, or all. {_LIST}"),
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
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option("--threads", help="On the CPU; as torch chooses by default.")
    ] = None,
    format: Format = "text",
) -> None:
    """Count parameters and multiply-accumulates, measure time and memory: the paper's Table III."""
    from harness.cost import Request, cost_table
    from harness.report.cost import render_cost

    check_format(format)
    names = tuple(name.strip() for item in restorers or ["all"] for name in item.split(","))
    request = Request(size, names, preset, not no_time, repeats, budget, device, threads)
    found = cost_table(request, say)
    if format == "csv":
        say(f"Hardware: {found.hardware}")
        for note in found.notes:
            say(note)
    write(render_cost(found, format))


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _leave(code: int) -> None:
    """Exit; at once where a second Ctrl-C left threads at work, which a usual exit would abort."""
    if code == _INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if any(thread.name.startswith("walk-") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main() -> None:
    """Run the command. Exit 0; 2 for the user's mistakes; 1 for failures; 130 when interrupted."""
    debug = "--debug" in sys.argv
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without lines and dashes
    show_progress_logs()
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch(vision)?(\.|$)")
    try:
        arguments, debug = common_options(sys.argv[1:])
        code = app(arguments, prog_name="harness", standalone_mode=False)
        _leave(code if isinstance(code, int) else 0)
    except HarnessError as error:
        if debug:
            raise
        say(f"Error: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _leave(_INTERRUPTED)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a mistake in the options
            error.show()
            sys.exit(error.exit_code)
        if debug:
            raise
        reason = " ".join(str(error).split()).rstrip(".")
        say(f"Error: {type(error).__name__}: {reason}. Run again with --debug for the traceback.")
        sys.exit(1)
