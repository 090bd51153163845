"""Without ground truth: the model's own prediction on the uncompressed image is the truth."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, UserError
from harness.plugins import Detections, Record
from tasks.detection.agreement import SURE, DetectionAgreement
from tasks.detection.task import Detection
from tasks.segmentation.agreement import SegmentationAgreement
from tasks.segmentation.task import Segmentation

DETECTOR = SimpleNamespace(name="d", classes=("cat", "dog"))
SEGMENTER = SimpleNamespace(name="s", labels=("background", "cat", "dog"))


def found(*rows):
    """Detections of rows x0 y0 x1 y1 score label."""
    table = np.asarray(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def detection(pairs):
    task = DetectionAgreement()
    task.fit(DETECTOR, None)
    records = {
        str(number): Record("", outcome=task.compared(prediction, reference, str(number)))
        for number, (prediction, reference) in enumerate(pairs)
    }
    return task.metrics(records, task.ground_truth(None, list(records)))


boxes = st.tuples(
    *(st.integers(0, 200), st.integers(0, 200), st.integers(2, 90), st.integers(2, 90)),
    *(st.integers(1, 99), st.integers(1, 2)),
)


@pytest.mark.slow
@given(st.lists(st.lists(boxes, max_size=6), min_size=1, max_size=3))
def test_the_uncompressed_images_agree_with_themselves(images):
    """Scores are told apart: with ties, which of two equal boxes comes first is nobody's claim."""
    predictions = []
    for rows in images:
        rows = {row[:4]: row for row in rows}.values()
        predictions.append(
            found(
                *(
                    (x, y, x + w, y + h, s / 100 + i / 1e4, c)
                    for i, (x, y, w, h, s, c) in enumerate(rows)
                )
            )
        )
    value = detection([(one, one) for one in predictions])["agreement mAP"]

    if any((one.scores >= SURE).any() for one in predictions):
        assert value == pytest.approx(1.0)
    else:
        assert np.isnan(value)  # nothing to be found


def test_a_lost_box_costs_and_an_unsure_one_does_not():
    cat, dog = (10, 10, 60, 60, 0.9, 1), (80, 10, 160, 90, 0.8, 2)
    unsure = (10, 100, 60, 150, SURE - 0.1, 1)

    whole = detection([(found(cat, dog), found(cat, dog, unsure))])
    lost = detection([(found(cat), found(cat, dog, unsure))])

    assert whole["agreement mAP"] == pytest.approx(1.0)
    assert lost["agreement mAP"] == pytest.approx(0.5)
    assert lost["agreement AP/dog"] == 0


def test_the_figures_are_those_of_an_evaluation_against_the_reference_boxes():
    rng = np.random.default_rng(0)
    task, pairs, notes, images = Detection(), [], [], []
    for number in range(1, 6):
        corners = rng.uniform(0, 100, (8, 2))
        rows = np.c_[corners, corners + rng.uniform(10, 60, (8, 2)), rng.uniform(0, 1, 8)]
        truth = found(*np.c_[rows, rng.integers(1, 3, 8)])
        moved = Detections(
            truth.boxes + rng.normal(0, 3, (8, 4)).astype(np.float32).clip(-4, 4),
            rng.permutation(truth.scores),
            truth.labels,
        )
        pairs.append((moved, truth))
        images.append({"id": number, "harness_id": str(number - 1)})
        for box, score, label in zip(truth.boxes, truth.scores, truth.labels, strict=True):
            x0, y0, x1, y1 = map(float, box)
            if score >= SURE:
                size = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
                notes.append({"image_id": number, "category_id": int(label), **size})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    truth = {"images": images, "annotations": notes, "categories": categories}
    records = {str(i): Record("", outcome=pair[0].to_json()) for i, pair in enumerate(pairs)}

    expected = task.metrics(records, truth)
    assert 0 < expected["mAP"] < 1
    for name, value in detection(pairs).items():
        assert value == pytest.approx(
            expected[name.removeprefix("agreement ")], abs=1e-9, nan_ok=True
        )


def segmentation(prediction, reference):
    task = SegmentationAgreement()
    task.fit(SEGMENTER, None)
    record = Record("", outcome=task.compared(prediction, reference, "x"))
    return task.metrics({"x": record}, task.ground_truth(None, ["x"]))


def test_maps_are_counted_against_the_reference_map():
    reference = np.array([[0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    changed = np.array([[0, 0, 1, 2], [2, 2, 2, 2]], np.uint8)

    assert segmentation(reference, reference)["agreement mIoU"] == 1.0
    found = segmentation(changed, reference)
    assert found["agreement IoU/cat"] == 0.5
    assert found["agreement IoU/dog"] == 4 / 5


def test_a_value_of_255_is_no_hole_in_a_reference_map():
    """It would count as ignored in a mask; a model has no such answer."""
    reference = np.array([[0, 255]], np.uint8)

    with pytest.raises(HarnessError, match="class 255"):
        segmentation(reference, reference)


def test_a_model_of_more_labels_than_a_map_can_tell_is_refused_before_any_image():
    """The 256th label is 255, and its pixels would be left out of every count."""
    labels = tuple(f"class {number}" for number in range(256))
    task = SegmentationAgreement()
    with pytest.raises(UserError, match=r"^The model s has 256 labels, .* takes 255 at most"):
        task.fit(SimpleNamespace(name="s", labels=labels), None)

    task.fit(SimpleNamespace(name="s", labels=labels[:255]), None)
    last = np.full((1, 2), 254, np.uint8)
    assert task.compared(last, last, "x")["counts"] == [[254, 254, 2]]


@pytest.mark.parametrize("wrong", [None, np.zeros((2, 2)), [[0]]])
def test_what_is_no_prediction_is_refused(wrong):
    with pytest.raises(HarnessError, match="no class map"):
        segmentation(wrong, np.zeros((2, 2), np.uint8))
    with pytest.raises(HarnessError, match="must return"):
        detection([(wrong, found())])


@pytest.mark.parametrize("task", [Detection, Segmentation])
def test_each_names_its_stand_in(task):
    from harness.plugins import registry

    stand_in = registry.tasks().get(task.agreement)

    assert stand_in.against_model
    assert stand_in.vision == task.name
    assert stand_in.metric == f"agreement {task.metric}"
    assert "no ground truth" in stand_in.title
