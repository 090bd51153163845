"""Whatever is changed in a run directory is found when it is read, and `verify` names all of it."""

import json
import lzma
import shutil

import pytest
from manifests import manifest_json
from runs import RunBuilder, fidelity_record

from harness.errors import HarnessError, UserError
from harness.records import verify as checks
from harness.records.run_directory import COPY, RunDirectory

IDS = ("a", "b", "c")


@pytest.fixture
def run(tmp_path):
    """Two cells of three images; ``jpeg`` is compact, ``dagn`` lacks one and is plain."""
    builder = RunBuilder(tmp_path / "run", task="fidelity", ids=IDS)
    builder.cell("jpeg", 10, [fidelity_record(i, 30 + k / 7) for k, i in enumerate(IDS)])
    builder.cell("dagn", 10, [fidelity_record(i, 31 + k / 7) for k, i in enumerate("ab")])
    directory = builder.write()
    directory.compact()
    return RunDirectory(directory.path)


def cell(run, restorer):
    return next(c for c in run.manifest().cells if c.restorer == restorer)


def plain(run):
    return run.record_file(cell(run, "dagn")).plain


def compact(run):
    return run.record_file(cell(run, "jpeg")).compact


def flip(path, old=b"31.0", new=b"39.0"):
    """Change one digit, in a compact file under its compression."""
    data = path.read_bytes()
    text = lzma.decompress(data) if path.suffix == ".xz" else data
    assert old in text
    text = text.replace(old, new, 1)
    path.write_bytes(lzma.compress(text) if path.suffix == ".xz" else text)


def repeat_a_line(run):
    first = plain(run).read_bytes().splitlines(keepends=True)[0]
    with plain(run).open("ab") as file:
        file.write(first)


def add_a_stray(run):
    run.append(cell(run, "dagn"), fidelity_record("stranger", 50.0))
    run.close()


def swap_the_cells(run):
    """The file of another cell in the place of this one, under its name."""
    other = RunDirectory(run.path).record_file(cell(run, "dagn"))
    shutil.copyfile(compact(run), other.compact)
    other.plain.unlink()


@pytest.mark.parametrize(
    ("restorer", "damage", "what"),
    [
        ("dagn", lambda run: flip(plain(run)), "line 1: its checksum is another one"),
        ("jpeg", lambda run: flip(compact(run), b"30.1", b"30.9"), "its checksum is another one"),
        ("dagn", repeat_a_line, "line 3: a second record of the image a"),
        ("dagn", add_a_stray, "stranger"),
        ("dagn", swap_the_cells, "its checksum is another one"),
    ],
)
def test_a_change_is_found_when_read_named_by_verify_and_taken_out(run, restorer, damage, what):
    whole = {c.key: run.records(c) for c in run.manifest().cells}
    damage(run)
    with pytest.raises(HarnessError, match="verify"):
        RunDirectory(run.path).records(cell(run, restorer))

    found = checks.verify(RunDirectory(run.path))
    assert [what in finding.what for finding in found.findings] == [True]
    assert checks.repair(RunDirectory(run.path), found)[1] == []

    again = RunDirectory(run.path)
    assert checks.verify(again).findings == ()
    for held in again.manifest().cells:
        assert again.records(held).items() <= whole[held.key].items()


def test_a_whole_run_has_nothing_to_say(run):
    found = checks.verify(run)
    assert (found.records, found.unstamped, found.findings) == (5, 0, ())


def test_records_of_earlier_versions_are_read_and_counted(run):
    lines = [json.loads(line) for line in plain(run).read_text().splitlines()]
    for line in lines:
        del line["check"]
    plain(run).write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert set(run.records(cell(run, "dagn"))) == {"a", "b"}
    assert checks.verify(run).unstamped == 2


