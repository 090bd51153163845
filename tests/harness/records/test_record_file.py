"""Finished cells are compact, unfinished ones plain; a kill between the steps loses nothing."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from manifests import manifest_json
from runs import RunBuilder, fidelity_record

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import parse_operands
from harness.analysis.metrics import cell_state_hash, measure
from harness.assets.switches import REFERENCE_METRICS
from harness.engine import local
from harness.errors import HarnessError
from harness.plugins import Record
from harness.records import record_file, schema
from harness.records.run_directory import RunDirectory

IDS = ("c", "a", "b")


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture
def run(tmp_path):
    """Two finished cells and one that lacks an image."""
    builder = RunBuilder(tmp_path / "run", task="fidelity", ids=IDS)
    for name, images in (("jpeg", "abc"), ("arcnn", "cab"), ("dagn", "ab")):
        builder.cell(name, 10, [fidelity_record(i, 30 + k / 7) for k, i in enumerate(images)])
    return builder.write()


def files(directory):
    """Where every cell's records are, by restorer."""
    by_cell = {c.restorer: directory.record_file(c) for c in directory.manifest().cells}
    return {
        name: [path.suffix for path in (file.plain, file.compact) if path.exists()]
        for name, file in by_cell.items()
    }


def cell(directory, restorer):
    return next(c for c in directory.manifest().cells if c.restorer == restorer)


def everything(directory):
    return {c.key: directory.records(c) for c in directory.manifest().cells}


def test_finished_cells_alone_become_compact_and_read_the_same(run):
    before, numbers = everything(run), measure(run)

    assert run.compact() == 2
    assert files(run) == {"jpeg": [".xz"], "arcnn": [".xz"], "dagn": [".jsonl"]}
    assert everything(run) == before
    assert [r.metrics for r in measure(run)] == [r.metrics for r in numbers]
    assert list(run.records(cell(run, "jpeg"))) == list(IDS)  # the image list's order
    assert run.compact() == 0


def test_the_same_records_in_another_order_make_the_same_file(run):
    run.compact()
    file = run.record_file(cell(run, "jpeg"))
    written = file.compact.read_bytes()
    file.replace([file.read()[image] for image in "bca"])
    assert file.compact_if(lambda _: True, IDS)

    assert file.compact.read_bytes() == written


def test_what_the_reference_implementation_scores_is_cached_apart(run, monkeypatch):
    [first, *_] = run.manifest().cells
    monkeypatch.delenv(REFERENCE_METRICS, raising=False)
    usual = cell_state_hash(run, first, "1")
    monkeypatch.setenv(REFERENCE_METRICS, "0")
    assert cell_state_hash(run, first, "1") == usual
    monkeypatch.setenv(REFERENCE_METRICS, "1")

    assert cell_state_hash(run, first, "1") != usual


def test_compaction_throws_no_cache_away(run):
    measure(run)
    caches = {path: path.read_bytes() for path in (run.path / "metrics").rglob("*.json")}
    states = [cell_state_hash(run, c, "1") for c in run.manifest().cells]

    run.compact()

    assert [cell_state_hash(run, c, "1") for c in run.manifest().cells] == states
    measure(run)
    assert {path: path.read_bytes() for path in caches} == caches
    run.append(cell(run, "jpeg"), fidelity_record("d", 99.0))
    run.close()
    assert cell_state_hash(run, cell(run, "jpeg"), "1") != states[0]


def test_times_are_kept_to_the_microsecond():
    record = Record("a", seconds={"restore": 0.12345678901, "read": 1e-9})

    assert record.to_json()["seconds"] == {"restore": 0.123457, "read": 0.0}


def test_what_is_added_to_a_compact_file_makes_it_plain(run):
    run.compact()
    before = run.records(cell(run, "jpeg"))
    run.append(cell(run, "jpeg"), fidelity_record("d", 40.0))
    run.close()

    assert files(run)["jpeg"] == [".jsonl"]
    expected = before | {"d": fidelity_record("d", 40.0)}
    assert run.record_file(cell(run, "jpeg")).read() == expected


def test_failed_images_are_dropped_from_a_compact_file(run):
    changed = run.record_file(cell(run, "arcnn"))
    changed.replace([Record("c", error="out of memory"), *list(changed.read().values())[1:]])
    run.compact()

    for name in ("arcnn", "jpeg"):
        run.drop_failed(cell(run, name))

    assert files(run) == {"jpeg": [".xz"], "arcnn": [".jsonl"], "dagn": [".jsonl"]}
    assert set(run.records(cell(run, "arcnn"))) == {"a", "b"}


