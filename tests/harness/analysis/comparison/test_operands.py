"""What may be compared: how sides are understood and paired, and what is refused."""

import shutil

import pytest
from manifests import manifest_json, write_manifest
from runs import JPEG_LIBRARY as CODEC
from runs import edit_lines, fidelity_run, of_luma, psnrs

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import parse_operands
from harness.analysis.comparison.pairing import pair
from harness.errors import UserError

VALUES = psnrs([30, 31, 32])


def run_of(path, *restorers, qfs=(10,), **options):
    values = {name: dict.fromkeys(qfs, VALUES) for name in restorers}
    return fidelity_run(path, values, **options)


def names(a, b):
    return [found.restorers for found in pair(a, b).pairs]


def test_a_side_is_a_restorer_a_run_or_a_restorer_of_a_run(tmp_path):
    run = run_of(tmp_path / "one", "jpeg", "fbcnn:told")
    other = run_of(tmp_path / "a:b", "arcnn", "fbcnn:told", "arcnn:/weights/x.pth")

    def meant(a, b):
        return [(side.directory.path, side.restorer) for side in parse_operands(a, b, run)]

    assert meant("jpeg", "fbcnn:told") == [(run.path, "jpeg"), (run.path, "fbcnn:told")]
    assert meant(f"{other.path}:fbcnn:told", str(run.path))[0] == (other.path, "fbcnn:told")
    assert meant("jpeg", f"{other.path}:arcnn:/weights/x.pth")[1] == (
        other.path, "arcnn:/weights/x.pth",
    )  # fmt: skip
    assert meant(str(run.path), f"{other.path}/") == [(run.path, None), (other.path, None)]


def test_a_restorer_goes_before_a_folder_of_its_name_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = run_of(tmp_path / "run", "jpeg", "arcnn")
    run_of(tmp_path / "jpeg", "jpeg")
    a, b = parse_operands("jpeg", "arcnn", run)

    assert a.restorer == "jpeg"
    assert any("./jpeg is the run directory" in note for note in compare(a, b).notes)
    assert parse_operands("./jpeg", "arcnn", run)[0].restorer is None
    shutil.rmtree(tmp_path / "jpeg")
    (tmp_path / "jpeg").mkdir()
    assert parse_operands("jpeg", "arcnn", run)[0].note == ""  # a folder that is no run is no rival


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        ("jpeg", "jpeg", "jpeg does not differ from itself. Name two restorers."),
        ("jpeg", "{run}:jpeg", "jpeg does not differ from itself"),
        ("{run}", "{run}/.", "does not differ from itself. Name two run directories."),
        ("{run}", "jpeg", "are one run. Name two restorers"),
        ("jpeg", "swinir", "has no restorer 'swinir'. It has: jpeg, arcnn. A side is"),
        ("jpeg", "{run}:nix", "has no restorer 'nix'. It has: jpeg, arcnn."),
        ("jpeg", "{run}/..", "is not a run directory: it has no manifest.json. It holds 1"),
        ("jpeg", "{run}/manifest.json", "is a file, not a run directory"),
        ("jpeg", "", "An empty name is nothing to compare"),
        ("jpeg", "x" * 5000, "has no restorer 'xxx"),
    ],
)
def test_what_is_no_side_is_refused_in_a_sentence(tmp_path, a, b, sentence):
    run = run_of(tmp_path / "run", "jpeg", "arcnn")

    with pytest.raises(UserError) as refused:
        parse_operands(a.format(run=run.path), b.format(run=run.path), run)
    assert sentence in str(refused.value)


def test_without_a_run_bare_restorers_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no run under results/runs to have a restorer"):
        parse_operands("jpeg", "arcnn", None)


def test_whole_runs_pair_the_restorers_both_have(tmp_path):
    one = run_of(tmp_path / "one", "jpeg", "arcnn", "dagn", qfs=(10, 20))
    other = run_of(tmp_path / "other", "jpeg", "arcnn", "ipt", qfs=(10, 30))
    a, b = parse_operands(str(one.path), str(other.path), None)
    found = compare(a, b)

    assert names(a, b) == [("jpeg", "jpeg"), ("arcnn", "arcnn")]
    assert {row.qf for row in found.rows} == {10}
    assert any("only in A: fidelity/jpeg-q20, fidelity/arcnn-q20" in n for n in found.notes)
    assert any("only in B: fidelity/jpeg-q30" in note for note in found.notes)


def test_the_one_restorer_of_each_run_is_a_pair_whatever_its_name(tmp_path):
    one, other = run_of(tmp_path / "a", "jpeg", "old"), run_of(tmp_path / "b", "jpeg", "new")
    a, b = parse_operands(str(one.path), str(other.path), None)

    assert names(a, b) == [("jpeg", "jpeg"), ("old", "new")]
    assert "paired: old of A with new of B, the one restorer of each" in compare(a, b).notes
    # One run's restorer is named: the other's is the only one there is.
    assert names(*parse_operands(str(one.path), f"{other.path}:new", None)) == [("old", "new")]
    # A reference that is named is not paired with a network.
    assert names(*parse_operands(str(one.path), f"{other.path}:jpeg", None)) == [("jpeg", "jpeg")]


def test_leftovers_of_larger_runs_are_not_paired(tmp_path):
    one, other = run_of(tmp_path / "a", "fbcnn", "x"), run_of(tmp_path / "b", "fbcnn", "y")

    assert names(*parse_operands(str(one.path), str(other.path), None)) == [("fbcnn", "fbcnn")]


