"""Top-1 and top-5 from records; classes matched by name, and ImageNet's by place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.errors import HarnessError, UserError
from harness.plugins import DataSet, Record, VisionModel
from tasks.classification.agreement import ClassificationAgreement
from tasks.classification.task import Classification, imagenet_classes


class Labelled(DataSet):
    name = "labelled"
    tasks = ("classification",)

    def __init__(self, classes, labels):
        self.classes, self._given = tuple(classes), dict(labels)

    def images(self):
        return []

    def fingerprint(self):
        return {}

    def label(self, image_id):
        return self._given[image_id]


class Knowing(VisionModel):
    name, task = "knowing", "classification"

    def __init__(self, classes):
        self.classes = tuple(classes)

    def fingerprint(self):
        return {}

    def predict(self, image):
        raise NotImplementedError


def scores(*values):
    return np.asarray(values, np.float32)


def fitted(task, model_classes, data_classes, labels=()):
    data_set = Labelled(data_classes, labels)
    task.fit(Knowing(model_classes), data_set)
    return task, data_set


@st.composite
def rounds(draw):
    """Scores (images, classes) without ties, and labels."""
    classes = draw(st.integers(6, 12))
    images = draw(st.integers(1, 20))
    ranks = [draw(st.permutations(range(classes))) for _ in range(images)]
    labels = draw(arrays.arrays(np.int64, images, elements=st.integers(0, classes - 1)))
    return np.asarray(ranks, np.float32) / classes, labels


@given(rounds())
def test_the_figures_are_the_shares_of_images_by_the_labels_rank(case):
    given_scores, labels = case
    names = [f"c{k}" for k in range(given_scores.shape[1])]
    ids = [f"i{k}" for k in range(len(labels))]
    labelled = dict(zip(ids, (int(v) for v in labels), strict=True))
    task, data_set = fitted(Classification(), names, names, labelled)
    records = {
        key: Record("", outcome=task.outcome(row, data_set, key))
        for key, row in zip(ids, given_scores, strict=True)
    }
    found = task.metrics(records, task.ground_truth(data_set, ids))

    # Independently: how many classes score higher than the true one.
    own = given_scores[np.arange(len(labels)), labels]
    rank = (given_scores > own[:, None]).sum(axis=1)
    assert found["top-1"] == pytest.approx((rank < 1).mean())
    assert found["top-5"] == pytest.approx((rank < 5).mean())
    per_class = {f"top-1/{names[k]}": (rank[labels == k] < 1).mean() for k in set(labels)}
    assert {k: v for k, v in found.items() if "/" in k} == pytest.approx(per_class)


def test_records_are_small_and_in_the_data_sets_numbers():
    task, data_set = fitted(
        Classification(), ["Cat", "dog", "sofa", "x", "y", "z"], ["couch", "cat"], {"a": 1}
    )
    outcome = task.outcome(scores(0.3, 0.1, 0.4, 0.15, 0.02, 0.03), data_set, "a")
    # x is an answer too, if one the data set has no word for.
    assert outcome == {"label": 1, "top": [0, 1, -1, -1, -1]}
    figures = task.metrics({"a": Record("", outcome=outcome)}, task.ground_truth(data_set, ["a"]))
    assert figures == {"top-1": 0.0, "top-5": 1.0, "top-1/cat": 0.0}


def test_an_answer_the_data_set_does_not_have_is_wrong():
    task, data_set = fitted(Classification(), [*"abcdef"], ["a", "b"], {"i": 0})
    outcome = task.outcome(scores(0.4, 0.0, 0.0, 0.0, 0.0, 0.6), data_set, "i")
    assert task.metrics({"i": Record("", outcome=outcome)}, {"classes": ["a", "b"]})["top-1"] == 0.0


@pytest.mark.parametrize(("classes", "told"), [(2, False), (5, False), (6, True)])
def test_top_5_of_five_classes_or_fewer_says_nothing(classes, told):
    names = [f"c{k}" for k in range(classes)]
    task, data_set = fitted(Classification(), names, names, {"i": classes - 1})
    # The true class comes last: among six it is not one of five.
    outcome = task.outcome(-np.arange(classes, dtype=np.float32), data_set, "i")
    figures = task.metrics({"i": Record("", outcome=outcome)}, {"classes": names})
    assert figures["top-1"] == 0.0
    assert figures["top-5"] == 0.0 if told else np.isnan(figures["top-5"])


def test_equal_scores_go_to_the_first_class():
    task, data_set = fitted(Classification(), [*"abcdefg"], [*"abcdefg"], {"i": 0})
    assert task.outcome(np.zeros(7, np.float32), data_set, "i")["top"] == [0, 1, 2, 3, 4]


def test_nothing_measured_is_nan_and_no_class_names_an_error():
    assert np.isnan(Classification().metrics({}, {"classes": ["a"]})["top-1"])
    with pytest.raises(HarnessError, match="run it again"):
        Classification().metrics({}, None)


@pytest.mark.parametrize(
    "answer",
    [scores(0.1, 0.9), np.zeros((1, 6), np.float32), np.zeros(6, np.int64), [0.0] * 6, None],
)
def test_no_array_of_scores_is_a_sentence(answer):
    task, data_set = fitted(Classification(), [*"abcdef"], [*"abcdef"], {"i": 0})
    with pytest.raises(HarnessError, match=r"image 'i' with a float array of 6 scores"):
        task.outcome(answer, data_set, "i")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_scores_may_be_floats_of_any_width(dtype):
    task, data_set = fitted(Classification(), [*"abcdef"], [*"abcdef"], {"i": 3})
    answer = np.array([0.5, 0.25, 0, 0.75, 0.125, 1], dtype)
    assert task.outcome(answer, data_set, "i") == {"label": 3, "top": [5, 3, 0, 1, 4]}


def test_nan_is_no_score():
    task, data_set = fitted(Classification(), [*"abcdef"], [*"abcdef"], {"i": 0})
    with pytest.raises(HarnessError, match="NaN"):
        task.outcome(scores(0, 0, np.nan, 0, 0, 0), data_set, "i")


def test_classes_the_model_does_not_know_are_named():
    with pytest.raises(UserError, match=r"knowing does not know 2 classes of labelled: yeti, elf"):
        fitted(Classification(), ["cat", "dog"], ["cat", "yeti", "elf"])


def synsets(count):
    return [f"n{k:08d}" for k in range(1, count + 1)]


def test_all_of_imagenets_folders_are_matched_by_place():
    names = imagenet_classes()
    assert len(names) == 1000
    task, data_set = fitted(Classification(), names, synsets(1000), {"i": 7})
    outcome = task.outcome(np.eye(1000, dtype=np.float32)[7], data_set, "i")
    assert outcome["label"] == outcome["top"][0] == 7


@pytest.mark.parametrize(
    ("model", "folders"), [(imagenet_classes(), 10), ([f"c{k}" for k in range(1000)], 1000)]
)
def test_a_part_of_imagenet_or_another_model_is_not_guessed_at(model, folders):
    with pytest.raises(UserError, match="only where all 1000 of ImageNet are there"):
        fitted(Classification(), model, synsets(folders))


def test_a_subset_of_imagenet_by_name_is_matched_whoever_writes_it():
    names = imagenet_classes()
    chosen = ("Tench", "crane_bird", "vending_machine")
    task, data_set = fitted(Classification(), names, chosen, {"i": 1})
    answer = np.eye(1000, dtype=np.float32)[names.index("crane bird")]
    assert task.outcome(answer, data_set, "i")["top"][0] == 1


@given(rounds())
def test_agreement_is_the_share_of_images_with_the_same_surest_class(case):
    predicted, _ = case
    reference = np.roll(predicted, 1, axis=0)
    names = [f"c{k}" for k in range(predicted.shape[1])]
    task, data_set = fitted(ClassificationAgreement(), names, ["whatever"])
    pairs = zip(predicted, reference, strict=True)
    records = {
        str(k): Record("", outcome=task.compared(p, r, str(k))) for k, (p, r) in enumerate(pairs)
    }
    figures = task.metrics(records, task.ground_truth(data_set, []))
    same = (predicted.argmax(axis=1) == reference.argmax(axis=1)).mean()
    assert figures[task.metric] == pytest.approx(same)
    assert all(name.startswith("agreement ") for name in figures)
    alone = {"0": Record("", outcome=task.compared(predicted[0], predicted[0], "0"))}
    assert task.metrics(alone, task.ground_truth(data_set, []))[task.metric] == 1.0


def test_agreement_says_whose_truth_it_is_and_asks_no_data_set():
    task = ClassificationAgreement()
    assert Classification.agreement == task.name and task.against_model
    assert task.vision == Classification.name and not task.agreement
    assert "agreement" in task.metric and "no ground truth" in task.title
    with pytest.raises(HarnessError, match="compares two predictions"):
        task.outcome(scores(0.1, 0.9), Labelled("ab", {"i": 0}), "i")
