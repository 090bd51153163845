"""What the installed ``harness`` command calls: a Ctrl-C while it loads is no traceback either."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; see `harness.cli.main.main`."""
    try:
        from harness.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
