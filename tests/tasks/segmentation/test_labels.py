"""A segmenter's labels are matched with a data set's by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError, UserError
from harness.plugins import DataSet, Record, VisionModel
from tasks.classes import VOC
from tasks.segmentation.metric.confusion import confusion
from tasks.segmentation.task import Segmentation


class Masks(DataSet):
    """Masks from arrays, with names or without."""

    name, tasks = "masks", ("segmentation",)
    images = fingerprint = None

    def __init__(self, classes, masks=(), named=True, highest=0):
        self.classes, self.masks = tuple(classes), dict(masks)
        self.named, self.highest = named, highest

    def mask(self, image_id):
        return self.masks[image_id]


class Model(VisionModel):
    """A segmenter that only has labels."""

    name, task = "model", "segmentation"
    predict = fingerprint = None

    def __init__(self, *labels):
        self._labels = labels

    @property
    def labels(self):
        return self._labels


def outcome(model, data_set, prediction):
    task = Segmentation()
    task.fit(model, data_set)
    found = task.outcome(np.asarray(prediction, np.uint8), data_set, "a")
    return json.loads(json.dumps(found)), task


def test_the_models_values_become_the_data_sets_whatever_their_names_and_order():
    masks = Masks(("cat", "motorbike"), {"a": np.array([[0, 1, 2, 255]], np.uint8)})
    model = Model("Motorcycle", "__background__", "Cat")
    found, task = outcome(model, masks, [[1, 2, 0, 0]])
    assert found == {"classes": 3, "counts": [[0, 0, 1], [1, 1, 1], [2, 2, 1]]}
    names = task.ground_truth(masks, ["a"])
    assert names == {"classes": ["background", "cat", "motorbike"]}
    assert task.metrics({"a": Record("", outcome=found)}, names)["mIoU"] == 1.0


def test_what_the_data_set_has_no_name_for_is_wrong_where_the_truth_counts():
    truth = np.array([[0, 0, 1, 1, 255, 255]], np.uint8)
    masks = Masks(("cat",), {"a": truth})
    model = Model("background", "sky", "cat")
    found, task = outcome(model, masks, [[0, 1, 1, 2, 1, 1]])
    assert found == {"classes": 2, "counts": [[0, 0, 1], [0, 2, 1], [1, 1, 1], [1, 2, 1]]}
    figures = task.metrics({"a": Record("", outcome=found)}, task.ground_truth(masks, ["a"]))
    assert figures == {
        "mIoU": 0.5,
        "aAcc": 0.5,
        "mAcc": 0.5,
        "IoU/background": 0.5,
        "IoU/cat": 0.5,
    }


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
def test_a_models_order_of_labels_changes_nothing(order, seed):
    rng = np.random.default_rng(seed)
    names = ("background", "cat", "dog", "cup", "van")
    truth = rng.integers(0, 5, (7, 9), dtype=np.uint8)
    truth[rng.random((7, 9)) < 0.2] = 255
    said = rng.integers(0, 5, (7, 9), dtype=np.uint8)
    masks = Masks(names[1:], {"a": truth})
    model = Model(*(names[place] for place in order))
    found, _ = outcome(model, masks, np.argsort(order)[said])
    plain, _ = outcome(Model(*names), masks, said)
    assert found == plain
    assert sum(pixels for *_, pixels in found["counts"]) == (truth != 255).sum()


def test_classes_that_the_model_lacks_are_named():
    task = Segmentation()
    message = r"^model does not know 2 of the 3 labels of masks: dog, cup\. It knows: background\."
    with pytest.raises(UserError, match=message):
        task.fit(Model("background"), Masks(("dog", "cup")))
    with pytest.raises(UserError, match="labels of masks: background, .* and 15 more. It knows"):
        task.fit(Model("road", "sidewalk"), Masks(VOC))


def test_masks_without_names_take_the_models():
    masks = Masks((), {"a": np.array([[0, 2]], np.uint8)}, named=False, highest=2)
    found, task = outcome(Model("road", "sky", "car"), masks, [[0, 1]])
    assert found == {"classes": 3, "counts": [[0, 0, 1], [2, 1, 1]]}
    assert task.ground_truth(masks, ["a"]) == {"classes": ["road", "sky", "car"]}
    with pytest.raises(UserError, match=r"class count .* up to 2, and model has 2 classes, 0\.\.1"):
        task.fit(Model("road", "sky"), masks)


def test_a_value_that_the_model_has_no_label_for_is_refused():
    masks = Masks(("cat",), {"a": np.zeros((2, 2), np.uint8)})
    with pytest.raises(HarnessError, match=r"'a' of masks: the predicted class 3 .* 0\.\.2"):
        outcome(Model("cat", "sky", "background"), masks, np.full((2, 2), 3))
    with pytest.raises(HarnessError, match="predicted class 2"):
        confusion(masks.mask("a"), np.full((2, 2), 2), 2)
    with pytest.raises(HarnessError, match="true class 2"):
        confusion(np.full((2, 2), 2), masks.mask("a"), 2, other=True)
