"""examples/plugin as somebody who copies it meets it: installed, its tests, a run by name."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EXAMPLE = ROOT / "examples" / "plugin"
HARNESS = Path(sys.executable).with_name("harness")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that Python finds the installed example in."""
    folder = tmp_path_factory.mktemp("installed")
    copied = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("copied") / "plugin")
    quiet = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *quiet, "--target", folder, copied],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def call(place, *command):
    environment = {"PYTHONPATH": str(place), "HOME": str(place), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def test_its_own_tests_pass(place):
    options = ("-q", "-p", "no:cacheprovider", "-c", EXAMPLE / "pyproject.toml")
    done = call(place, sys.executable, "-m", "pytest", *options, EXAMPLE / "tests")

    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_it_is_run_by_name(place):
    listed = call(place, HARNESS, "list", "restorers").stdout
    done = call(
        place,
        *(HARNESS, "run", "--task", "detection-agreement", "--qf", "10"),
        *("--dataset", "scenes", "--restorers", "jpeg,bilateral:strong", "--model", "blobs"),
        *("--limit", "2", "--draws", "0", "--output", "out"),
    )

    assert re.search(r"^  bilateral +OpenCV's bilateral filter.*\(my-plugin 1\.0\)$", listed, re.M)
    assert done.returncode == 0, done.stderr
    assert "bilateral:strong" in done.stdout
    assert "vision model blobs" in done.stdout
