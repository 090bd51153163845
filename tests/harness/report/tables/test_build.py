import io
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import append, manifest_json, write_manifest
from runs import RunBuilder, fidelity_record, pixel_record

from harness.analysis.metrics import latest_run, measure
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import build_table
from harness.report.tables.frames import COLUMNS, long_form
from harness.report.tables.model import Row, Table
from harness.report.tables.text import render_markdown, render_text
from harness.study.study import Cell

TRUE, FALSE = 0, 1


@pytest.fixture
def directory(tmp_path):
    """A segmentation run of three images at two QFs, with known mIoU."""
    run = RunBuilder(tmp_path / "run", model="pspnet", total=128)
    pixels = {"jpeg": (30, 50), "arcnn": (45, 60), "fbcnn": (40, 60), "dagn": (50, 40)}
    run.cell("original", None, [pixel_record(image, 80) for image in "abc"])
    for restorer, right in pixels.items():
        for qf, value in zip((10, 20), right, strict=True):
            run.cell(restorer, qf, [pixel_record(image, value) for image in "abc"])
    return run.write(["background", "thing"])


def expected(right):
    """MIoU in percent of `counts`: the background's IoU is 0 when a pixel is lost to it."""
    return 100 * (right / 100 + 0) / 2


def test_the_numbers_come_from_the_records(directory):
    table = build_table(directory)

    assert [row.labels for row in table.rows] == [
        ("segmentation", "mIoU", "10"),
        ("segmentation", "mIoU", "20"),
    ]
    first = table.rows[0].values
    assert first["arcnn"] == pytest.approx(expected(45))
    assert first["dagn"] == pytest.approx(expected(50))


def test_columns_stand_in_the_papers_groups_and_order(directory):
    assert build_table(directory).groups == (
        ("reference", ("original", "jpeg")),
        ("multi-model", ("arcnn",)),
        ("single-model", ("fbcnn", "dagn")),
    )


def test_the_original_stands_in_every_row_and_never_wins(directory):
    table = build_table(directory)

    assert [row.text("original") for row in table.rows] == ["40.0", "40.0"]
    assert all(row.rank("original") == 0 for row in table.rows)


def test_best_and_second_are_marked(directory):
    first, second = build_table(directory).rows

    assert [first.rank(name) for name in ("dagn", "arcnn", "fbcnn", "jpeg")] == [1, 2, 0, 0]
    assert [second.rank(name) for name in ("arcnn", "fbcnn", "jpeg", "dagn")] == [1, 1, 2, 0]


def test_plain_text_marks_with_signs_and_a_terminal_with_styles(directory):
    table = build_table(directory)
    plain, styled = render_text(table, colour=False), render_text(table, colour=True)

    assert "25.0*" in plain
    assert "22.5+" in plain
    assert "\x1b" not in plain
    assert "\x1b[1m25.0\x1b[0m" in styled
    assert "\x1b[4m22.5\x1b[0m" in styled


def test_the_columns_of_the_text_are_aligned(directory):
    lines = render_text(build_table(directory), colour=False).splitlines()
    head = next(line for line in lines if line.startswith("task"))
    first = lines[lines.index(head) + 2]

    for name, text in (("jpeg", "15.0"), ("dagn", "25.0")):
        assert head.index(name) + len(name) == first.index(text) + len(text)


def test_markdown_is_a_table_with_best_in_bold(directory):
    lines = render_markdown(build_table(directory, draws=0)).splitlines()
    head = next(line for line in lines if line.startswith("| task"))

    assert head == "| task | metric | QF | original | jpeg | arcnn | fbcnn | dagn |"
    assert "| segmentation | mIoU | 10 | 40.0 | 15.0 | <u>22.5</u> | 20.0 | **25.0** |" in lines
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_a_subset_is_said_in_the_heading(directory):
    assert "subset, n = 3 of 128 images" in render_text(build_table(directory), colour=False)


