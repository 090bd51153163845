"""What the files beside the code say of it is so: its rooms, its version, its package; its size."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from paths import ROOT

import harness

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest requires it there

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("harness", "restorers", "tasks")
TREE, WEIGHTS = 45, 36
"""MB at most of all files and of weights: light to carry to a machine with a GPU.

30 is what weights are to take; the restorers that are trained next have to bring it about."""


@pytest.mark.parametrize("package", PACKAGES)
def test_contributing_has_the_rooms_in_the_order_that_import_linter_holds(package):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split(f"| `{package}/` | |\n|---|---|\n")[1].split("\n\n")[0]
    described = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()]
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    [layers] = [part["layers"] for part in contracts if part.get("containers") == [package]]
    held = [layer.split(" | ") for layer in reversed(layers) if layer != "_version"]

    assert [sorted(names) for names in described] == [sorted(names) for names in held]


def test_the_changelog_and_the_citation_have_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## \[(.+?)\](?: - (.+))?$", changelog, re.M)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    assert releases[:2] == [("Unreleased", ""), (harness.__version__, citation["date-released"])]
    assert citation["version"] == harness.__version__


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_no_code_is_packaged_too(package):
    """`py.typed`, weights, cards, templates: a wheel has what a checkout has."""
    folder = ROOT / package
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    packaged = {path for pattern in patterns for path in folder.glob(pattern)}
    files = {path for path in folder.rglob("*") if path.is_file()}
    data = {path for path in files if path.suffix not in (".py", ".pyc")}

    assert folder / "py.typed" in packaged
    assert data - packaged == set()


@pytest.fixture
def tracked(tmp_path):
    """The files that git keeps; in a copy without its repository, those that it would."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git, which tells the tree's files from what runs leave in it")
    if (ROOT / ".git").exists():
        listing = [git, "ls-files", "-z", "--cached"]
    else:
        subprocess.run([git, "init", "-q", tmp_path], check=True)
        where = ["--git-dir", tmp_path / ".git", "--work-tree", ROOT]
        listing = [git, *where, "ls-files", "-z", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_tree_is_small(tracked):
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size / 1e6 for path in tracked}
    weights = [size for name, size in sizes.items() if name.endswith(".safetensors")]
    heavy, tree = sum(weights), sum(sizes.values())
    largest = sorted(sizes, key=sizes.__getitem__)[-5:]

    assert "pyproject.toml" in sizes and len(weights) > 20
    assert (heavy <= WEIGHTS, tree <= TREE) == (True, True), (
        f"{tree:.1f} MB, {heavy:.1f} of it weights; the largest: {', '.join(largest)}"
    )