def test_nothing_in_common_is_refused(tmp_path):
    one = run_of(tmp_path / "a", "arcnn", "dagn")
    for names_, qfs, sentence in (
        (("ipt", "qgac"), (10,), "have no restorer in common: arcnn, dagn against ipt, qgac"),
        (("arcnn",), (20,), "have no task, codec and QF in common"),
        ((), (), "have no restorer in common"),
    ):
        path = tmp_path / f"b{len(list(tmp_path.iterdir()))}"
        other = run_of(path, *names_, qfs=qfs, ids=sorted(VALUES))
        with pytest.raises(UserError, match=sentence):
            compare(*parse_operands(str(one.path), str(other.path), None))


def test_cells_without_a_common_image_yet_are_refused(tmp_path):
    bad = dict.fromkeys(VALUES)
    run = fidelity_run(tmp_path / "a", {"jpeg": {10: VALUES}, "arcnn": {10: bad}})

    with pytest.raises(UserError, match="have no QF with common images yet"):
        compare(*parse_operands("jpeg", "arcnn", run))


def two(tmp_path, **options):
    run_of(tmp_path / "one", "jpeg", "arcnn")
    run_of(tmp_path / "two", "jpeg", "arcnn", **options)
    return parse_operands(str(tmp_path / "one"), str(tmp_path / "two"), None)


def test_other_image_lists_are_refused_unless_told(tmp_path):
    run_of(tmp_path / "one", "jpeg", "arcnn")
    fidelity_run(tmp_path / "two", {"jpeg": {10: psnrs([30, 31])}, "arcnn": {10: psnrs([30, 39])}})
    sides = parse_operands(str(tmp_path / "one"), str(tmp_path / "two"), None)

    with pytest.raises(
        UserError, match=r"3 images of written \(.*\) against 2 images of written .*--co"
    ):
        compare(*sides)
    found = compare(*sides, common_images=True)
    assert {row.images for row in found.rows} == {2}
    assert any(note.startswith("images: only those both have, of 3") for note in found.notes)
    assert not any(note.startswith("left out") for note in found.notes)  # said already


def test_another_picture_of_the_same_name_is_found_out(tmp_path):
    run_of(tmp_path / "one", "jpeg")
    fidelity_run(
        tmp_path / "two", {"jpeg": {10: psnrs([30, 31])}}, sizes={"i001": 48}, data={"version": "2"}
    )
    sides = parse_operands(str(tmp_path / "one"), str(tmp_path / "two"), None)

    with pytest.raises(UserError, match=r"i001 is not the same picture .*height 32 against 48"):
        compare(*sides, common_images=True)


def test_other_data_of_the_same_ids_is_refused_always(tmp_path):
    sides = two(tmp_path, data={"version": "2"})
    for common in (False, True):
        with pytest.raises(UserError, match=r"the same image ids but other data \(version"):
            compare(*sides, common_images=common)


def test_a_codec_with_other_settings_is_refused_and_another_library_is_said(tmp_path):
    with pytest.raises(UserError, match=r"other settings in A than in B \(subsampling 4:2:0 ag"):
        compare(*two(tmp_path / "x", codec={"jpeg": {**CODEC, "subsampling": "4:4:4"}}))
    notes = compare(*two(tmp_path / "y", codec={"jpeg": {**CODEC, "pillow": "14"}})).notes

    assert "codec jpeg: pillow 13 against 14" in notes


def test_what_else_differs_is_said(tmp_path):
    inputs = {"torch": "3", "restorer": {"name": "x", "weights": "f" * 64}}
    found = compare(*two(tmp_path, inputs=inputs, seed=5))

    assert "inputs of fidelity: seed 0 against 5, torch none against 3" in found.notes
    assert "arcnn: other name, weights" in found.notes


def test_software_of_the_environment_is_said(tmp_path):
    a, b = two(tmp_path)
    for side, version in ((a, "1"), (b, "2")):
        environment = {"packages": {"torch": version, "numpy": "9", "jpeglib": "absent"}}
        write_manifest(
            side.directory, {**manifest_json(side.directory), "environments": [environment]}
        )
    a, b = parse_operands(str(a.directory.path), str(b.directory.path), None)
    notes = compare(a, b).notes

    assert "software: torch 1 against 2" in notes
    assert not any("other numbers" in note for note in notes)


def test_other_numbers_from_the_same_inputs_are_said(tmp_path):
    """A change of code that nobody gave a version shows in no fingerprint."""
    for name, shift in (("one", 0), ("two", 1)):
        moved = psnrs([30 + shift, 31 + 2 * shift, 32])
        fidelity_run(tmp_path / name, {"jpeg": {10: VALUES}, "arcnn": {10: moved}})
    a, b = parse_operands(str(tmp_path / "one"), str(tmp_path / "two"), None)

    assert [note for note in compare(a, b).notes if "settings and versions, but other" in note] == [
        "the same weights, settings and versions, but other numbers: arcnn; code has changed "
        "without its version, or the machine computes otherwise"
    ]


def test_runs_without_a_metric_in_common_are_refused(tmp_path):
    """A run of luma alone has other metrics than one of colour."""
    a, b = two(tmp_path)
    edit_lines(b.directory.path, of_luma)

    with pytest.raises(UserError, match="Nothing compared has a metric in common. Metrics: PSNR"):
        compare(a, b)
