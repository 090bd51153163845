"""What the installed ``harness`` command calls: a Ctrl-C while it loads is no traceback either.

``harness run`` goes on in a process of its own, which can be ended where a model hangs and replaced
where it dies. Where the system is not Linux it stays in this one.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; see `harness.cli.main.main`."""
    try:
        if sys.platform == "linux" and _is_run(sys.argv[1:]):
            _run_watched()
        from harness.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


def _run_watched() -> None:
    """Run the command in this process if it is watched, else in one that is watched by this."""
    from harness.engine.heartbeats import attach

    channel = attach()
    if channel is None:
        from harness.engine.supervisor import Supervisor

        sys.exit(Supervisor(sys.orig_argv).run())
    code = 1
    try:
        from harness.cli.main import main as run

        run(channel)
    except KeyboardInterrupt:
        code = 130
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        raise
    finally:
        channel.finished(code)
    sys.exit(code)


def _is_run(arguments: list[str]) -> bool:
    """Whether they compute a run: the command is ``run``, and it is not to say something alone."""
    words = iter(arguments)
    command = ""
    for word in words:
        if word in ("--data-root", "--max-pixels"):  # their values follow
            next(words, None)
        elif not word.startswith("-"):
            command = word
            break
    said = {"-h", "--help", "--show-study", "--dry-run"}
    return command == "run" and not said & set(arguments)
