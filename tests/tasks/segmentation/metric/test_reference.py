"""Segmentation's figures are those of mmsegmentation's ``IoUMetric``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from paths import VOC2012

from harness.plugins import DataSet, Record
from tasks.classes import VOC
from tasks.segmentation.task import Segmentation


class Masks(DataSet):
    """Ground truth from arrays."""

    name, tasks = "masks", ("segmentation",)
    images = fingerprint = None

    def __init__(self, masks, classes):
        self.masks, self.classes = masks, classes

    def mask(self, image_id):
        return self.masks[image_id]


def ours(truths, guesses, classes):
    task, data_set = Segmentation(), Masks(truths, classes)
    records = {i: Record("", outcome=task.outcome(g, data_set, i)) for i, g in guesses.items()}
    return task.metrics(records, task.ground_truth(data_set, list(records)))


def areas(truths, guesses, count):
    """What mmsegmentation adds up over the images, in double precision from there on."""
    import torch
    from mmseg.evaluation.metrics import IoUMetric

    each = [
        IoUMetric.intersect_and_union(
            torch.from_numpy(guesses[i]), torch.from_numpy(truths[i]), count, 255
        )
        for i in truths
    ]
    total = [sum(one).double() for one in zip(*each, strict=True)]
    return IoUMetric.total_area_to_metrics(*total)


def assert_equal(truths, guesses, classes):
    found = ours(truths, guesses, classes)
    theirs = areas(truths, guesses, len(classes) + 1)
    mean = {key: np.nanmean(theirs[key]) if (~np.isnan(theirs[key])).any() else np.nan
            for key in ("IoU", "Acc")}  # fmt: skip
    pairs = [
        (found["mIoU"], mean["IoU"]),
        (found["mAcc"], mean["Acc"]),
        (found["aAcc"], float(theirs["aAcc"])),
        *zip(
            [found[f"IoU/{name}"] for name in ("background", *classes)], theirs["IoU"], strict=True
        ),
    ]
    for value, expected in pairs:
        assert value == pytest.approx(expected, rel=1e-9, abs=0, nan_ok=True)


def printed(truths, guesses, classes):
    """The figures that mmsegmentation prints, percent with two decimals."""
    import torch
    from mmseg.evaluation.metrics import IoUMetric

    metric = IoUMetric()
    metric.dataset_meta = {"classes": ("background", *classes)}
    for key, truth in truths.items():
        sample = {
            "pred_sem_seg": {"data": torch.from_numpy(guesses[key])[None].long()},
            "gt_sem_seg": {"data": torch.from_numpy(truth)[None].long()},
        }
        metric.process({}, [sample])
    return metric.evaluate(len(truths))


@pytest.fixture(scope="module")
def voc():
    """The masks of three VOC images, and what a middling segmenter might say of them."""
    from PIL import Image

    if not VOC2012.is_dir():
        pytest.skip(f"no VOC masks at {VOC2012}")
    rng = np.random.default_rng(0)
    truths, guesses = {}, {}
    for path in sorted(VOC2012.glob("*.png")):
        with Image.open(path) as image:
            truth = np.array(image)
        guess = np.roll(truth, (7, -11), axis=(0, 1))
        guess[guess == 255] = 0
        wrong = rng.random(truth.shape) < 0.05
        guess[wrong] = rng.integers(0, 19, int(wrong.sum()))  # of 21: two are never predicted
        truths[path.stem], guesses[path.stem] = truth, guess
    return truths, guesses


def test_equals_mmsegmentation_on_voc_masks(voc):
    truths, guesses = voc
    assert len(truths) == 3 and all((mask == 255).any() for mask in truths.values())
    assert_equal(truths, guesses, VOC)
    found = ours(truths, guesses, VOC)
    theirs = printed(truths, guesses, VOC)
    assert {key: round(100 * found[key], 2) for key in ("mIoU", "aAcc", "mAcc")} == {
        key: pytest.approx(value, abs=1e-4) for key, value in theirs.items()
    }
    assert np.isnan(found["IoU/tvmonitor"]) and found["IoU/bicycle"] == 0.0


MAPS = st.tuples(st.integers(1, 10), st.integers(1, 10)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 4, 255])),
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 4)),
    )
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(MAPS, min_size=1, max_size=4))
def test_equals_mmsegmentation_on_any_maps(pairs):
    truths = {str(i): truth for i, (truth, _) in enumerate(pairs)}
    guesses = {str(i): guess for i, (_, guess) in enumerate(pairs)}
    assert_equal(truths, guesses, ("cat", "dog", "cup", "van"))