@pytest.mark.parametrize("step", range(8))
def test_a_kill_between_any_steps_leaves_every_record(run, monkeypatch, step):
    """Of compaction first, then of the way back: each write, rename and removal in turn."""
    expected = everything(run)
    steps = iter(range(100))

    def dying(operation):
        def maybe(*arguments, **options):
            if next(steps) == step:
                raise Killed
            return operation(*arguments, **options)

        return maybe

    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", dying(os.fsync))
    with suppress(Killed):
        run.compact()
        run.record_file(cell(run, "jpeg")).open_up()
    monkeypatch.undo()

    again = RunDirectory(run.path)
    assert everything(again) == expected
    for held in again.manifest().cells:
        assert again.resume(held) == expected[held.key]
    assert all(len(suffixes) == 1 for suffixes in files(again).values())
    again.append(cell(again, "dagn"), fidelity_record("c", 30.0))
    again.compact()
    assert set(map(tuple, files(again).values())) == {(".xz",)}


def test_a_reader_that_meets_the_change_finds_the_records(run, monkeypatch):
    """The plain file goes between the look at the compact one and the read of the plain one."""
    file = run.record_file(cell(run, "jpeg"))
    expected = file.read()
    read = record_file.RecordFile._read_plain

    def compacted_meanwhile(self):
        monkeypatch.setattr(record_file.RecordFile, "_read_plain", read)
        RunDirectory(run.path).compact()
        return read(self)

    monkeypatch.setattr(record_file.RecordFile, "_read_plain", compacted_meanwhile)

    assert file.read() == expected


def test_a_damaged_compact_file_is_named_with_the_way_out(run):
    run.compact()
    path = run.record_file(cell(run, "jpeg")).compact
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(HarnessError, match=r"jpeg-q10\..*\.xz is damaged .*verify --repair. takes"):
        run.records(cell(run, "jpeg"))


def as_format_1(directory):
    """Write the manifest as the harness of the first format did."""
    written = manifest_json(directory)
    assert written["format"] == schema.FORMAT
    directory.manifest_path.write_text(json.dumps({**written, "format": 1}))


def test_a_directory_of_the_first_format_opens_resumes_and_is_compacted(world, tmp_path):
    plan = world.plan()
    directory = RunDirectory(tmp_path / "run")
    local.run(plan, directory)
    first = plan.cells[0]
    expected = {c.key: directory.records(c) for c in plan.cells}
    for planned in plan.cells:
        directory.record_file(planned).open_up()
    whole = directory.record_file(first)
    kept = [r for r in whole.read().values() if r.image != plan.images[0].id]
    whole.replace(kept)
    as_format_1(directory)
    assert directory.manifest().format == 1

    outcome = local.run(plan, directory)

    assert outcome.computed == 1
    assert directory.manifest().format == schema.FORMAT  # an older harness refuses it by this
    assert {suffix for one in files(directory).values() for suffix in one} == {".xz"}
    untimed = [
        {key: {i: replace(r, seconds={}) for i, r in held.items()} for key, held in found.items()}
        for found in (expected, {c.key: directory.records(c) for c in plan.cells})
    ]
    assert untimed[0] == untimed[1]


def test_a_directory_of_the_first_format_is_measured_and_compared(run):
    numbers, rows = measure(run), compare(*parse_operands("jpeg", "arcnn", run), draws=50).rows
    as_format_1(run)

    assert measure(run) == numbers
    again = compare(*parse_operands("jpeg", "arcnn", run), draws=50).rows
    assert [(r.a, r.b, r.interval) for r in again] == [(r.a, r.b, r.interval) for r in rows]


def test_a_run_compacts_its_cells_and_those_that_were_complete_already(world, tmp_path):
    plan = world.plan()
    directory = RunDirectory(tmp_path / "run")
    local.run(plan, directory)
    for planned in plan.cells:
        directory.record_file(planned).open_up()
    assert {suffix for one in files(directory).values() for suffix in one} == {".jsonl"}

    assert local.run(plan, directory).computed == 0
    assert {suffix for one in files(directory).values() for suffix in one} == {".xz"}


def test_the_format_is_raised_before_the_first_file_is_compact(run, monkeypatch):
    as_format_1(run)

    def killed(*_):
        raise Killed

    monkeypatch.setattr(record_file, "compress", killed)
    with pytest.raises(Killed):
        run.compact()

    assert run.manifest().format == schema.FORMAT
    assert files(run)["jpeg"] == [".jsonl"]