def test_ground_truth_that_is_not_the_runs_is_found(tmp_path):
    builder = RunBuilder(tmp_path / "run", task="segmentation", ids=("a",))
    sha256 = builder.directory.write_truth("segmentation", {"classes": ["sky", "road"]})
    builder.manifest["truth"] = {"segmentation": sha256}
    builder.cell("jpeg", 10, [])
    run = builder.write()
    assert run.truth("segmentation") == {"classes": ["sky", "road"]}

    run.write_truth("segmentation", {"classes": ["road", "sky"]})
    with pytest.raises(HarnessError, match="not what the manifest has the hash of"):
        run.truth("segmentation")
    found = checks.verify(run)
    assert len(found.findings) == 1
    checks.repair(run, found)
    assert run.truth("segmentation") is None


def test_files_of_no_cell_and_leftovers_are_named(run):
    folder = plain(run).parent
    for name in ("x.0123456789ab.jsonl", plain(run).name + ".tmp"):
        (folder / name).write_text("")
    found = checks.verify(run)
    assert sorted(finding.what for finding in found.findings) == [
        "belongs to no cell of the manifest",
        "left by a kill",
    ]
    checks.repair(run, found)
    assert checks.verify(run).findings == ()


def test_leftovers_of_kills_are_swept(run):
    kept = sorted(path for path in run.path.rglob("*") if path.is_file())
    for folder in (run.path, plain(run).parent):
        (folder / "left.tmp").write_text("half")
    assert run.sweep() == 2
    assert sorted(path for path in run.path.rglob("*") if path.is_file()) == kept


@pytest.mark.parametrize("content", [None, "", "[1]", '{"format": 3, "cells": 7}', "[" * 9999])
def test_a_lost_manifest_comes_back_from_its_copy(run, content):
    before = run.manifest()
    if content is None:
        run.manifest_path.unlink()
    else:
        run.manifest_path.write_text(content)
        with pytest.raises(HarnessError, match="verify .* --repair"):
            run.manifest()

    found = checks.verify(run)
    assert COPY in found.findings[0].what
    checks.repair(run, found)
    assert RunDirectory(run.path).manifest() == before
    assert checks.verify(RunDirectory(run.path)).findings == ()


def test_what_is_wrong_beside_a_lost_manifest_is_mended_at_once(run):
    """As after two files were exchanged."""
    path = compact(run)
    one, other = run.manifest_path.read_bytes(), path.read_bytes()
    run.manifest_path.write_bytes(other)
    path.write_bytes(one)
    told = []
    mended, left = checks.repair(run, checks.verify(run), told.append)
    assert ([finding.path for finding in told], mended, left) == ([path], 2, [])
    assert checks.verify(RunDirectory(run.path)).findings == ()


def test_without_a_copy_the_next_run_may_write_it_again(run):
    run.manifest_path.write_text("{")
    run.copy_path.unlink()
    found = checks.verify(run)
    assert "the same 'harness run'" in found.findings[0].what
    mended, [left] = checks.repair(run, found)
    assert (mended, left.repair) == (1, None) and "the same 'harness run'" in left.what
    assert not run.manifest_path.exists()
    assert run.foreign() == []
    with pytest.raises(UserError, match="not a run directory"):
        checks.verify(RunDirectory(run.path / "records"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "../../outside"),
        ("key", "/etc/passwd"),
        ("key", "fidelity/../../x"),
        ("key", "a\\b"),
        ("fingerprint", "../../../x"),
        ("task", "../truth"),
    ],
)
def test_a_manifest_that_leads_out_of_its_directory_is_refused(run, field, value):
    written = manifest_json(run)
    written["cells"][0][field] = value
    run.manifest_path.write_text(json.dumps(written))
    with pytest.raises(HarnessError, match=rf"cells\.0\.{field}"):
        RunDirectory(run.path).manifest()


@pytest.mark.parametrize("name", ["records", "truth"])
def test_a_link_out_of_the_directory_is_refused(run, tmp_path, name):
    folder = run.path / name
    outside = tmp_path / "outside"
    if folder.exists():
        folder.rename(outside)
    outside.mkdir(exist_ok=True)
    folder.symlink_to(outside)
    ask = run.truth if name == "truth" else lambda _: run.records(cell(run, "dagn"))
    with pytest.raises(HarnessError, match="link out of"):
        ask("fidelity")