def test_the_csv_is_the_long_form_at_full_precision(directory):
    frame = pd.read_csv(io.StringIO(long_form(directory).to_csv(index=False)))

    assert list(frame.columns) == COLUMNS
    assert len(frame) == 2 * 5
    row = frame[(frame.restorer == "fbcnn") & (frame.qf == 20)].iloc[0]
    assert (row.task, row.metric, row.images) == ("segmentation", "mIoU", 3)
    assert row.value == pytest.approx(expected(60), abs=1e-12)
    assert frame.ci_low.tolist() == pytest.approx(frame.value.tolist())  # three equal images
    assert frame.ci_high.tolist() == pytest.approx(frame.value.tolist())


def test_detail_adds_every_metric(directory):
    metrics = set(long_form(directory, detail=True).metric)

    assert {"mIoU", "aAcc", "mAcc", "IoU/background", "IoU/thing"} <= metrics


def run_notes(table):
    """The notes but for the one that these masks, all of one class, have."""
    return tuple(note for note in table.notes if "one class" not in note)


def test_failed_and_missing_images_are_counted_in_the_notes(directory):
    manifest = manifest_json(directory)
    manifest["data_set"]["images"] = 5
    write_manifest(directory, manifest)
    cell = Cell("segmentation", "scenes", "pspnet", "jpeg", 10, "jpeg", {})
    append(directory, cell, {"image": "d", "error": "d cannot be read"})
    directory.close()

    table = build_table(directory)

    assert "incomplete: segmentation/jpeg-q10 has 3 of 5 images" in table.notes
    assert any(n.startswith("1 of 5 images failed") and "d (in 1" in n for n in table.notes)


def test_a_cell_without_weights_is_a_dash_and_says_why(directory):
    manifest = manifest_json(directory)
    manifest["cells"] = [c for c in manifest["cells"] if c["key"] != "segmentation/arcnn-q20"]
    manifest["absent"] = {"segmentation/arcnn-q20": "arcnn has no checkpoint for QF 20."}
    write_manifest(directory, manifest)

    table = build_table(directory)

    assert table.rows[1].text("arcnn") == "–"
    assert "empty: arcnn has no checkpoint for QF 20." in table.notes
    assert run_notes(build_table(directory, {"segmentation/arcnn-q10"})) == ()


def test_an_undefined_number_is_a_dash_and_says_so(directory, monkeypatch):
    task = registry.tasks().get("segmentation")
    monkeypatch.setattr(task, "metrics", lambda *_: {"mIoU": math.nan, "aAcc": math.nan})
    table = build_table(directory, {"segmentation/jpeg-q20"})

    assert [row.text("jpeg") for row in table.rows] == ["–"]
    assert run_notes(table) == (
        "undefined: mIoU has no value over the images of segmentation/jpeg-q20",
    )


def test_the_metric_cache_follows_the_records(directory):
    cell = Cell("segmentation", "scenes", "pspnet", "jpeg", 10, "jpeg", {})
    before = measure(directory, [cell.key])[0].metrics["mIoU"]
    assert (directory.path / "metrics").is_dir()
    directory.append(cell, pixel_record("d", 100))
    directory.close()

    after = measure(directory, [cell.key])[0].metrics["mIoU"]

    assert before == pytest.approx(0.15)
    assert after == pytest.approx((190 / 400) / 2)


def test_a_record_appended_while_a_table_is_made_does_not_spoil_the_cache(directory, monkeypatch):
    cell = Cell("segmentation", "scenes", "pspnet", "jpeg", 10, "jpeg", {})
    read = RunDirectory.records

    def reading_while_a_run_goes_on(self, *condition):
        found = read(self, *condition)
        self.append(cell, pixel_record("d", 100))
        return found

    monkeypatch.setattr(RunDirectory, "records", reading_while_a_run_goes_on)
    assert measure(directory, [cell.key])[0].metrics["mIoU"] == pytest.approx(0.15)
    monkeypatch.undo()

    (after,) = measure(directory, [cell.key])
    assert (after.images, after.metrics["mIoU"]) == (4, pytest.approx((190 / 400) / 2))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": 1, "metrics": {}}', '"state"'])
