"""Detections refuse the impossible and survive JSON bit for bit."""

from __future__ import annotations

import io
import json
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.errors import HarnessError
from tasks.detection.metric.coco import quiet
from tasks.detection.task import Detection, Detections

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.integers(0, 30), elements=FLOAT32))
def test_outcomes_keep_every_float32(scores):
    corners = np.sort(np.stack([scores, scores[::-1]], axis=1), axis=1)
    boxes = corners[:, [0, 0, 1, 1]]
    text = json.dumps(Detections(boxes, scores, np.arange(len(scores))).to_json())
    back = Detections.from_json(json.loads(text))
    np.testing.assert_array_equal(back.boxes.view(np.uint32), boxes.view(np.uint32))
    np.testing.assert_array_equal(back.scores.view(np.uint32), scores.view(np.uint32))
    assert back.labels.tolist() == list(range(len(scores)))


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "message"),
    [
        (
            np.full((1, 4), np.nan, "f4"),
            np.ones(1, "f4"),
            np.ones(1, int),
            "box that is not finite",
        ),
        (np.ones((1, 4), "f4"), np.full(1, np.inf, "f4"), np.ones(1, int), "score that is not"),
        (np.ones((1, 4), "f4"), np.ones(1, "c8"), np.ones(1, int), "must be float32"),
        (np.ones((1, 4), bool), np.ones(1, "f4"), np.ones(1, int), "must be float32"),
        (np.ones((1, 4), "f4"), np.ones(1, "U1"), np.ones(1, int), "must be float32"),
        (np.ones((1, 4), "f4"), np.float32(1), np.ones(1, int), "must be float32|not a numpy arr"),
        (np.full((1, 4), 1e300), np.ones(1, "f4"), np.ones(1, int), "box that is not finite"),
        (np.ones((1, 4), "f4"), np.ones(1, "f4"), np.array([1.5]), "label 1.5: .* whole numbers"),
        (np.ones((1, 4), "f4"), np.ones(1, "f4"), np.array([np.nan]), "label nan"),
        (np.ones((2, 4), "f4"), np.ones(1, "f4"), np.ones(1, int), r"must be float32 \(1, 4\)"),
        (np.ones((1, 4), "f4"), np.ones(1, "f4"), np.ones(2, int), r"must be int64 \(1,\)"),
        ([[1, 2, 3, 4]], np.ones(1, "f4"), np.ones(1, int), "not a numpy array"),
        (np.array([[9, 9, 1, 1]], "f4"), np.ones(1, "f4"), np.ones(1, int), "x1, y1, x2, y2"),
    ],
)
def test_impossible_detections_are_refused(boxes, scores, labels, message):
    with pytest.raises(HarnessError, match=message):
        Detections(boxes, scores, labels)


@pytest.mark.parametrize("boxes", ["f2", "f4", "f8", "i2", "i8", "u1"])
@pytest.mark.parametrize("scores", ["f2", "f8", "i8"])
@pytest.mark.parametrize("labels", ["i4", "i8", "u1", "u8", "f4", "f8"])
def test_other_integers_and_floats_are_cast(boxes, scores, labels):
    found = Detections(
        boxes=np.array([[1, 2, 30, 40], [0, 0, 5, 5]], boxes),
        scores=np.array([1, 0], scores),
        labels=np.array([3, 90], labels),
    )

    assert found.boxes.dtype == np.float32 and found.scores.dtype == np.float32
    assert found.labels.dtype == np.int64
    assert found.boxes.tolist() == [[1, 2, 30, 40], [0, 0, 5, 5]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([1, 0], [3, 90])


def test_float64_boxes_and_scores_are_rounded_as_numpy_does():
    boxes, scores = np.array([[0.1, 0.2, 0.3, 1 / 3]]), np.array([0.7])
    found = Detections(boxes, scores, np.ones(1, int))

    np.testing.assert_array_equal(found.boxes, boxes.astype(np.float32))
    np.testing.assert_array_equal(found.scores, scores.astype(np.float32))


def test_outcomes_are_compact():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 640, (100, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    found = Detections(boxes, rng.random(100, np.float32), rng.integers(1, 91, 100))
    assert len(found) == 100
    assert len(json.dumps(found.to_json())) < 100 * 70


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"boxes": [[1, 2, 3]], "scores": [1], "labels": [1]},
        {"boxes": "x", "scores": [], "labels": []},
    ],
)
def test_broken_records_are_refused(outcome):
    with pytest.raises(HarnessError, match="cannot be read"):
        Detections.from_json(outcome)


def test_no_detections_are_fine():
    nothing = Detections.from_json({"boxes": [], "scores": [], "labels": []})
    assert nothing.boxes.shape == (0, 4)
    assert nothing.to_json() == {"boxes": [], "scores": [], "labels": []}


def test_other_predictions_are_refused():
    with pytest.raises(HarnessError, match="'a' with dict"):
        Detection().outcome({}, None, "a")


def test_silence_is_for_one_thread_only(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    with quiet():
        sys.stdout.write("ours\n")
        other = threading.Thread(target=lambda: sys.stdout.write("theirs\n"))
        other.start()
        other.join()
    sys.stdout.write("after\n")
    assert stream.getvalue() == "theirs\nafter\n"
