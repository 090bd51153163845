"""Boxes told apart: found, missed, false, by hand-worked cases."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plugins import Detections
from tasks.detection.agreement import DetectionAgreement
from tasks.detection.drawing import Objects, annotated_objects, drawn, match, overlaps
from tasks.detection.task import Detection

NAMES = {1: "cat", 2: "dog"}


def detections(*rows):
    """Rows of x1, y1, x2, y2, score, label."""
    table = np.asarray(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def objects(*rows):
    """Rows of x1, y1, x2, y2, label, crowd."""
    table = np.asarray(rows, np.float64).reshape(-1, 6)
    return Objects(table[:, :4], table[:, 4].astype(np.int64), table[:, 5].astype(bool))


def kinds(drawing):
    return sorted((box.kind, box.label) for box in drawing.boxes)


def test_overlap_by_hand():
    # 10×10 boxes 5 apart share 50 of 150; a box inside shares its own area of the outer's.
    found = overlaps(
        np.array([[0.0, 0, 10, 10], [2, 2, 4, 4]]), np.array([[5.0, 0, 15, 10], [0, 0, 10, 10]])
    )

    np.testing.assert_allclose(found, [[50 / 150, 1.0], [0.0, 4 / 100]])


def test_found_missed_and_false():
    truth = objects((0, 0, 10, 10, 1, 0), (50, 50, 60, 60, 2, 0))
    found = detections((0, 0, 10, 9, 0.9, 1), (80, 80, 90, 90, 0.7, 2), (50, 50, 60, 60, 0.4, 2))

    drawing = drawn(found, truth, NAMES)

    # The dog at 0.4 is not sure enough: its object is missed, and it is not false.
    assert kinds(drawing) == [("false", "dog"), ("found", "cat"), ("missed", "dog")]
    assert drawing.caption.startswith("1 of 2 found, 1 missed, 1 false")
    [cat] = [box for box in drawing.boxes if box.kind == "found"]
    assert cat.box == (0, 0, 10, 9)
    assert cat.score == pytest.approx(0.9)


def test_the_wrong_class_is_false_however_well_it_fits():
    drawing = drawn(detections((0, 0, 10, 10, 1.0, 2)), objects((0, 0, 10, 10, 1, 0)), NAMES)

    assert kinds(drawing) == [("false", "dog"), ("missed", "cat")]


def test_an_object_is_found_once_by_the_surest():
    truth = objects((0, 0, 10, 10, 1, 0))
    found = detections((0, 0, 10, 10, 0.6, 1), (0, 0, 10, 8, 0.8, 1))

    assert match(found, truth) == ([None, 0], [0, 1])
    assert kinds(drawn(found, truth, NAMES)) == [("false", "cat"), ("found", "cat")]


def test_each_takes_what_it_overlaps_most_of_what_is_left():
    # The first fits both objects (IoU 0.8 and 0.6…) and takes the better; the second the other.
    truth = objects((0, 0, 10, 10, 1, 0), (0, 0, 10, 6, 1, 0))
    found = detections((0, 0, 10, 8, 0.9, 1), (0, 0, 10, 9, 0.8, 1))

    assert match(found, truth)[0] == [0, 1]


def test_what_lies_on_a_crowd_is_neither_right_nor_false_and_a_crowd_is_not_missed():
    truth = objects((0, 0, 100, 100, 1, 1))
    found = detections((10, 10, 20, 20, 0.9, 1), (10, 10, 20, 20, 0.9, 2))

    drawing = drawn(found, truth, NAMES)

    assert kinds(drawing) == [("false", "dog")]
    assert drawing.caption.startswith("0 of 0 found, 0 missed, 1 false")


def test_no_prediction_draws_the_truth():
    drawing = drawn(None, objects((0, 0, 10, 10, 1, 0), (0, 0, 99, 99, 2, 1)), NAMES)

    assert kinds(drawing) == [("found", "cat")]
    assert drawing.boxes[0].score is None


corner = st.integers(0, 40)
row = st.tuples(corner, corner, st.integers(1, 20), st.integers(1, 20))


@given(st.lists(row, max_size=6), st.lists(row, max_size=6))
def test_every_object_is_found_or_missed_and_none_twice(wanted, given_boxes):
    truth = objects(*((x, y, x + w, y + h, 1, 0) for x, y, w, h in wanted))
    found = detections(
        *((x, y, x + w, y + h, 0.5 + k / 20, 1) for k, (x, y, w, h) in enumerate(given_boxes))
    )

    boxes = drawn(found, truth, NAMES).boxes
    count = {kind: sum(box.kind == kind for box in boxes) for kind in ("found", "missed", "false")}

    assert count["found"] + count["missed"] == len(wanted)
    assert count["found"] + count["false"] == len(given_boxes)


def test_it_agrees_with_cocos_matching_at_one_half():
    """Against pycocotools on random boxes of one class."""
    from tasks.detection.metric.coco import evaluator

    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 60, (30, 2))
    boxes = np.hstack([corners, corners + rng.uniform(8, 30, (30, 2))]).astype(np.float32)
    scores = rng.permutation(np.linspace(0.5, 0.99, 30)).astype(np.float32)
    found = Detections(boxes, scores, np.ones(30, np.int64))
    noisy = boxes[:20].astype(np.float64) + rng.normal(0, 2.0, (20, 4))
    notes = [
        {"id": k + 1, "image_id": 1, "category_id": 1, "bbox": [x, y, a - x, b - y],
         "area": (a - x) * (b - y), "iscrowd": 0}
        for k, (x, y, a, b) in enumerate(noisy.tolist())
    ]  # fmt: skip
    truth = {
        "images": [{"id": 1, "harness_id": "a", "file_name": "a", "width": 99, "height": 99}],
        "annotations": notes,
        "categories": [{"id": 1, "name": "cat"}],
    }
    evaluation, _ = evaluator({"a": found}, json.loads(json.dumps(truth)))
    evaluation.evaluate()
    [all_sizes] = [e for e in evaluation.evalImgs if e and tuple(e["aRng"]) == (0, 1e10)]
    right = np.count_nonzero(all_sizes["dtMatches"][0])

    taken, counted = match(found, annotated_objects(truth))

    assert 5 < right < 20
    assert sum(mine is not None for mine in taken) == right
    assert counted == list(range(30))


class Data:
    name = "pets"
    classes = ("cat", "dog")
    categories = (7, 9)

    def coco(self, ids):
        assert ids == ["a"]
        return {
            "images": [],
            "annotations": [{"bbox": [0, 0, 10, 10], "category_id": 9}],
            "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        }


class Model:
    name = "detector"
    classes = ("bird", "dog", "cat")


def test_the_task_translates_the_models_labels():
    task = Detection()
    task.fit(Model(), Data())

    drawing = task.drawing(
        detections((0, 0, 10, 10, 0.9, 2), (20, 20, 30, 30, 0.9, 1), (40, 0, 50, 9, 0.9, 3)),
        Data(),
        "a",
    )

    # The bird is dropped, as in the record: the data set has no such class.
    assert kinds(drawing) == [("false", "cat"), ("found", "dog")]


def test_in_agreement_the_sure_boxes_of_the_reference_are_the_objects():
    task = DetectionAgreement()
    task.fit(Model(), Data())
    reference = detections((0, 0, 10, 10, 0.9, 1), (20, 20, 30, 30, 0.3, 1))

    assert kinds(task.drawing(None, Data(), "a", reference)) == [("found", "bird")]
    assert kinds(task.drawing(reference, Data(), "a", reference)) == [("found", "bird")]
    assert kinds(task.drawing(detections(), Data(), "a", reference)) == [("missed", "bird")]
