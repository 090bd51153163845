"""How long the command takes to answer when no image is touched.

Usage: python benchmarks/startup.py

Prints the median wall time of five runs of each command, beside a bare interpreter's.
"""

from __future__ import annotations

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
    "import torch, torchvision": [sys.executable, "-c", "import torch, torchvision"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print a line a command."""
    for name, command in COMMANDS.items():
        print(f"{name:<28} {statistics.median(seconds(command) for _ in range(5)):6.2f} s")


if __name__ == "__main__":
    main()
