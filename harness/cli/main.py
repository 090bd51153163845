"""The ``harness`` command: its subcommands put together, its exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from harness._version import __version__
from harness.cli import assets
from harness.cli.compare import compare
from harness.cli.console import common_options, say, show_progress_logs, write
from harness.cli.figures import figures
from harness.cli.help import SectionedCommand, SectionedGroup
from harness.cli.merge import merge
from harness.cli.panels import panels
from harness.cli.report import report
from harness.cli.run import run
from harness.cli.table import table
from harness.cli.verify import verify
from harness.engine.heartbeats import UNWATCHED, Watch
from harness.errors import HarnessError, no_exit

app = typer.Typer(
    name="harness",
    help="How much of a vision model's accuracy does an image restorer give back after "
    "compression?",
    cls=SectionedGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_INTERRUPTED = 130  # which typer makes of an interrupt too

COMPLETING = "_HARNESS_COMPLETE"
"""The environment variable by which a shell asks."""


def _version(wanted: bool) -> None:
    if wanted:
        write(f"restoration-harness {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which, and stop."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Open no network connection, whatever happens.")
    ] = False,
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Run TorchScript files: programs, not weights alone."),
    ] = False,
    max_pixels: Annotated[
        int | None,
        typer.Option("--max-pixels", help="Refuse larger images; 178956970 by default, 0: none."),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", help="Folder of the data sets; $HARNESS_DATA.")
    ] = None,
) -> None:
    """Options of every command, before or after its name (`main` reads them)."""


_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("run", run, "Degrade, restore, predict; print how much each restorer gives back."),
    ("merge", merge, "Put the shards of a study together."),
    ("train", assets.train, "Train a network from a recipe."),
    ("cost", assets.cost, "Parameters, operations, time and memory of the networks."),
    ("table", table, "Tables of runs, or of the paper, in six formats."),
    ("compare", compare, "Two restorers or runs: the difference, its interval, a gate."),
    ("figures", figures, "Draw what a run says."),
    ("panels", panels, "Images as each restorer leaves them, with what is found in them."),
    ("report", report, "A run as one HTML page."),
    ("runs", assets.runs, "The runs there are, and how far each is."),
    ("verify", verify, "Hold a run's files against their checksums; repair it."),
    ("list", assets.list_, "Everything that can be named."),
    ("show", assets.show, "What is known about a name or a run; licences; BibTeX."),
    ("doctor", assets.doctor, "What is installed, what works, which weights and data are here."),
    ("fetch", assets.fetch, "Download published weights and data sets."),
)
"""The commands with a line each, which `harness --help` shows uncut on 80 columns."""

for _name, _function, _line in _COMMANDS:
    app.command(_name, cls=SectionedCommand, short_help=_line)(_function)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _leave(code: int) -> None:
    """Exit; at once where a second Ctrl-C left threads at work, which a usual exit would abort."""
    if code == _INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if any(thread.name.startswith("worker-") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str], watch: Watch) -> int:
    """Carry the command out; its exit code."""
    # Typer converts every argument by pydantic, whose import takes longer than listing does.
    plain = len(arguments) <= 2 and not any(word.startswith("-") for word in arguments)
    if plain and arguments[:1] == ["list"]:
        assets.list_(*arguments[1:])
        return 0
    if COMPLETING in os.environ:  # a shell asks what could follow; typer ends the program itself
        app(prog_name="harness")
    with no_exit():
        code = app(arguments, prog_name="harness", standalone_mode=False, obj=watch)
    return code if isinstance(code, int) else 0


def main(watch: Watch = UNWATCHED) -> None:
    """Run the command. Exit 0; 2 for the user's mistakes; 1 for failures; 130 when interrupted.

    Args:
        watch: told by ``harness run`` where it is.
    """
    debug = "--debug" in sys.argv
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without lines and dashes
    show_progress_logs()
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch(vision)?(\.|$)")
    try:
        arguments, debug = common_options(sys.argv[1:])
        _leave(_run(arguments, watch))
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
        if isinstance(error, OSError) and error.strerror:
            where = f" {error.filename}" if error.filename else ""
            say(f"Error: Cannot go on: {error.strerror}{where:.300}. Mend it and run it again.")
            sys.exit(1)
        if isinstance(error, RecursionError):
            say("Error: A file that was read is nested too deeply to be one of ours.")
            sys.exit(2)
        reason = " ".join(str(error).split()).rstrip(".")
        say(f"Error: {type(error).__name__}: {reason}. Run again with --debug for the traceback.")
        sys.exit(1)
