"""The harness as a library: studies in, tables out, and the caller's process as it was."""

import ast
import asyncio
import importlib
import io
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from paths import ROOT

import harness as library
from harness.images.io import write_png
from harness.study.study import Study

pytestmark = pytest.mark.integration


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three small images in a folder; the process stands in an empty one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for index in range(3):
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        write_png(coarse.repeat(8, 0).repeat(8, 1), tmp_path / "photos" / f"{index}.png")
    return tmp_path / "photos"


def fidelity(photos, **more):
    more = {"task": "fidelity", "qf": 10, "restorers": ["jpeg"], "output": "out", **more}
    return library.evaluate(dataset=photos, **more)


def outcomes(run, restorer):
    columns = ["psnr", "ssim", "psnr_b", "bpp"]
    return run.records("fidelity", restorer).filter(columns)


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, harness\n"
        "dir(harness), harness.__version__, harness.HarnessError\n"
        "heavy = {'torch', 'pandas', 'numpy', 'pydantic', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "harness.evaluate, harness.open, harness.Run, harness.restorer, harness.Study\n"
        "heavy = {'torch', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_type_checkers_see_what_programs_get():
    """The names imported for type checkers are those that are there, from the same modules."""
    tree = ast.parse((ROOT / "harness" / "__init__.pyi").read_text())
    seen = {
        alias.asname: getattr(importlib.import_module(node.module), alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert {*library.__all__, "open"} == {*seen, "__version__"}
    for name, thing in seen.items():
        assert getattr(library, name) is thing
    with pytest.raises(AttributeError, match="evalute"):
        library.evalute  # noqa: B018


def test_a_study_comes_in_any_form_and_is_measured_once(photos, tmp_path):
    written = tmp_path / "study.yaml"
    written.write_text(f"task: fidelity\nqf: [10]\nrestorers: jpeg\ndataset: {photos}\n")
    values = {"task": "fidelity", "qf": [10], "restorers": "jpeg", "dataset": str(photos)}

    first = library.evaluate(values, output="out")
    assert first.computed == 3
    for study in (Study(**values), written, str(written)):
        assert library.evaluate(study, output="out").computed == 0
    keywords = fidelity(photos, qf=np.array([10, 20]), limit=np.int64(2), output="other")
    assert sorted(keywords.frame(draws=0)["qf"]) == [10] * 3 + [20] * 3
    over = library.evaluate(written, qf=range(30, 50, 10), output="out")
    assert (over.computed, set(over.frame(draws=0)["qf"])) == (6, {30, 40})


def test_its_table_has_the_numbers_of_the_command(photos, harness):
    run = fidelity(photos, qf=[10, 40], restorers=["jpeg", "arcnn"])
    code, out, err = harness("table", run.path, "--format", "csv")
    assert code == 0, err
    written = pd.read_csv(io.StringIO(out), dtype={"qf": "Int64"}, keep_default_na=False)
    table = run.table()

    assert run.frame().to_csv(index=False) == out
    assert isinstance(table, pd.DataFrame)
    assert len(written) == table.size == 12
    for row in written.to_dict("records"):
        there = table.loc[(row["task"], row["metric"], row["qf"]), row["restorer"]]
        assert there == pytest.approx(float(row["value"]), rel=1e-12)
    assert f"{table}\n" == run.text() == harness("table", run.path)[1]


def test_a_table_shows_itself_until_it_is_changed(photos):
    table = fidelity(photos, restorers=["jpeg", "arcnn"], qf=10).table(draws=50)
    shown = table._repr_html_()
    best = table.loc["fidelity", "PSNR", 10].idxmax()

    assert f"<strong>{table.loc[('fidelity', 'PSNR', 10), best]:.2f}</strong>" in shown
    assert "multi-model" in shown
    assert "±" in shown
    assert type(table * 2) is pd.DataFrame
    table["mine"] = 7.0
    assert "mine" in table._repr_html_()
    assert "mine" in repr(table)


def test_names_are_escaped_in_html(photos):
    run = fidelity(photos, restorers=[library.restorer(lambda rgb: rgb, name="a&b", version="1")])

    assert "a&amp;b" in run.table(draws=0)._repr_html_()


def test_a_run_holds_the_study_and_an_opened_one_all_that_is_there(photos):
    fidelity(photos, qf=[10, 20], restorers=["jpeg", "arcnn"])
    run = fidelity(photos, qf=20)

    assert run.computed == 0
    assert list(run.table(draws=0).columns) == ["jpeg"]
    assert set(run.frame(draws=0)["qf"]) == {20}
    assert "fidelity on photos (3 images), QF 20; jpeg>" in repr(run)
    opened = library.open("out")
    assert opened.table(draws=0).shape == (6, 2)
    assert opened.path == run.path
    shutil.rmtree(run.path)
    assert "cannot be read" in repr(run)  # a notebook shows it whatever happened since


def test_records_are_a_row_an_image(photos):
    run = fidelity(photos, qf=[10, 20])
    records = run.records("fidelity", "jpeg", 20)

    assert list(records.index) == ["0.png", "1.png", "2.png"]
    mean = run.table(draws=0).loc[("fidelity", "PSNR", 20), "jpeg"]
    assert records["psnr"].mean() == pytest.approx(mean)
    with pytest.raises(library.UserError, match="More than one cell .* fidelity/jpeg-q10"):
        run.records("fidelity", "jpeg")
    with pytest.raises(library.UserError, match="No cell is of fidelity, dagn"):
        run.records("fidelity", "dagn", 20)


def test_several_data_sets_are_one_run(monkeypatch, tmp_path):
    from tasks import scenes

    monkeypatch.setitem(scenes.COUNTS, "evaluation", 2)
    run = library.evaluate(
        task=["segmentation", "classification"], qf=10, limit=1, restorers="jpeg",
        output=tmp_path / "out",
    )  # fmt: skip

    assert {path.name for path in run.paths} == {"scenes", "scenes-things"}
    assert {"segmentation", "classification"} == set(run.table(draws=0).index.levels[0])
    assert run.text(draws=0).count("Data set ") == 2
    assert set(run.frame(draws=0)["dataset"]) == {"scenes", "scenes-things"}
    assert any("voc2012 is not prepared" in notice for notice in run.notices)
    with pytest.raises(library.UserError, match="several directories"):
        run.path  # noqa: B018
    assert library.open(tmp_path / "out").table(draws=0).equals(run.table(draws=0))


def test_a_folder_of_runs_of_one_task_is_no_run(photos):
    fidelity(photos, output="runs/a")
    fidelity(photos, output="runs/b")

    with pytest.raises(library.UserError, match="holds 2, name one"):
        library.open("runs")
    with pytest.raises(library.UserError, match="not a run directory"):
        library.open("nowhere")


def test_it_can_be_called_from_threads_and_a_running_loop(photos):
    found = {}

    def work(number):
        found[number] = fidelity(photos, output=f"out{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def cell():
        return fidelity(photos, output="out2")

    found[2] = asyncio.run(cell())
    values = [run.frame(draws=0)["value"].tolist() for run in found.values()]
    assert len(found) == 3
    assert values[0] == values[1] == values[2]


def test_the_process_is_left_as_it_was(photos, capfd):
    import torch

    torch.use_deterministic_algorithms(False)  # a command run in this process may have left it on
    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    torch.manual_seed(7)
    np.random.seed(7)
    torch.set_num_threads(2)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(7)
    np.random.seed(7)

    fidelity(photos, restorers=["arcnn"])

    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])
    assert {name: signal.getsignal(name) for name in handlers} == handlers
    assert capfd.readouterr() == ("", "")


def test_progress_goes_to_standard_error(photos, capfd):
    fidelity(photos, progress=True)

    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3 records" in err


def test_failed_images_are_told_and_fail_fast_raises(photos):
    (photos / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of 4 images failed"):
        run = fidelity(photos)

    assert list(run.failed) == ["broken.png"]
    assert "not an image of a known format" in run.failed["broken.png"]
    assert run.records("fidelity", "jpeg")["error"].notna().sum() == 1
    with pytest.raises(library.HarnessError, match="stopped by --fail-fast"):
        fidelity(photos, fail_fast=True, output="again")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"tsk": "fidelity"}, "A study has no field 'tsk'. Did you mean 'task'?"),
        ({"outptu": "out"}, "A study has no field 'outptu'. Did you mean 'output'?"),
        ({"workers": 1.5}, "Bad value for workers: 1.5 is not a whole number"),
        ({"output": 7}, "Bad value for output: 7 is no path"),
        ({"output": __file__}, "is a file; --output takes a directory"),
        ({"qf": 0}, "QF 0 is outside 1..100"),
        ({"restorers": []}, "Bad value for restorers"),
        ({"restorers": "arcn"}, "Did you mean 'arcnn'"),
        ({"dataset": "nowhere"}, "Nor is there a file or folder"),
        ({"workers": 0}, "Bad value for workers"),
        ({"study": 7}, "not int"),
        ({"study": "nowhere.yaml"}, "Cannot read the study nowhere.yaml"),
    ],
)
def test_mistakes_are_one_sentence(photos, values, sentence):
    with pytest.raises(library.UserError, match=sentence):
        library.evaluate(**{"task": "fidelity", "dataset": photos, "output": "out", **values})


