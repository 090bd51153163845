"""What is drawn of a class map, and said of a class."""

from pathlib import Path

import numpy as np
import pytest

from harness.plugins import DataSet, ImageRef
from tasks.classification.agreement import ClassificationAgreement
from tasks.classification.task import Classification, sureness
from tasks.segmentation.agreement import SegmentationAgreement
from tasks.segmentation.task import Segmentation


class Masks(DataSet):
    name = "masks"
    classes = ("cat", "dog")

    def images(self):
        return [ImageRef("a", Path("a.png"))]

    def fingerprint(self):
        return {"version": "1"}

    def mask(self, image_id):
        return np.array([[0, 1], [2, 255]], np.uint8)

    def label(self, image_id):
        return 1


class Model:
    name = "model"
    classes = ("dog", "bird", "cat")
    labels = ("background", "dog", "bird", "cat")


def test_a_class_map_is_drawn_in_the_data_sets_values():
    task = Segmentation()
    task.fit(Model(), Masks())

    drawing = task.drawing(np.array([[0, 3], [2, 1]], np.uint8), Masks(), "a")

    # Bird is no class of the data set; the ignored corner stays ignored.
    assert drawing.class_map.tolist() == [[0, 1], [3, 255]]
    assert drawing.names == ("background", "cat", "dog", "other")
    assert drawing.caption == "66.7 % of pixels right"


def test_no_prediction_draws_the_mask():
    drawing = Segmentation().drawing(None, Masks(), "a")

    assert drawing.class_map.tolist() == [[0, 1], [2, 255]]
    assert drawing.class_map.dtype == np.uint8


def test_in_agreement_the_map_of_the_uncompressed_image_is_the_truth():
    task = SegmentationAgreement()
    task.fit(Model(), Masks())
    reference, other = np.array([[0, 1]]), np.array([[0, 3]])

    assert task.drawing(reference, None, "a", reference).caption == "100.0 % of pixels right"
    drawing = task.drawing(other, None, "a", reference)
    assert drawing.class_map.tolist() == [[0, 3]]
    assert drawing.caption == "50.0 % of pixels right"
    assert task.drawing(None, None, "a", reference).class_map.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("scores", "caption"),
    [
        ((0.7, 0.1, 0.2), "top-1: dog (0.70), right"),
        ((0.1, 0.1, 0.8), "top-1: cat (0.80), wrong, it is dog"),
        ((0.1, 0.8, 0.1), "top-1: a class the data set lacks (0.80), wrong, it is dog"),
    ],
)
def test_a_class_is_said_in_words(scores, caption):
    task = Classification()
    task.fit(Model(), Masks())

    drawing = task.drawing(np.array(scores, np.float32), Masks(), "a")

    assert drawing.caption == caption
    assert drawing.boxes == ()
    assert drawing.class_map is None
    assert task.drawing(None, Masks(), "a").caption == "it is dog"


def test_in_agreement_the_class_of_the_uncompressed_image_is_the_truth():
    task = ClassificationAgreement()
    task.fit(Model(), Masks())
    reference = np.array([0.1, 0.8, 0.1], np.float32)
    other = np.array([0.6, 0.3, 0.1], np.float32)

    assert task.drawing(other, None, "a", reference).caption == (
        "top-1: dog (0.60), wrong, it is bird"
    )
    assert task.drawing(reference, None, "a", reference).caption == "top-1: bird (0.80), right"
    assert task.drawing(None, None, "a", reference).caption == "it is bird"


def test_logits_are_made_probabilities_and_probabilities_are_kept():
    assert sureness(np.array([2.0, 0.0], np.float32)) == pytest.approx(np.e**2 / (np.e**2 + 1))
    assert sureness(np.array([0.25, 0.75], np.float32)) == pytest.approx(0.75)
