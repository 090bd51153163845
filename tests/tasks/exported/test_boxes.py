"""Boxes: from what a network returns to pixels of the original image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_tools import DETECTOR, found, noise, pretending

from harness.errors import ImageError, UserError

SIZES = [
    {},
    {"input.multiple_of": 32},
    {"input.multiple_of": 32, "input.pad_at": "both"},
    {"input.size": {"height": 70, "width": 90}},
    {"input.size": {"height": 70, "width": 90}, "input.resize_with": "pillow"},
    {"input.size": {"short": 60}},
    {"input.size": {"short": 60, "long": 80}, "input.resize_with": "opencv"},
    {"input.size": {"short": 60, "long": 80}, "input.multiple_of": 16},
    {"input.size": {"letterbox": 96}},
    {"input.size": {"letterbox": 96}, "input.resize_with": "opencv", "input.pad_at": "end"},
    {"input.size": {"letterbox": 90}, "input.resize_with": "pillow", "input.multiple_of": 32},
]
WHITE = 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cards")


@settings(max_examples=150, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    corners=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    form=st.sampled_from(["xyxy", "xywh", "cxcywh"]),
    units=st.sampled_from(["input", "fraction", "original"]),
)
def test_a_known_box_comes_back_whatever_the_size(
    folder, size, height, width, corners, form, units
):
    """The image is white and the padding black, so where it lies is seen, not computed again."""
    x1, x2 = sorted(value * width for value in corners[:2])
    y1, y2 = sorted(value * height for value in corners[2:])

    def answer(tensor):
        box = np.array([x1, y1, x2, y2])
        if units != "original":
            rows, columns = (np.flatnonzero((tensor > 0).any(0).any(axis)) for axis in (1, 0))
            lies = (len(columns) / width, len(rows) / height)
            box = box * (lies * 2) + (columns[0], rows[0]) * 2
        if units == "fraction":
            box = box / ((tensor.shape[2], tensor.shape[1]) * 2)
        if form == "xywh":
            box[2:] -= box[:2]
        elif form == "cxcywh":
            box = np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
        return {**found([box]), "boxes": box[None]}

    model = pretending(
        folder, DETECTOR, {**size, "output.box_format": form, "output.box_units": units}, answer
    )
    prediction = model.predict(np.full((height, width, 3), WHITE, np.uint8))

    assert np.abs(prediction.boxes[0] - [x1, y1, x2, y2]).max() < 1e-3
    assert prediction.boxes.dtype == prediction.scores.dtype == np.float32


@pytest.mark.parametrize("size", SIZES)
def test_a_thing_is_found_where_it_is(folder, size):
    """The network finds what is bright in its input."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[30:90, 50:130] = WHITE

    def answer(tensor):
        rows, columns = (np.flatnonzero((tensor > 0.5).any(0).any(axis)) for axis in (1, 0))
        return found([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])

    prediction = pretending(folder, DETECTOR, size, answer).predict(image)

    # Half a pixel of the smallest input, 60 pixels of 120 or 160.
    assert np.abs(prediction.boxes[0] - [50, 30, 130, 90]).max() < 1.6


def test_without_resizing_not_a_bit_changes(folder):
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.random((50, 2, 2)).astype(np.float32), axis=1).reshape(50, 4) * 30
    scores = rng.random(50, np.float32)
    prediction = pretending(folder, DETECTOR, {}, found(boxes, scores)).predict(noise(30, 30))

    assert np.array_equal(prediction.boxes, boxes)
    assert np.array_equal(prediction.scores, scores)


def test_boxes_are_cut_off_at_the_borders(folder):
    model = pretending(folder, DETECTOR, {}, found([[-5, 3, 50, 60], [35, 2, 45, 9]]))

    assert model.predict(noise(40, 30)).boxes.tolist() == [[0, 3, 30, 40], [30, 2, 30, 9]]


LABELS = [  # what the network says, what the card says, what that is, what is left of it
    ([1, 2, 1], {}, [1, 2, 1], [0, 1, 2]),
    ([0, 1, 0], {"output.label_base": 0}, [1, 2, 1], [0, 1, 2]),
    ([17, 4, 18], {"output.label_base": None, "output.ids": [17, 18]}, None, None),
    ([17, 90, 18], {"output.label_base": None, "output.ids": [17, 18]}, [1, 2], [0, 2]),
    ([1, 90, 13], {"output.label_base": None, "classes": "coco-ids"}, [1, 80, 12], [0, 1, 2]),
    ([1, 12, 13], {"output.label_base": None, "classes": "coco-ids"}, [1, 12], [0, 2]),
    ([0, 79, 5], {"output.label_base": 0, "classes": "coco"}, [1, 80, 6], [0, 1, 2]),
    ([0, 1, 0], {}, None, None),
    ([1, 3, 1], {}, None, None),
    ([1, 90, 3], {"classes": "coco"}, None, None),
    ([0, 79, 5], {"output.label_base": None, "classes": "coco-ids"}, None, None),
    ([1, 1.5, 1], {}, None, None),
]


