import io
import json
import re

import pandas as pd
import pytest
from openpyxl import load_workbook
from runs import table_run

from harness.plugins import reference_metrics
from harness.report.tables.cost import CostRow, CostTable
from harness.tools import cost as harness_cost

pytestmark = pytest.mark.integration


@pytest.fixture
def runs(tmp_path):
    """Two run directories, ``live1`` and ``bsd500``, in the folder the command runs in."""
    for name in ("live1", "bsd500"):
        values = {("jpeg", 10): 26.0, ("arcnn", 10): 27.0}
        table_run(tmp_path / name, "fidelity", "", values, name)
    return tmp_path


@pytest.mark.parametrize("format", ["text", "md", "csv", "json", "latex", "html"])
@pytest.mark.parametrize("number", [[], ["--number", "i"]])
def test_a_file_holds_what_the_screen_shows(harness, runs, format, number):
    arguments = ["table", "live1", *number, "--format", format, "--draws", 50]
    code, shown, _ = harness(*arguments)
    again, said, _ = harness(*arguments, "--output", "new/table.out")

    assert (code, again, said) == (0, 0, "Table: new/table.out\n")
    assert (runs / "new" / "table.out").read_text(encoding="utf-8") == shown
    assert "27.0" in shown


def words(text):
    """The words of each line but those of intervals, whatever the columns' widths."""
    lines = (line.replace("┄", " ").replace("─", " ") for line in text.splitlines())
    return [line.split() for line in lines if not line.lstrip().startswith("±")]


@pytest.mark.parametrize("number", [[], ["--number", "I"]])
def test_with_and_without_intervals_it_is_the_same_table(harness, runs, number):
    arguments = ["table", "live1", *number, "--draws", 50]
    usual, wide, narrow = (
        harness(*arguments, *option)[1] for option in ([], ["--intervals"], ["--no-intervals"])
    )

    assert usual == wide
    assert "±" in usual and "±" not in narrow
    assert words(usual) == words(narrow)


def test_several_runs_make_one_table(harness, runs):
    code, out, err = harness("table", "live1", "bsd500", "--number", 1, "--format", "csv")
    frame = pd.read_csv(io.StringIO(out))

    assert code == 0
    assert frame.groupby("dataset")["value"].count().to_dict() == {"live1": 6, "bsd500": 6}
    assert set(frame["table"]) == {"I"}
    assert "harness run --task fidelity" in err  # the notes, for which a csv has no place


def test_a_workbook_goes_to_a_file(harness, runs):
    code, _, _ = harness("table", "live1", "--format", "xlsx", "--output", "t.xlsx")
    book = load_workbook(runs / "t.xlsx")

    assert code == 0
    assert book.sheetnames == ["Table", "Numbers", "Notes"]
    assert [cell.value for cell in book["Numbers"][1]][:3] == ["task", "dataset", "model"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["live1", "--format", "pdf"], "Unknown format 'pdf'"),
        (["live1", "--format", "xlsx"], "needs --output"),
        (["live1", "--output", "bsd500"], "--output bsd500 is a folder"),
        (["live1", "--output", "file/in/a/file"], "Cannot write file/in/a/file"),
        (["live1", "--published"], "--published needs --number"),
        (["live1", "--standalone"], "--standalone is for --format latex"),
        (["live1", "--summary", "--no-intervals"], "--summary is a table of its own"),
        (["live1", "--time"], "--time is for --number III"),
        (["live1", "--number", "I", "--detail"], "--detail is for"),
        (["live1", "--number", "VI"], "There is no Table VI"),
        (["live1", "--number", "III"], "leave out the run directory"),
        (["live1", "bsd500"], "name one without it"),
        (["live1", "live1", "--number", "I"], "both hold fidelity/"),
        (["live1", "--number", "IV"], "no record of detection or segmentation"),
        (["nowhere", "--number", "I"], "nowhere is not a run directory"),
        (["file", "--number", "I"], "file is a file"),
        (["--number", "I"], "There is no run under results/runs"),
    ],
)
def test_mistakes_are_one_sentence(harness, runs, arguments, sentence):
    (runs / "file").write_text("")

    code, out, err = harness("table", *arguments, "--draws", 0)

    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_a_summary_says_what_is_missing_and_of_which_intervals_it_is(harness, runs):
    path = next(runs.glob("live1/records/fidelity/arcnn*"))
    path.write_text("".join(path.read_text().splitlines(True)[:3]))
    text = {draws: harness("table", "live1", "--summary", "--draws", draws)[1] for draws in (0, 20)}

    for found in text.values():
        assert found.splitlines()[-1] == "incomplete: fidelity/arcnn-q10 has 3 of 8 images"
    assert ["[ ]: 95 % interval" in text[draws] for draws in (0, 20)] == [False, True]


