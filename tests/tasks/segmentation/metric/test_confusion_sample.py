"""mIoU from weighted pixel counts is mmsegmentation's mIoU of the drawn list of masks."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.analysis.resampling import resample_weights
from harness.errors import HarnessError
from harness.plugins import Record
from tasks.segmentation.metric.confusion import SegmentationSample, confusion, to_sparse
from tasks.segmentation.task import Segmentation

NAMES = ("background", "cat", "dog", "cup", "van")


def sample_of(pairs):
    outcomes = [to_sparse(confusion(truth, guess, len(NAMES))) for truth, guess in pairs]
    return SegmentationSample([str(k) for k in range(len(pairs))], outcomes, NAMES)


def mmsegmentation(pairs):
    """Its IoUMetric over a list of (truth, prediction), in double precision."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("mmseg.evaluation.metrics")
    areas = [
        metrics.IoUMetric.intersect_and_union(
            torch.from_numpy(guess), torch.from_numpy(truth), len(NAMES), 255
        )
        for truth, guess in pairs
    ]
    total = [sum(one).double() for one in zip(*areas, strict=True)]
    found = metrics.IoUMetric.total_area_to_metrics(*total)

    def mean(values):
        return np.nanmean(values) if (~np.isnan(values)).any() else np.nan

    classes = {f"IoU/{n}": float(v) for n, v in zip(NAMES, found["IoU"], strict=True)}
    means = {"mIoU": mean(found["IoU"]), "aAcc": float(found["aAcc"]), "mAcc": mean(found["Acc"])}
    return means | classes


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose([ours[n] for n in theirs], list(theirs.values()), rtol=1e-9, atol=0)


MAPS = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 4, 255])),
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 4)),
    )
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MAPS, st.integers(0, 3)), min_size=1, max_size=4))
def test_any_draw_is_mmsegmentation_on_the_list_drawn(drawn):
    pairs, weights = [pair for pair, _ in drawn], [weight for _, weight in drawn]
    listed = [pair for pair, weight in drawn for _ in range(weight)]
    if listed:
        found = sample_of(pairs).aggregate(np.asarray([weights], np.int32))
        same({name: values[0] for name, values in found.items()}, mmsegmentation(listed))


def test_each_image_alone_is_mmsegmentation_on_it_alone():
    rng = np.random.default_rng(0)
    # The third image holds no pixel that counts.
    pairs = [(rng.integers(0, 3, (9, 9)), rng.integers(1, 5, (9, 9))) for _ in range(3)]
    pairs[2][0][:] = 255
    expected = [mmsegmentation([pair])["mIoU"] for pair in pairs]
    assert np.isnan(expected[2])
    np.testing.assert_allclose(sample_of(pairs).per_image(), expected, rtol=1e-9)


def test_draws_of_large_images_are_exact():
    """A cell of 5000 images of 640×480 counts 1.5e9 pixels: no float32, no overflow."""
    outcomes = [
        {"classes": 2, "counts": [[0, 0, 307_199 - k], [1, 0, 1], [1, 1, k]]} for k in range(50)
    ]
    sample = SegmentationSample([str(k) for k in range(50)], outcomes, ("a", "b"))
    weights = resample_weights(50, 5) * 100
    found = sample.aggregate(weights)
    for row, counted in enumerate(weights.tolist()):
        right = sum(w * (307_199 - k) for k, w in enumerate(counted))
        assert found["IoU/a"][row] == right / (right + sum(counted))


def test_what_the_data_set_has_no_name_for_is_wrong_and_no_class():
    matrix = np.array([[5, 0, 1], [0, 2, 0]])  # one background pixel is *other*
    task, truth = Segmentation(), {"classes": ["background", "cat"]}
    records = {"x": Record("", outcome=json.loads(json.dumps(to_sparse(matrix))))}
    found = task.sample(records, truth).aggregate(np.array([[1], [3]], np.int32))
    assert found["IoU/background"].tolist() == [5 / 6, 5 / 6]
    assert found["aAcc"].tolist() == [7 / 8, 7 / 8]
    assert list(found) == list(task.metrics(records, truth))


def test_records_of_another_data_set_are_refused():
    records = {"x": Record("", outcome={"classes": 3, "counts": []})}
    with pytest.raises(HarnessError, match="counts 3 classes where its data set has 2"):
        Segmentation().sample(records, {"classes": ["a", "b"]})
    with pytest.raises(HarnessError, match="kept none: run it again"):
        Segmentation().sample(records, None)
