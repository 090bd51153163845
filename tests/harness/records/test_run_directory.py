import errno
import fcntl
import json
import multiprocessing
import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killed_writer import append_until_killed
from manifests import append, manifest_json, write_manifest

from harness.errors import HarnessError, UserError
from harness.plugins import Record
from harness.records import run_directory as store
from harness.records.atomic import finite
from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

CELL = Cell("detection", "scenes", "m", "jpeg", 10, "arcnn", {"weights": "abc"})
OTHER = Cell("detection", "scenes", "m", "jpeg", 10, "arcnn", {"weights": "other"})
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.dictionaries(
    st.text(min_size=1, max_size=12),
    st.fixed_dictionaries(
        {
            "bpp": FLOATS,
            "height": st.integers(1, 9999),
            "predicted_qf": FLOATS,
            "fidelity": st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False)),
            "outcome": st.fixed_dictionaries({"boxes": st.lists(FLOATS, max_size=4)}),
            "seconds": st.dictionaries(st.text(max_size=4), FLOATS.map(lambda t: round(t, 6))),
        }
    ),
    max_size=6,
)


def fill(directory, cell, ids):
    for image in ids:
        append(directory, cell, {"image": image, "bpp": 1.5})
    directory.close()


def records_file(directory, cell=CELL):
    return directory.record_file(cell).plain


@settings(max_examples=40, deadline=None)
@given(records=RECORDS)
def test_what_is_appended_is_read_back_exactly(records, tmp_path_factory):
    directory = RunDirectory(tmp_path_factory.mktemp("run"))
    for image, record in records.items():
        append(directory, CELL, {"image": image, **record})
    directory.close()

    found = directory.records(CELL)
    assert found == {image: Record(image, **record) for image, record in records.items()}


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 200))
def test_a_file_cut_anywhere_loses_only_the_torn_line_and_can_be_resumed(cut, tmp_path_factory):
    directory = RunDirectory(tmp_path_factory.mktemp("run"))
    ids = [f"image {i}" for i in range(5)]
    fill(directory, CELL, ids)
    path = records_file(directory)
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")

    assert list(directory.resume(CELL)) == ids[:whole]
    fill(directory, CELL, ids[whole:])
    assert list(directory.records(CELL)) == ids


def test_another_fingerprint_never_reuses_a_record(tmp_path):
    directory = RunDirectory(tmp_path)
    fill(directory, CELL, ["a"])

    assert directory.resume(OTHER) == {}


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    directory = RunDirectory(tmp_path)
    fill(directory, CELL, ["a", "b", "c"])
    path = records_file(directory)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:9] + b"\n" + lines[2])

    with pytest.raises(HarnessError, match="line 2 is damaged"):
        directory.resume(CELL)


def test_a_killed_writer_leaves_whole_records(tmp_path):
    process = multiprocessing.get_context("spawn").Process(
        target=append_until_killed, args=(tmp_path, CELL)
    )
    process.start()
    directory = RunDirectory(tmp_path)
    path = records_file(directory)
    while not path.exists() or path.stat().st_size < 50_000:
        assert process.is_alive()
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    found = directory.resume(CELL)
    assert len(found) >= 10
    assert list(found) == [str(number) for number in range(len(found))]


def test_two_writers_are_kept_apart(tmp_path):
    with (
        RunDirectory(tmp_path).locked(),
        pytest.raises(UserError, match="Another harness is writing"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    with RunDirectory(tmp_path).locked():
        pass


def test_a_file_system_without_locks_is_not_taken_for_another_writer(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    with pytest.raises(UserError, match="Cannot lock .*No locks"), RunDirectory(tmp_path).locked():
        pass


def test_a_grid_of_more_cells_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_HANDLES", 3)
    directory = RunDirectory(tmp_path)
    cells = [Cell("detection", "scenes", "m", "jpeg", qf, "arcnn", {}) for qf in range(1, 9)]
    for image in ("a", "b"):
        for cell in cells:
            append(directory, cell, {"image": image})
            assert len(directory._open) <= 3
    directory.close()

    assert all(list(directory.resume(cell)) == ["a", "b"] for cell in cells)


def test_an_image_id_that_is_no_valid_unicode_is_kept(tmp_path):
    directory = RunDirectory(tmp_path)
    image = os.fsdecode(b"\xff\xc3\xbc.png")
    write_manifest(directory, {"ids": [image]})
    fill(directory, CELL, [image, "ü.png"])

    assert list(directory.resume(CELL)) == [image, "ü.png"]
    assert manifest_json(directory)["ids"] == [image]


def test_failed_images_can_be_forgotten(tmp_path):
    directory = RunDirectory(tmp_path)
    fill(directory, CELL, ["good"])
    append(directory, CELL, {"image": "bad", "error": "unreadable"})
    directory.close()

    directory.drop_failed(CELL)

    assert list(directory.records(CELL)) == ["good"]


def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(tmp_path, monkeypatch):
    directory = RunDirectory(tmp_path)
    fill(directory, CELL, ["a"])
    write = os.write

    def short(handle, data):
        return write(handle, data[: len(data) // 2])

    monkeypatch.setattr(store.os, "write", short)
    with pytest.raises(HarnessError, match=r"disk is full.*run the same command"):
        append(directory, CELL, {"image": "b"})
    monkeypatch.undo()
    directory.close()

    assert list(directory.resume(CELL)) == ["a"]


def test_a_directory_that_cannot_be_written_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(UserError, match="Choose another --output"),
        RunDirectory(tmp_path / "file" / "run").locked(),
    ):
        pass


def test_truth_and_manifest_come_back(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.write_truth("detection", {"images": [1, 2]})
    write_manifest(directory, {"cells": [], "worst": float("inf")})

    assert directory.truth("detection") == {"images": [1, 2]}
    assert directory.truth("segmentation") is None
    assert manifest_json(directory)["worst"] == "inf"


def test_a_damaged_truth_is_named(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.write_truth("detection", {"images": [1, 2]})
    path = tmp_path / "truth" / "detection.json.gz"
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(HarnessError, match="detection.json.gz is damaged"):
        directory.truth("detection")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is not a run directory"),
        ("{", "cannot be read"),
        ("[1]", "cannot be read: it is no JSON object"),
        ('{"format": 99}', "format 99"),
    ],
)
def test_a_missing_broken_or_newer_manifest_is_named(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(HarnessError, match=sentence):
        RunDirectory(tmp_path).manifest()


def test_a_folder_of_several_runs_names_them(tmp_path):
    for name in ("scenes", "photos"):
        write_manifest(RunDirectory(tmp_path / name), {})

    with pytest.raises(UserError, match=r"holds 2, name one: .*/photos, .*/scenes\.$"):
        RunDirectory(tmp_path).manifest()


def test_non_finite_numbers_become_strings_json_can_hold():
    value = {"psnr": float("inf"), "list": [float("nan"), 1.0, -float("inf")], "text": "a"}

    kept = json.loads(json.dumps(finite(value), allow_nan=False))

    assert kept == {"psnr": "inf", "list": ["nan", 1.0, "-inf"], "text": "a"}
    assert float(kept["psnr"]) == float("inf")