@pytest.mark.parametrize(("labels", "changes", "wanted", "left"), LABELS)
def test_labels_count_the_classes_from_1(folder, labels, changes, wanted, left):
    boxes = [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]]
    answer = {**found(boxes), "labels": np.array(labels)}
    model = pretending(folder, DETECTOR, changes, answer)

    if wanted is None:
        with pytest.raises(UserError, match="found gives (the label|labels)"):
            model.predict(noise(9, 9))
    else:
        prediction = model.predict(noise(9, 9))
        assert prediction.labels.tolist() == wanted
        assert prediction.boxes[:, 0].tolist() == left
        assert max(prediction.labels) <= len(model.classes)


ROWS = {"output.boxes": None, "output.scores": None, "output.labels": None, "output.rows": ""}


def test_rows_and_a_batch_of_one_and_a_threshold(folder):
    rows = np.array([[1, 2, 3, 4, 0.9, 2], [0, 0, 5, 5, 0.2, 1], [2, 2, 4, 4, 0.3, 1]], np.float32)
    changes = {**ROWS, "output.score_threshold": 0.25}

    for answer in (rows, rows[None], [rows]):
        prediction = pretending(folder, DETECTOR, changes, answer).predict(noise(9, 9))
        assert prediction.boxes.tolist() == [[1, 2, 3, 4], [2, 2, 4, 4]]
        assert prediction.labels.tolist() == [2, 1]


@pytest.mark.parametrize("empty", [np.zeros((0, 6)), np.zeros((1, 0, 6)), np.zeros(0)])
def test_nothing_found_is_no_error(folder, empty):
    assert len(pretending(folder, DETECTOR, ROWS, empty).predict(noise(9, 9))) == 0
    assert len(pretending(folder, DETECTOR, {}, found([])).predict(noise(9, 9))) == 0


def test_a_score_for_every_class_and_the_suppression_of_doubles(folder):
    answer = {
        "boxes": np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], np.float32),
        "scores": np.array([[0.9, 0.1], [0.8, 0.7], [0.05, 0.6]], np.float32),
    }
    changes = {
        "output.labels": None, "output.label_base": None,
        "output.score_threshold": 0.5, "output.nms": 0.5,
    }  # fmt: skip
    prediction = pretending(folder, DETECTOR, changes, answer).predict(noise(40, 40))

    # Box 1 goes as a cat, beside the surer box 0, and stays as a dog.
    assert prediction.labels.tolist() == [1, 2, 2]
    assert prediction.scores.tolist() == [np.float32(s) for s in (0.9, 0.7, 0.6)]
    assert prediction.boxes[1].tolist() == [0, 0, 10, 9]


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (found([[5, 5, 2, 8]]), {}, r"found the box \[5.0, 5.0, 2.0, 8.0\], which is inside out"),
        (found([[5, 5, -2, 8]]), {"output.box_format": "cxcywh"}, "inside out as cxcywh"),
        (found([[5, 5, np.nan, 8]]), {}, "not a finite number"),
        (found([[5, 5, np.inf, 8]]), {}, "not a finite number"),
        (found([[5, 5, 7, 8]], [np.nan]), {}, "not a finite number"),
    ],
)
def test_bad_numbers_fail_the_image(folder, answer, changes, sentence):
    with pytest.raises(ImageError, match=sentence):
        pretending(folder, DETECTOR, changes, answer).predict(noise(9, 9))


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (found([]), {"output.boxes": "bbox"}, r"at 'bbox' .* is {boxes: float32 0×4, scores"),
        ((found([]),), {"output.boxes": "1.boxes"}, r"'1.boxes' .* is \(0: {boxes: "),
        (found([]), {"output.boxes": "boxes.2"}, "'boxes.2'"),
        ({**found([]), "boxes": "none"}, {}, "boxes: str"),
        ({**found([]), "boxes": np.ones((3, 5))}, {}, "float64 3×5 at 'boxes', .* says N×4"),
        (np.ones((3, 7)), ROWS, "says N×6"),
        ({**found([[0, 0, 1, 1]]), "scores": np.ones(2)}, {}, "returns 1 boxes and 2 scores"),
        ({**found([[0, 0, 1, 1]]), "scores": np.ones((2, 2))}, {}, "says N numbers"),
        (found([[0, 0, 8, 5]]), {"output.box_units": "fraction"}, "coordinate 8.0: those are pix"),
    ],
)
def test_a_card_that_does_not_fit_stops_the_study(folder, answer, changes, sentence):
    with pytest.raises(UserError, match=sentence) as raised:
        pretending(folder, DETECTOR, changes, answer).predict(noise(9, 9))
    assert not isinstance(raised.value, ImageError)


def test_tensors_are_found_by_name_by_position_and_below_names_with_dots(folder):
    for where, answer in [
        ("", lambda found: found),
        ("1.0.", lambda found: ([], [found])),
        ("first.", lambda found: {"second": 1, "first": found}),
        ("1.", lambda found: {"second": 1, "first": found}),
        ("out.0.", lambda found: {f"out.0.{name}": value for name, value in found.items()}),
    ]:
        changes = {f"output.{name}": f"{where}{name}" for name in ("boxes", "scores", "labels")}
        model = pretending(folder, DETECTOR, changes, answer(found([[1, 2, 3, 4]])))
        assert model.predict(noise(9, 9)).boxes.tolist() == [[1, 2, 3, 4]]
