"""Segmentation's figures are mmsegmentation's own, and those of a naive loop over pixels."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.errors import HarnessError, UserError
from harness.plugins import DataSet, Record
from tasks.segmentation.metric.confusion import confusion, figures, merge, to_sparse
from tasks.segmentation.task import Segmentation

CLASSES = ("cat", "dog", "cup", "van")
NAMES = ["background", *CLASSES]


class Masks(DataSet):
    """Ground truth from arrays."""

    name, tasks, classes = "masks", ("segmentation",), CLASSES
    images = fingerprint = None

    def __init__(self, masks):
        self.masks = masks

    def mask(self, image_id):
        return self.masks[image_id]


def random_maps(seed, images=6, top=5):
    """Maps that half agree, of differing sizes, a tenth of the pixels ignored."""
    rng = np.random.default_rng(seed)
    truths, guesses = {}, {}
    for index in range(images):
        shape = tuple(rng.integers(20, 60, 2))
        truth = rng.integers(0, top, shape, dtype=np.uint8)
        other = rng.integers(0, top, shape, dtype=np.uint8)
        guesses[f"{index}.png"] = np.where(rng.random(shape) < 0.5, truth, other)
        truth[rng.random(shape) < 0.1] = 255
        truths[f"{index}.png"] = truth
    return truths, guesses


def measure(truths, guesses):
    task, data_set = Segmentation(), Masks(truths)
    outcomes = {i: task.outcome(g, data_set, i) for i, g in guesses.items()}
    outcomes = json.loads(json.dumps(outcomes))
    records = {i: Record(i, outcome=outcome) for i, outcome in outcomes.items()}
    return task.metrics(records, task.ground_truth(data_set, list(records)))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_class_maps_may_be_of_any_integers(dtype):
    truths, guesses = random_maps(0)
    task, data_set = Segmentation(), Masks(truths)
    for image, guess in guesses.items():
        expected = task.outcome(guess.astype(np.int64), data_set, image)
        assert task.outcome(guess.astype(dtype), data_set, image) == expected
        drawing = task.drawing(guess.astype(dtype), data_set, image)
        np.testing.assert_array_equal(
            drawing.class_map, task.drawing(guess, data_set, image).class_map
        )


@pytest.mark.parametrize(("seed", "top"), [(0, 5), (1, 5), (2, 4)])
def test_equals_mmsegmentation(seed, top):
    import torch
    from mmseg.evaluation.metrics import IoUMetric

    truths, guesses = random_maps(seed, top=top)  # top 4: class 4 nowhere
    areas = [
        IoUMetric.intersect_and_union(
            torch.from_numpy(guesses[i]), torch.from_numpy(truths[i]), len(NAMES), 255
        )
        for i in truths
    ]
    theirs = IoUMetric.total_area_to_metrics(*(sum(a) for a in zip(*areas, strict=True)))
    ours = measure(truths, guesses)
    assert ours["mIoU"] == pytest.approx(np.nanmean(theirs["IoU"]), abs=1e-6)
    assert ours["mAcc"] == pytest.approx(np.nanmean(theirs["Acc"]), abs=1e-6)
    assert ours["aAcc"] == pytest.approx(float(theirs["aAcc"]), abs=1e-6)
    per_class = [ours[f"IoU/{name}"] for name in NAMES]
    np.testing.assert_allclose(per_class, theirs["IoU"], atol=1e-6)
    assert math.isnan(ours["IoU/van"]) == (top == 4)


def naive(truths, guesses):
    inter, union = [0] * len(NAMES), [0] * len(NAMES)
    for key in truths:
        for t, p in zip(truths[key].ravel().tolist(), guesses[key].ravel().tolist(), strict=True):
            if t == 255:
                continue
            union[t] += 1
            if t == p:
                inter[t] += 1
            else:
                union[p] += 1
    ious = [i / u for i, u in zip(inter, union, strict=True) if u]
    return sum(ious) / len(ious)


def test_equals_a_naive_loop_and_is_no_mean_over_images():
    truths, guesses = random_maps(7)
    assert measure(truths, guesses)["mIoU"] == pytest.approx(naive(truths, guesses), abs=1e-12)
    a, b = np.zeros((10, 10), np.uint8), np.ones((2, 2), np.uint8)
    figure = measure({"a": a, "b": b}, {"a": a, "b": 0 * b})
    assert figure["mIoU"] == pytest.approx((100 / 104 + 0) / 2)
    assert figure["aAcc"] == pytest.approx(100 / 104)


def test_perfect_wrong_and_absent():
    truth = np.array([[0, 1], [2, 255]], np.uint8)
    perfect = measure({"a": truth}, {"a": np.array([[0, 1], [2, 3]], np.uint8)})
    assert (perfect["mIoU"], perfect["aAcc"], perfect["mAcc"]) == (1.0, 1.0, 1.0)
    assert math.isnan(perfect["IoU/cup"])  # predicted, but only where nothing counts
    wrong = measure({"a": truth}, {"a": np.array([[1, 2], [3, 3]], np.uint8)})
    assert wrong["mIoU"] == wrong["IoU/cup"] == 0.0  # predicted, never there: counts as 0
    nothing = measure({"a": np.full((2, 2), 255, np.uint8)}, {"a": np.zeros((2, 2), np.uint8)})
    assert all(math.isnan(value) for value in nothing.values())
    assert all(math.isnan(value) for value in measure({}, {}).values())


PAIRS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 4, 255])),
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 4)),
    )
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=5), st.randoms())
def test_counts_add_up_and_neither_order_nor_grouping_matters(pairs, random):
    matrices = [confusion(t, p, 5) for t, p in pairs]
    for (truth, guess), matrix in zip(pairs, matrices, strict=True):
        assert matrix.sum() == (truth != 255).sum()
        assert np.trace(matrix) == ((truth == guess) & (truth != 255)).sum()
        assert (merge([to_sparse(matrix)], 5) == matrix).all()
    whole = merge([to_sparse(m) for m in matrices], 5)
    assert (whole == sum(matrices)).all()
    joined = confusion(
        np.concatenate([t.ravel() for t, _ in pairs])[None],
        np.concatenate([p.ravel() for _, p in pairs])[None],
        5,
    )
    assert (whole == joined).all()
    shuffled = random.sample(matrices, len(matrices))
    np.testing.assert_equal(
        figures(whole, NAMES), figures(merge([to_sparse(m) for m in shuffled], 5), NAMES)
    )


def test_the_outcome_is_sparse_and_names_true_first():
    truth, guess = np.array([[1, 1, 255]], np.uint8), np.array([[2, 2, 2]], np.uint8)
    outcome = Segmentation().outcome(guess, Masks({"a": truth}), "a")
    assert outcome == {"classes": 5, "counts": [[1, 2, 2]]}


def test_wrong_sizes_classes_and_types_are_refused():
    task, masks = Segmentation(), Masks({"a.png": np.zeros((4, 6), np.uint8)})
    with pytest.raises(UserError, match=r"'a\.png' is 4×6 pixels and its mask in masks is 6×4"):
        task.outcome(np.zeros((6, 4), np.uint8), masks, "a.png")
    with pytest.raises(HarnessError, match=r"'a\.png' of masks: the predicted class 5 .* 0\.\.4"):
        task.outcome(np.full((4, 6), 5, np.uint8), masks, "a.png")
    with pytest.raises(HarnessError, match="predicted class -1"):
        task.outcome(np.full((4, 6), -1), masks, "a.png")
    with pytest.raises(HarnessError, match="no integer array"):
        task.outcome(np.zeros((4, 6)), masks, "a.png")
    masks.masks["a.png"][0, 0] = 77
    with pytest.raises(HarnessError, match="true class 77"):
        task.outcome(np.zeros((4, 6), np.uint8), masks, "a.png")


def test_records_of_another_data_set_are_refused():
    record = Record("", outcome={"classes": 21, "counts": [[0, 20, 3]]})
    with pytest.raises(HarnessError, match="counts 21 classes where its data set has 5"):
        Segmentation().metrics({"a": record}, {"classes": NAMES})
    with pytest.raises(HarnessError, match="class names"):
        Segmentation().metrics({"a": record}, None)
