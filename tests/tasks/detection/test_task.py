"""A detector's classes and a data set's are matched by name."""

from __future__ import annotations

import pytest
from coco_tools import Named, detections

from harness.errors import HarnessError, UserError
from harness.plugins import DataSet
from tasks.classes import COCO, VOC
from tasks.detection.task import Detection


class Boxes(DataSet):
    """A data set with its own category ids."""

    name = "boxes"
    images = fingerprint = None

    def __init__(self, classes, ids=None):
        self.classes, self._ids = tuple(classes), ids

    @property
    def categories(self):
        return self._ids or super().categories


def labels(task, given):
    found = detections([[0, 0, 1, 1]] * len(given), [0.5] * len(given), given)
    return task.outcome(found, Boxes([]), "a")["labels"]


def test_labels_become_category_ids_and_strangers_are_dropped():
    task = Detection()
    task.fit(Named(["dog", "cat", "cup", "mug"]), Boxes(["Cup", "dog"], (7, 0)))
    assert labels(task, [1, 2, 3, 4, 3]) == [0, 7, 7]
    found = detections([[0, 0, 1, 1], [2, 2, 4, 5]], [0.5, 0.25], [2, 3])
    assert task.outcome(found, Boxes([]), "a") == {
        "boxes": [[2.0, 2.0, 4.0, 5.0]],
        "scores": [0.25],
        "labels": [7],
    }


def test_a_coco_detector_on_voc_by_its_other_names():
    task = Detection()
    task.fit(Named(COCO), Boxes(VOC))
    there = {"aeroplane": "airplane", "tvmonitor": "tv", "sofa": "couch", "person": "person"}
    for voc, coco in there.items():
        assert labels(task, [COCO.index(coco) + 1]) == [VOC.index(voc) + 1]
    assert labels(task, [COCO.index("zebra") + 1]) == []


def test_equal_classes_change_nothing():
    task = Detection()
    task.fit(Named(VOC), Boxes(VOC))
    assert labels(task, list(range(1, 21))) == list(range(1, 21))


def test_classes_the_detector_lacks_are_named():
    with pytest.raises(UserError) as error:
        Detection().fit(Named(COCO), Boxes(["person", "unicorn", "centaur"]))
    assert "named does not know 2 of the 3 classes of boxes (unicorn, centaur)" in str(error.value)
    with pytest.raises(UserError, match=r"20 of the 20 classes of boxes \(.*bottle, …\)"):
        Detection().fit(Named([]), Boxes(VOC))


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (0, "'a' with the label 0; it names 3 classes"),
        (-1, "'a' with 1 rows of the label -1, which look like padding"),
        (4, "'a' with the label 4; it names 3 classes"),
    ],
)
def test_a_label_that_is_no_class_is_refused(label, sentence):
    task = Detection()
    task.fit(Named(["a", "b", "c"]), Boxes(["b"]))
    with pytest.raises(HarnessError, match=sentence):
        labels(task, [1, label])
