import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.study.study import Cell, Study, read_study, stable_hash, study_yaml

QFS = st.lists(st.integers(1, 100), min_size=1, max_size=6)


def cell(**changes):
    values = {
        "task": "detection",
        "dataset": "scenes",
        "model": "m",
        "codec": "jpeg",
        "qf": 10,
        "restorer": "jpeg",
        "inputs": {"weights": "abc", "nested": {"a": 1, "b": 2}},
    }
    return Cell(**{**values, **changes})


def test_lists_come_comma_separated_repeated_or_both():
    study = read_study(None, {"qf": ["10,20", "30"], "task": ["detection", "segmentation"]})

    assert study.qf == (10, 20, 30)
    assert study.task == ("detection", "segmentation")


def test_a_flag_overrides_the_file_and_an_absent_flag_does_not(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("qf: [10, 20]\nlimit: 5\nrestorers: jpeg, arcnn\n")

    study = read_study(path, {"qf": ["40"], "limit": None, "restorers": []})

    assert (study.qf, study.limit, study.restorers) == ((40,), 5, ("jpeg", "arcnn"))


@given(qf=QFS, limit=st.none() | st.integers(1, 1000), seed=st.integers(0, 2**32 - 1))
def test_a_study_survives_the_way_through_yaml(qf, limit, seed):
    study = Study(qf=tuple(qf), limit=limit, seed=seed)

    assert Study.model_validate(yaml.safe_load(study_yaml(study))) == study


def test_a_qf_written_in_two_ways_is_one():
    assert Study.model_validate({"qf": [10, "10", "010,20"]}).qf == (10, 20)


@given(qf=QFS)
def test_qfs_are_sorted_and_unique(qf):
    assert list(Study(qf=tuple(qf)).qf) == sorted(set(qf))


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"qf": ["0"]}, "QF 0 is outside 1..100"),
        ({"qf": ["10,101"]}, "QF 101 is outside 1..100"),
        ({"qf": ["ten"]}, "Bad value for qf: 'ten' is not a whole number"),
        ({"limit": 0}, "Bad value for limit"),
        ({"seed": -1}, "Bad value for seed"),
        ({"qf": [","]}, "needs at least one value"),
        ({"dataset": ""}, "Bad value for dataset"),
        ({"tile": 8}, r"Bad value for tile: a tile has \d+ pixels or more a side; 0 is no tiles"),
        ({"tile": -1}, "Bad value for tile"),
    ],
)
def test_a_bad_value_is_named(flags, sentence):
    with pytest.raises(UserError, match=sentence):
        read_study(None, flags)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("qff: [10]", "has no field 'qff'.*Fields: name, task"),
        ("[1, 2]", "must be a mapping"),
        ("qf: [", "is not valid YAML"),
        ("qf: [300]", "QF 300 is outside 1..100"),
        ("qf: 10.5", "Bad value for qf.*10.5 is not a whole number"),
        ("qf: true", "Bad value for qf.*plain list"),
        ("qf: [[10]]", "Bad value for qf.*plain list"),
        ("restorers: [{a: 1}]", "Bad value for restorers.*plain list"),
        ("task: 3", "Bad value for task"),
        ("task:", "Bad value for task.*needs at least one value"),
        ("limit: true", "Bad value for limit"),
        ("tile: true", "Bad value for tile"),
        ("luma: 1", "Bad value for luma"),
        ("nearest_qf: maybe", "Bad value for nearest_qf"),
        ("name: ../elsewhere", "Bad value for name.*has no '/'"),
        ("name: 2020-13-45", "is not valid YAML"),
        ("1: 2", "Bad value for 1.*Keys should be strings"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, sentence):
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    with pytest.raises(UserError, match=sentence) as got:
        read_study(path, {})
    assert "bad.yaml" in str(got.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none.yaml: No such file"):
        read_study(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    "change",
    [
        {"qf": 20},
        {"qf": None},
        {"model": "other"},
        {"restorer": "arcnn"},
        {"task": "segmentation"},
        {"inputs": {"weights": "abd", "nested": {"a": 1, "b": 2}}},
        {"inputs": {"weights": "abc", "nested": {"a": 1, "b": 3}}},
    ],
)
def test_whatever_can_change_the_number_changes_the_fingerprint(change):
    assert cell(**change).fingerprint != cell().fingerprint


def test_no_tiles_is_not_the_same_as_no_flag(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("tile: 128\nluma: true\n")

    assert read_study(path, {"tile": 0, "luma": None}).tile == 0
    assert read_study(path, {"tile": None, "luma": None}).tile == 128
    assert read_study(path, {"luma": None}).luma


@given(restorer=st.text(min_size=1, max_size=20), qf=st.none() | st.integers(1, 100))
def test_a_key_names_one_file_whatever_the_restorer_is_called(restorer, qf):
    key = cell(restorer=restorer, qf=qf).key

    assert key.count("/") == 1
    assert "\0" not in key
    if not set(restorer) & set("%/@\0"):
        assert key == f"detection/{restorer}-" + ("original" if qf is None else f"q{qf}")


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=5))
def test_the_order_of_keys_does_not_matter(values):
    assert stable_hash(values) == stable_hash(dict(reversed(values.items())))


def test_a_long_bad_value_is_shown_in_short(tmp_path):
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"images": [{"id": k} for k in range(1000)]}))
    with pytest.raises(UserError, match="Bad value for images") as error:
        read_study(path, {})
    assert len(str(error.value)) < 300 and str(error.value).endswith("…).")


@pytest.mark.parametrize(
    ("given_qf", "expected"),
    [
        ("10-40:10", (10, 20, 30, 40)),
        ("5, 10-30:10", (5, 10, 20, 30)),
        (["97-100", "50"], (50, 97, 98, 99, 100)),
        ("7-7", (7,)),
    ],
)
def test_a_range_of_qfs_holds_both_of_its_ends(given_qf, expected):
    assert Study.model_validate({"qf": given_qf}).qf == expected


@pytest.mark.parametrize("given_qf", ["40-10", "0-10", "10-45:10", "10-20:0", "10-101", "-5"])
def test_a_range_that_does_not_end_where_it_says_is_refused(given_qf):
    with pytest.raises(UserError, match="Bad value for qf"):
        read_study(None, {"qf": [given_qf]})