def test_texts_stand_for_lists_of_one(photos):
    run = fidelity(photos, restorers="jpeg,arcnn", qf="10", limit=1)

    assert list(run.table(draws=0)) == ["jpeg", "arcnn"]
    assert len(run.compare("jpeg", "arcnn", tasks="fidelity", metrics="PSNR", draws=0)) == 1
    panels = run.panels("0.png", tasks="fidelity", restorers="arcnn")
    assert [view.restorer for view in panels[0].views][-1] == "arcnn"
    assert fidelity(photos, restorers=(name for name in ["jpeg"]), output="other").computed == 3


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (lambda run: library.open(3), "Bad value for path: 3 is no path"),
        (lambda run: library.open(__file__), "is a file, not a run directory"),
        (lambda run: run.table(draws=-1), "Bad value for draws: -1 is less than 0"),
        (lambda run: run.frame(draws=1.5), "Bad value for draws: 1.5 is not a whole number"),
        (lambda run: run.report(3), "Bad value for path: 3 is no path"),
        (lambda run: run.report(panels=-1), "Bad value for panels: -1"),
        (lambda run: run.panels(top=0), "Bad value for top: 0 is less than 1"),
        (lambda run: run.panels(qf="10"), "Bad value for qf: '10' is not a whole number"),
        (lambda run: run.panels(between="jpeg"), "Bad value for between: 'jpeg' is not two"),
        (lambda run: run.panels(folder=3), "Bad value for folder: 3 is no path"),
        (lambda run: run.compare("jpeg", 3), "3 is no restorer's name and no run"),
    ],
)
def test_mistakes_with_a_run_are_one_sentence(photos, wanted, sentence):
    with pytest.raises(library.UserError, match=sentence):
        wanted(fidelity(photos))


def test_another_study_in_the_directory_is_refused(photos):
    fidelity(photos)

    with pytest.raises(library.UserError, match="holds another study"):
        fidelity(photos, limit=2)