def test_a_damaged_cache_is_computed_again(directory, text):
    whole = build_table(directory)
    for path in (directory.path / "metrics").rglob("*.json"):
        path.write_text(text)

    # As text: for Python 3.13 and later, not even one and the same NaN in two tables is equal.
    assert repr(build_table(directory)) == repr(whole)


def test_a_cell_without_any_record_yet_is_said(directory):
    manifest = manifest_json(directory)
    cell = Cell("segmentation", "scenes", "pspnet", "jpeg", 30, "jpeg", {})
    manifest["cells"].append({"key": cell.key, **cell.as_json()})
    write_manifest(directory, manifest)

    assert "incomplete: segmentation/jpeg-q30 has 0 of 3 images" in build_table(directory).notes


def test_cells_measured_with_another_version_than_the_rest_are_said(directory):
    assert not run_notes(build_table(directory))
    manifest = manifest_json(directory)
    manifest["cells"][1]["inputs"] = {"torch": "2.15", "qf": 10}
    write_manifest(directory, manifest)

    assert run_notes(build_table(directory)) == (
        "mixed: the cells of segmentation were not measured with the same torch; "
        "run the whole study again to compare them",
    )


def test_records_of_an_earlier_formula_of_psnr_b_say_so(directory, tmp_path):
    builder = RunBuilder(tmp_path / "fidelity", task="fidelity", ids=("a",))
    builder.cell("jpeg", 10, [fidelity_record("a", 30.0)])
    fidelity_run = builder.write()
    for run in (fidelity_run, directory):
        manifest = manifest_json(run)
        for cell in manifest["cells"]:
            cell["inputs"] = {**cell["inputs"], "fidelity": "1"}
        write_manifest(run, manifest)

    assert build_table(fidelity_run).notes == (
        "earlier: PSNR-B by version 1 of the formula (this harness has version 2) in 1 of 1 cells; "
        "run the study again to compare them with new ones",
    )
    # It shows no PSNR-B.
    assert not any(note.startswith("earlier") for note in build_table(directory).notes)


def test_a_read_only_run_directory_can_still_be_read(directory, monkeypatch):
    from pathlib import Path

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)

    assert len(build_table(directory).rows) == 2


def test_the_latest_run_is_the_one_whose_manifest_changed_last(directory):
    import os

    other = RunDirectory(directory.path.parent / "other")
    write_manifest(other, manifest_json(directory))
    os.utime(directory.manifest_path, (1, 1))

    assert latest_run(directory.path.parent) == other.path
    assert latest_run(directory.path / "records") is None

    inner = RunDirectory(other.path.parent / "named" / "scenes")  # of a study of two data sets
    write_manifest(inner, manifest_json(directory))
    os.utime(other.manifest_path, (2, 2))
    assert latest_run(directory.path.parent) == inner.path


@given(st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 100), min_size=2))
def test_ranks_follow_what_is_printed(values):
    row = Row(("t", "m", "10"), values, 1, tuple(values))
    printed = sorted({float(row.text(name)) for name in values}, reverse=True)

    for name in values:
        value = float(row.text(name))
        wanted = 0
        if len(printed) > 1 and value in printed[:2]:
            wanted = printed.index(value) + 1
        assert row.rank(name) == wanted


def test_what_has_no_number_is_a_dash_or_infinity():
    row = Row(("t", "m", "–"), {"a": math.nan, "b": math.inf, "c": 1.0}, 2, ("a", "b", "c"))

    assert [row.text(name) for name in "abcd"] == ["–", "∞", "1.00", "–"]


def test_an_empty_table_prints():
    assert "task" in render_text(Table(("title",), (), (), ()), colour=False)
