"""Marks of annotations in other words than 0 and 1: understood, told or refused, never "true"."""

import pytest
from field import Oracle, run, said, score, voc_of
from made_data import coco, instances, note

from harness.errors import UserError
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.voc.datasets import VocFolder


@pytest.mark.parametrize(
    ("text", "difficult"),
    [("False", 0), ("0.0", 0), ("no", 0), ("", 0), ("TRUE", 1), ("1.0", 1), ("yes", 1)],
)
def test_vocs_difficult_is_understood_in_words(tmp_path, text, difficult):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, text))
    finished = run(root, Oracle(["dog"]), output=tmp_path / "out")  # it finds nothing
    assert VocFolder(root).coco(["a"])["annotations"][0]["iscrowd"] == difficult
    if not difficult:
        assert score(finished) == 0  # and not "there was nothing to be found"


@pytest.mark.parametrize("text", ["Unspecified", "2", "-1"])
def test_a_difficult_that_says_neither_is_refused(tmp_path, text):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, text))
    with pytest.raises(UserError, match=rf"a\.xml: the mark <difficult> of a dog is '{text}'; wri"):
        run(root, Oracle(["dog"]), output=tmp_path / "out")


@pytest.mark.parametrize("mark", [1, True, "1", "yes"])
def test_an_ignore_that_the_metric_does_not_read_is_told(tmp_path, mark):
    made = instances()
    made["annotations"] = [note(1, 3, 18, [2, 3, 10, 12], ignore=mark)]
    finished = run(coco(tmp_path, made), Oracle(["dog", "person"]), output=tmp_path / "out")
    assert "1 of 1 annotations have an ignore that is not 0, annotation 1 first" in said(finished)


@pytest.mark.parametrize("mark", [0, False, "0", "no", None, 0.0, "False"])
def test_an_ignore_that_is_not_set_is_passed_over(tmp_path, mark):
    made = instances()
    made["annotations"][0]["ignore"] = mark
    assert CocoFile(coco(tmp_path, made)).notice == ""
