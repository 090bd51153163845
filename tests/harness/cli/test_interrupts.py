"""A run that is interrupted stops cleanly, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.images.io import write_png

pytestmark = pytest.mark.integration


HARNESS = Path(sys.executable).with_name("harness")


def fidelity(photos, *more):
    return ("run", "--task", "fidelity", "--dataset", photos, "--restorers", "jpeg", *more)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_cleanly_says_how_to_go_on_and_does(tmp_path, number):
    photos = tmp_path / "photos"
    for index in range(60):
        rng = np.random.default_rng(index)
        write_png(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), photos / f"{index:02d}.png")
    command = [HARNESS, *fidelity(photos, "--qf", "10,20,30,40", "--output", "out")]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    records = tmp_path / "out" / "records"
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in records.rglob("*.jsonl")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    lines = sum(path.read_bytes().count(b"\n") for path in records.rglob("*.jsonl"))
    assert 0 < lines < 240


def test_an_interrupted_command_leaves_threads_that_are_still_at_work(tmp_path):
    code = """
import threading, time
from harness.cli import main as cli
def stopped(*arguments, **options):
    threading.Thread(target=time.sleep, args=(60,), name="worker-0").start()
    raise KeyboardInterrupt
cli.app = stopped
print("a table", end="")
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout, done.stderr) == (130, "a table", "")
