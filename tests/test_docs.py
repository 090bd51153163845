"""What the documents say is true: their commands run, their tables are what the records give."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from paths import CONFIGS, DOCS, ROOT

from harness.assets.cards import read_card
from harness.images.io import write_png
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import build_table
from harness.report.tables.text import render_text

pytestmark = pytest.mark.integration

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((DOCS).rglob("*.md"))]
HARNESS = Path(sys.executable).with_name("harness")
EMBEDDED = ROOT / "results" / "embedded"


NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, image):
        return image * self.gain
"""
"""The README's own network."""


def commands(kind="bash"):
    """The lines of the documents' bash blocks, or of another kind of block."""
    for document in DOCUMENTS:
        for block in re.findall(rf"```{kind}\n(.*?)```", document.read_text(), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip():
                    yield pytest.param(line, id=f"{document.name}: {line.split('#')[0].strip()}")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder that looks like the clone, with images where the documents say the user's are."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("configs", "docs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "results").mkdir()
    (folder / "results" / "embedded").symlink_to(EMBEDDED)
    rng = np.random.default_rng(0)
    write_png(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8), folder / "path/to/images/a.png")
    (folder / "net.py").write_text(NET)
    torch.save({"gain": torch.ones(1)}, folder / "best.pth")
    subprocess.run(
        [HARNESS, "run", "--task", "fidelity", "--qf", "10", "--limit", "1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", commands())
def test_the_documents_commands_run(workplace, line):
    words = shlex.split(line, comments=True)
    if words[:2] == ["harness", "train"]:
        # Training takes minutes to hours: here only that the recipe is there and is one.
        from harness.study.recipe import read_recipe

        read_recipe(CONFIGS / "train" / f"{words[2]}.yaml")
        return
    assert words[0] == "harness", f"a command that is not run by the tests: {line}"
    if words[1] == "run":
        words += ["--output", str(workplace / str(abs(hash(line))))]
        if "--limit" not in words:
            words += ["--limit", "1"]

    done = subprocess.run(
        [HARNESS, *words[1:]], cwd=workplace, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("line", commands("sh"))
def test_commands_that_need_a_download_are_understood(line):
    """They cannot run here, but their options and names are those of the command."""
    words = shlex.split(line, comments=True)
    if words[0] != "harness":
        assert words[0] in ("pip", "export"), f"a command that is not looked at: {line}"
        return
    if words[1] == "fetch":
        from harness.tools.fetch import remote_cards

        names = [word for word in words[2:] if not word.startswith("-") and not word.isdigit()]
        assert names
        for name in names:
            assert name in registry.datasets() or remote_cards(name)
        return
    assert words[1] == "run", line
    done = subprocess.run(
        [HARNESS, *words[1:], "--show-study"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    study = yaml.safe_load(done.stdout)
    tasks = registry.tasks()
    for task in study["task"]:
        tasks.entry(task)
    for model in study["model"]:
        named = any(model.split(":")[0] in registry.models(task) for task in tasks)
        assert named or "/" in model or model.endswith(".yaml"), model


def test_every_link_leads_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def pages(navigation):
    """The files that a part of mkdocs.yml's navigation names, in order."""
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for part in parts for page in pages(part)]


def test_the_navigation_names_every_page_once():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    written = [path.relative_to(DOCS).as_posix() for path in (DOCS).rglob("*.md")]

    assert [next(iter(part)) for part in site["nav"] if isinstance(part, dict)] == [
        "Tutorial", "Guides", "Reference", "Explanation"
    ]  # fmt: skip
    assert sorted(pages(site["nav"])) == sorted(written)


@pytest.mark.parametrize(
    ("page", "package"), [("python", "harness"), ("interfaces", "harness.plugins")]
)
def test_the_reference_has_every_public_name(page, package):
    text = (DOCS / "reference" / f"{page}.md").read_text()
    described = re.findall(rf"^::: {re.escape(package)}\.(\w+)$", text, re.M)
    public = {name for name in importlib.import_module(package).__all__ if name[0] != "_"}
    if package == "harness":
        public.add("open")  # public, but `from harness import *` would hide Python's

    assert sorted(described) == sorted(public), f"docs/reference/{page}.md"


def after(mark, document="README.md"):
    text = (ROOT / document).read_text()
    return text.split(f"<!-- output: {mark} -->\n", 1)[1]


def test_the_readme_can_be_read_in_a_few_minutes():
    words = [word for word in (ROOT / "README.md").read_text().split() if word != "|"]

    assert len(words) <= 900


def test_the_readmes_photographs_are_those_of_the_page():
    page = (DOCS / "explanation" / "photographs.md").read_text()
    first, second = (
        re.findall(r"^\|.*\|$", text.split("<!-- results: coco128 -->")[1], re.M)[:6]
        for text in ((ROOT / "README.md").read_text(), page)
    )

    assert first == second and len(first) == 6


@pytest.mark.slow
def test_the_embedded_studys_table_is_what_the_committed_records_give():
    done = subprocess.run(
        [HARNESS, "table", EMBEDDED, "--format", "md"], capture_output=True, text=True, check=True
    )

    assert after("table", "docs/reference/scenes.md").lstrip().startswith(done.stdout)


KNOWN = {None: 23.39, 10: 11.87, 20: 18.07, 30: 20.58, 40: 22.00}
"""D2Go's mAP on coco128 by a plain loop on two threads: uncompressed, and JPEG by QF."""


@pytest.mark.parametrize("name", ["coco128", "tinycoco"])
def test_the_photographs_table_is_that_of_its_csv(name):
    document = (DOCS / "explanation" / "photographs.md").read_text()
    text = document.split(f"<!-- results: {name} -->")[1]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    columns, rows = lines[0][3:], {int(line[2]): line[3:] for line in lines[1:5]}
    frame = pd.read_csv(ROOT / "results" / "photographs" / f"{name}.csv")
    numbers = frame.set_index(["restorer", "qf"])
    values, p_jpeg, p_best = (numbers[name] for name in ("value", "p_jpeg", "p_best"))
    half = (numbers["ci_high"] - numbers["ci_low"]) / 2

    assert list(rows) == [10, 20, 30, 40]
    assert {"original", "jpeg", "arcnn", "dagn"} < set(columns)
    for qf, cells in rows.items():
        shown = [float(re.sub(r"[*†‡]|</?u>", "", cell.split()[0])) for cell in cells]
        assert shown == [round(values[column, qf], 1) for column in columns]
        halves = [float(cell.split("±")[1]) for cell in cells]
        assert halves == [round(half[column, qf], 1) for column in columns]
        for mark, known in (("†", p_jpeg), ("‡", p_best)):
            assert [mark in cell for cell in cells] == [known[name, qf] >= 0.05 for name in columns]


def test_on_photographs_every_restorer_helps_at_qf_10_and_no_more_is_certain():
    """As docs/explanation/photographs.md says."""
    frame = pd.read_csv(ROOT / "results" / "photographs" / "coco128.csv")
    lowest = frame[(frame.qf == 10) & frame.p_jpeg.notna()]

    assert len(lowest) == 7 and (lowest.p_jpeg < 0.05).all() and (lowest.minus_jpeg > 0).all()
    assert lowest.minus_jpeg.agg(["min", "max"]).round(1).tolist() == [3.6, 6.6]
    assert (frame[frame.qf > 10].p_jpeg.dropna() >= 0.05).all()
    assert (frame[frame.restorer != "jpeg"].p_best.dropna() >= 0.05).all()
    few = pd.read_csv(ROOT / "results" / "photographs" / "tinycoco.csv")
    assert (few.p_jpeg.dropna() >= 0.05).all()


def test_the_photographs_jpeg_column_is_near_what_is_known_of_it():
    """One thread here, two there: the last bits decide an int8 network's boxes."""
    frame = pd.read_csv(ROOT / "results" / "photographs" / "coco128.csv")
    values = frame.set_index(["restorer", "qf"])["value"]

    assert values["original", 10] == pytest.approx(KNOWN[None], abs=0.3)
    for qf in (10, 20, 30, 40):
        assert values["jpeg", qf] == pytest.approx(KNOWN[qf], abs=0.9)


def test_the_readmes_output_of_the_main_command_is_what_its_committed_records_give():
    table = build_table(RunDirectory(ROOT / "results" / "main_command"))

    assert after("run").split("```\n", 2)[1] == render_text(table, colour=False)


def test_the_table_of_the_shipped_checkpoints_is_what_their_cards_say():
    text = (DOCS / "guides" / "training.md").read_text()
    compared = 0
    for name in ("arcnn", "dmcnn", "ipt", "swinir", "qgac", "fbcnn", "dagn"):
        line = re.search(rf"^\| {name} \|(.*)\|$", text, re.M)
        for qf, printed in zip((10, 20, 30, 40), line[1].split("|"), strict=True):
            cards = (ROOT / "restorers" / "weights" / f"{name}{end}.yaml" for end in
                     ("-small", f"-small-q{qf}", f"-q{qf}"))  # fmt: skip
            measured = next(read_card(card) for card in cards if card.is_file()).measured
            value = measured.get(f"live1_q{qf}_psnr", measured.get("live1_psnr"))
            shown = "–" if value is None else f"{value:.2f}"
            assert printed.strip() == shown, (name, qf)
            compared += value is not None
    assert compared >= 22


def test_every_shipped_restorer_gains_half_a_decibel_on_live1_at_qf_10():
    """As their cards say; architectures/test_shipped_weights.py measures again on crops."""
    for name in ("arcnn-q10", "dmcnn-small-q10", "ipt-small-q10", "swinir-small-q10",
                 "qgac-small", "fbcnn-small", "dagn-small"):  # fmt: skip
        measured = read_card(ROOT / "restorers" / "weights" / f"{name}.yaml").measured
        before = measured.get("live1_q10_psnr_jpeg", measured.get("live1_psnr_jpeg"))
        after = measured.get("live1_q10_psnr", measured.get("live1_psnr"))
        assert after - before >= 0.5, name


def test_the_readmes_python_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
    names = {}

    with pytest.warns(UserWarning, match="median"):  # without a version it is never reused
        exec(code.replace("limit=16", "limit=2"), names)  # a document's code

    frame = names["run"].table()
    assert {"jpeg", "median"} <= set(frame.columns)


@pytest.mark.slow
def test_the_plugin_of_the_documents_works(tmp_path):
    text = (DOCS / "guides" / "plugins.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    points = re.search(r"```toml\n(.*?)```", text, re.S).group(1)
    points = points.replace("project.entry-points.", "").replace('"', "")
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "my_package.py").write_text(code)
    rng = np.random.default_rng(0)
    write_png(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8), tmp_path / "images" / "a.png")

    def harness(*arguments):
        return subprocess.run(
            [HARNESS, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    (listed,) = re.findall(r"^  median  .*$", harness("list", "restorers"), re.M)
    assert listed.endswith("(my-package 1.0)")
    table = harness(*"run --task fidelity --dataset images --qf 10 --restorers median,jpeg".split())
    assert "median" in table
    assert "single-model" in table
