"""Reports and tables that say too much, too little, or what cannot be done."""

import shutil

import pytest
import torch
from evaluations import evaluate
from pictures import textured
from runs import fidelity_run, psnrs, table_run
from torch import nn

from harness.images.io import write_png
from harness.records.run_directory import RunDirectory
from harness.records.study_names import located_study, restorer_spec
from harness.report.tables.paper import build_paper_table
from harness.report.tables.paper_layouts import LAYOUTS
from harness.report.tables.text import render_text
from tasks.auto import choose

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script`"),
    pytest.mark.usefixtures("trusted_code"),
]


class Brighter(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + 1 / 255


@pytest.fixture
def project(tmp_path):
    """A folder with photographs and a network."""
    folder = tmp_path / "project"
    for index in range(2):
        write_png(textured(index, 40, 48), folder / "photos" / f"{index}.png")
    torch.jit.script(Brighter()).save(str(folder / "net.ts"))
    return folder


def test_a_report_of_a_run_without_original_shows_its_pictures(harness, tmp_path):
    code, _, err = harness(
        *("run", "--task", "classification", "--dataset", "scenes-things", "--qf", 10),
        *("--limit", 2, "--restorers", "jpeg,arcnn", "--output", "out"),
    )
    assert code == 0, err

    code, _, err = harness("report", "out", "--panels", 1, "--draws", 0)
    page = (tmp_path / "out" / "report.html").read_text()

    assert code == 0, err
    assert list((tmp_path / "out" / "panels").rglob("*.png"))
    assert "of an earlier state of the run left out" not in page
    assert page.count("data:image/") >= 3  # the uncompressed image, jpeg and arcnn


def test_relative_paths_are_found_from_another_folder(harness, project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    code, _, err = harness(
        *("run", "--task", "fidelity", "--dataset", "photos", "--qf", 10),
        *("--restorers", "jpeg,net.ts", "--output", "runs/out"),
    )
    assert code == 0, err
    # Moved as a whole, and reported on from elsewhere.
    moved = tmp_path / "archive" / "project"
    shutil.copytree(project, moved)
    shutil.rmtree(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    code, _, err = harness("report", moved / "runs" / "out", "--panels", 1, "--draws", 0)

    assert code == 0, err
    assert "No pictures were made" not in err
    assert list((moved / "runs" / "out" / "panels").rglob("*.png"))


def test_a_manifest_without_the_folder_is_looked_up_above_its_run(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    run = evaluate("photos", "jpeg", "net.ts", output="out")
    directory = RunDirectory(run.path.resolve())
    manifest = directory.manifest()
    assert manifest.folder == ".."
    monkeypatch.chdir(tmp_path)

    for known in (manifest, manifest.model_copy(update={"folder": ""})):
        study = located_study(known, directory.path)
        assert study["dataset"] == str(project / "photos")
        assert study["restorers"] == ["jpeg", str(project / "net.ts")]
        assert restorer_spec("net", study) == str(project / "net.ts")


def test_names_are_no_paths_whatever_lies_there(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    (project / "jpeg").mkdir()
    run = fidelity_run(project / "out", {"jpeg": {10: psnrs([30, 31])}})
    manifest = run.manifest().model_copy(
        update={
            "study": {"dataset": "scenes", "restorers": ["jpeg", "arcnn:small"]},
            "folder": "..",
        }
    )
    (project / "scenes").mkdir()
    monkeypatch.chdir(tmp_path)

    study = located_study(manifest, run.path)

    assert (study["dataset"], study["restorers"]) == ("scenes", ["jpeg", "arcnn:small"])


def test_to_fill_a_gap_no_python_object_is_named(tmp_path):
    values = {("original", None): 90, ("jpeg", 10): 50, ("jpeg", 20): 60, ("mine_50%", 10): 55}
    run = table_run(
        tmp_path / "run", "segmentation", "pspnet", values, "voc2012",
        study={"restorers": ["jpeg", "mine_50%"], "task": ["segmentation"]}.items(),
    )  # fmt: skip

    text = render_text(build_paper_table(LAYOUTS["IV"], [run], draws=0))

    [gap] = [line for line in text.splitlines() if "To fill it" in line and "voc2012" in line]
    assert "No command names mine_50% (a Python object, or a plugin that is not installed" in gap
    assert "mine_50%" not in gap.split("To fill it:")[1]


def test_to_fill_a_gap_a_weights_file_is_named_by_its_path(tmp_path):
    study = {"restorers": ["jpeg", "weights/mine.pth"]}

    assert restorer_spec("mine", study) == "weights/mine.pth"
    assert restorer_spec("arcnn:own", {"restorers": ["arcnn:w/own.pth"]}) == "arcnn:w/own.pth"
    assert restorer_spec("nobody", study) is None


@pytest.mark.parametrize(
    "tasks", [("fidelity",), ("segmentation",), ("classification",), ("detection", "fidelity")]
)
def test_auto_speaks_of_the_tasks_that_were_asked_for(tasks):
    said = " ".join(sentence for why in choose(tasks)[1].values() for sentence in why)

    assert f"{tasks[0]} runs on the embedded data set" in said
    assert ("detection" in said) == ("detection" in tasks)


def test_compare_says_that_its_family_of_tests_is_another_than_the_tables(harness, tmp_path):
    fidelity_run(
        tmp_path / "out",
        {"jpeg": {10: psnrs(range(20, 30))}, "arcnn": {10: psnrs(range(21, 31))}},
    )

    _, out, _ = harness("compare", "jpeg", "arcnn", "--run", "out", "--draws", 100)

    assert "the marks of a table are corrected over all of its differences" in out
