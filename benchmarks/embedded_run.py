"""How long the embedded detection study takes, how much memory, and where the time goes.

Usage: python benchmarks/embedded_run.py [task]

Runs ``harness run --task detection --qf 10`` in a fresh process and a fresh run directory, and
prints wall time, peak memory, and the share of it that is not a model's forward pass: of the walk
over the images, and of the whole command with its imports and its table.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from harness.engine.workers import default_workers
from harness.records.run_directory import RunDirectory


def main() -> None:
    """Run once and print the figures."""
    task = sys.argv[1] if len(sys.argv) > 1 else "detection"
    command = [str(Path(sys.executable).with_name("harness")), "run", "--task", task, "--qf", "10"]
    # The rendered data set is cached once per machine: leave its rendering out of the figures.
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--limit", "1", "--output", folder], check=True,
                       capture_output=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run([*command, "--output", folder], check=True)
        wall = time.perf_counter() - began
        stages: Counter[str] = Counter()
        stamps = []
        directory = RunDirectory(Path(folder))
        for cell in directory.manifest().cells:
            stamps.append(directory.record_file(cell).compact.stat())
            for record in directory.records(cell).values():
                stages.update(record.seconds)
        started = (Path(folder) / "manifest.json").stat().st_mtime
        process_images = max(stamp.st_mtime for stamp in stamps) - started
    # Several images are walked at a time: the time during which a core was in a forward pass.
    workers = default_workers()
    forward = (stages["restore"] + stages["predict"]) / workers
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"wall time                    {wall:8.1f} s")
    print(f"walk over the images         {process_images:8.1f} s")
    print(f"models' forward passes       {forward:8.1f} s on each of {workers} cores")
    print(
        f"walk outside forward passes  {100 * (process_images - forward) / process_images:8.1f} %"
    )
    print(f"wall outside forward passes  {100 * (wall - forward) / wall:8.1f} %")
    print(f"peak memory                  {peak:8.2f} GiB")
    for stage, seconds in stages.most_common():
        print(f"  {stage:<26} {seconds:8.2f} s")


if __name__ == "__main__":
    main()
