"""How long the command takes to answer when no image is touched.

Usage: python benchmarks/startup.py

Prints the median of five runs of each, beside its budget. What is over is warned of, on a line that
GitHub shows at the commit; the exit status is 0 all the same, for other machines are slower.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HARNESS = str(Path(sys.executable).with_name("harness"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "harness --help": [HARNESS, "--help"],
    "harness list": [HARNESS, "list"],
}
IMPORT = (
    "import time; began = time.perf_counter(); import harness; print(time.perf_counter() - began)"
)
BUDGETS = {"harness --help": 0.2, "harness list": 0.5, "import harness": 0.05}
"""Seconds: of a command from its start to its end, of an import without the interpreter's start."""


def command_seconds(command: list[str]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def import_seconds() -> float:
    """Wall time of ``import harness`` in a new interpreter."""
    printed = subprocess.run(
        [sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True
    ).stdout
    return float(printed)


def main() -> None:
    """Print a line a command, and a warning for each that is over its budget."""
    medians = {}
    for name, command in COMMANDS.items():
        command_seconds(command)  # the first run reads the files from the disk
        medians[name] = statistics.median(command_seconds(command) for _ in range(5))
    medians["import harness"] = statistics.median(import_seconds() for _ in range(5))
    for name, seconds in medians.items():
        budget = f"   (at most {BUDGETS[name]:.2f} s)" if name in BUDGETS else ""
        print(f"{name:<28} {seconds:6.3f} s{budget}")
    mark = "::warning::" if os.environ.get("GITHUB_ACTIONS") else "warning: "
    for name, budget in BUDGETS.items():
        if medians[name] > budget:
            print(f"{mark}{name} takes {medians[name]:.3f} s, its budget is {budget:.2f} s")


if __name__ == "__main__":
    main()
