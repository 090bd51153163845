"""Installed from a wheel, away from any checkout, the harness does what it does in one."""

import os
import shutil
import subprocess
import sys
import venv

import pytest
from paths import ROOT

PARTS = ("harness", "restorers", "tasks", "configs", "results/reference")

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def run(*command, folder, code=0):
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "200"}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The programs of an environment with the wheel, its dependencies from this one."""
    base = tmp_path_factory.mktemp("wheel")
    source, wheels, place = base / "source", base / "wheels", base / "venv"
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, source, folder=base)
    venv.create(place, with_pip=False)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    [own] = place.rglob("site-packages")
    # Names in a .pth file are folders to import from; the .pth files in those are not read, so
    # that the checkout, installed there as editable, is not seen.
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (own / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    [wheel] = wheels.iterdir()
    pip = (*pip, "--python", programs / "python")
    run(*pip, "install", "-q", "--no-deps", "--no-index", "--ignore-installed", wheel, folder=base)
    return programs


def test_the_embedded_study_runs_by_name_in_an_empty_folder(installed, tmp_path):
    code = "import harness, restorers, tasks; print(harness.__file__)"
    place = run(installed / "python", "-c", code, folder=tmp_path)
    options = ("--task", "detection", "--qf", "10", "--limit", "1", "--no-sanity-check")
    names = ("--restorers", "original,jpeg,arcnn")

    ran = run(
        installed / "harness", "run", "--study", "embedded", *options, *names, folder=tmp_path
    )
    table = run(installed / "harness", "table", "--number", "IV", "--published", folder=tmp_path)

    assert str(ROOT) not in place
    assert "3 of 3 computed now" in ran
    paper = [line.split() for line in table.splitlines() if line.split()[:1] == ["paper"]]
    assert paper[0][-1] == "26.1"  # DAGN's, from the wheel's copy of the paper's figures


def test_recipes_are_known_by_name_in_an_empty_folder(installed, tmp_path):
    told = run(installed / "harness", "train", "none", folder=tmp_path, code=2)

    assert "No training recipe 'none'" in told
    assert "dagn-small" in told
