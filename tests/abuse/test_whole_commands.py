"""``harness run`` with a plugin that hangs and dies, as its user meets it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.images.io import write_png
from harness.records.run_directory import RunDirectory

HARNESS = Path(sys.executable).with_name("harness")


@pytest.fixture
def plugin(tmp_path, request):
    """The environment in which the restorer ``bad`` is installed."""
    info = tmp_path / "plugins" / "bad_parts-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-parts\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[harness.restorers]\nbad = bad_parts:Bad\n")
    support = request.config.rootpath / "tests" / "support"
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(info.parent), str(support)])}


@pytest.fixture
def run(tmp_path, plugin):
    """Runs the command on five grey images: exit code, errors, and records of ``bad``."""
    for number in range(5):
        grey = np.full((32, 48, 3), 10 * number, np.uint8)
        write_png(grey, tmp_path / "photos" / f"{number}.png")

    def call(kinds, *more):
        command = [HARNESS, "run", "--task", "fidelity", "--dataset", "photos", "--qf", "10"]
        command += ["--restorers", "jpeg,bad", "--output", "out", *more]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=plugin | {"BAD_PARTS": kinds},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        directory = RunDirectory(tmp_path / "out")
        cells = {cell.key: directory.records(cell) for cell in directory.manifest().cells}
        return done, cells["fidelity/bad-q10"]

    return call


@pytest.mark.slow
def test_a_run_goes_on_after_what_ends_its_process_and_does_not_die_again(run):
    done, records = run(",segfault,exit,hang,sys.exit", "--image-timeout", "5", "--workers", "1")

    assert done.returncode == 2  # images failed
    assert {image: record.error for image, record in sorted(records.items())} == {
        "0.png": None,
        "1.png": "restorer bad failed on 1.png: its process was ended by SIGSEGV",
        "2.png": "restorer bad failed on 2.png: it ended its process with exit code 0",
        "3.png": "restorer bad failed on 3.png: it took more than 5 s and was ended "
        "(see --image-timeout)",
        "4.png": "restorer bad failed on 4.png: it called sys.exit(0)",
    }
    assert "Records: out (10 of 10 computed now)" in done.stderr
    assert "4 of 5 images failed" in done.stderr
    assert "fidelity/jpeg-q10" in done.stderr and "Traceback" not in done.stderr

    again, _ = run(",segfault,exit,hang,sys.exit")
    assert "nothing to compute" in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.slow
def test_a_crash_of_more_images_than_may_fail_ends_the_run_with_1(run):
    done, records = run(",exit,,,", "--max-failures", "0", "--workers", "1")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: Stopped: 1 of 5 images failed")
    assert "--max-failures allows 0" in done.stderr
    assert records["1.png"].failed


def test_a_share_that_is_none_is_said_at_once(harness):
    code, _, said = harness("run", "--max-failures", "many")

    assert code == 2
    assert said.startswith("Error: --max-failures 'many' is neither a number of images nor")