@pytest.mark.parametrize("number", [[], ["--number", "I"]])
def test_one_image_has_neither_intervals_nor_tests_and_it_is_said(harness, tmp_path, number):
    table_run(tmp_path / "one", "fidelity", "", {("jpeg", 10): 26.0}, images=("a",))
    _, out, _ = harness("table", "one", *number, "--draws", 20)

    assert "no intervals and no tests: one image has none" in out.splitlines()
    assert "±" not in out


def test_a_folder_that_cannot_be_written_to_is_one_sentence(harness, runs, monkeypatch):
    from pathlib import Path

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    code, _, err = harness("table", "live1", "--format", "html", "--output", "t.html")

    assert code == 2
    assert "Cannot write t.html: Permission denied. Choose another --output." in err


def test_the_reference_implementation_can_be_asked_for(harness, runs, monkeypatch):
    monkeypatch.setenv("HARNESS_REFERENCE_METRICS", "")
    harness("table", "live1")
    assert not reference_metrics()

    code, out, _ = harness("table", "live1", "--reference-metrics")

    assert (code, reference_metrics()) == (0, True)
    assert out == harness("table", "live1")[1]


def test_table_iii_counts_only_unless_told(harness, monkeypatch):
    asked = []

    def cost_table(request, say):
        asked.append(request)
        row = CostRow("dagn", "published", 1_000_000, 10**9, 2 * 10**9)
        return CostTable(request.side, "here", (row,), {}, ())

    monkeypatch.setattr(harness_cost, "cost_table", cost_table)
    code, out, _ = harness("table", "--number", 3)
    timed, _, _ = harness("table", "--number", "III", "--time")

    assert (code, timed) == (0, 0)
    assert [(one.timed, one.side, one.preset) for one in asked] == [
        (False, 512, "published"),
        (True, 512, "published"),
    ]
    assert "DAGN" in out and "2.0" in out


@pytest.mark.parametrize("draws", ["-1", "1", "19", "100001", "99999999999999"])
def test_a_number_of_draws_that_means_nothing_is_refused(harness, draws):
    for command in (["table"], ["compare", "a", "b"], ["figures"], ["report"], ["run"]):
        code, out, err = harness(*command, "--draws", draws)
        assert (code, out) == (2, "")
        assert f"{draws}: give 20 to 100000, or 0 for no intervals." in err


def test_json_has_every_number_and_what_is_said_of_them(harness, runs):
    _, out, _ = harness("table", "live1", "--format", "json", "--draws", 50)
    _, table, _ = harness("table", "live1", "--format", "csv", "--draws", 50)
    found = json.loads(out)
    frame = pd.read_csv(io.StringIO(table))

    assert found["title"][0].startswith("Data set live1")
    assert any("bootstrap over images, 50 draws" in line for line in found["legend"])
    assert len(found["numbers"]) == len(frame)
    for number, (_, row) in zip(found["numbers"], frame.iterrows(), strict=True):
        assert (number["restorer"], number["metric"]) == (row["restorer"], row["metric"])
        assert number["value"] == pytest.approx(row["value"], rel=1e-12)


def test_a_table_of_the_paper_without_what_nobody_measured(harness, runs):
    _, whole, _ = harness("table", "live1", "--number", "I", "--draws", 0)
    code, out, _ = harness("table", "live1", "--number", "I", "--draws", 0, "--measured-only")

    assert code == 0
    (before, after) = (re.split(r"\n\n", text)[1] for text in (whole, out))
    assert "SwinIR" in before and "SwinIR" not in after
    assert "ARCNN" in after and "27.00" in after
    assert re.findall(r" (?:20|30|40)  ", before) != [] == re.findall(r" (?:20|30|40)  ", after)
    assert "Not measured" in out or "not measured" in out
    assert harness("table", "live1", "--measured-only")[0] == 2
