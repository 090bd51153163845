"""mAP accumulated with weights is pycocotools' mAP of the drawn data set, written out."""

import contextlib
import io
import json
import math

import numpy as np
import pytest
from coco_tools import FILES, annotations, detections, guesses
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from harness.analysis.resampling import resample_weights
from harness.errors import HarnessError
from harness.plugins import Record
from tasks.detection.metric import accumulate, matches
from tasks.detection.metric import coco as coco_metric
from tasks.detection.metric.coco import FIGURES
from tasks.detection.metric.sample import DetectionSample
from tasks.detection.task import Detection, Detections

CATEGORIES = ((4, "cat"), (1, "dog"), (9, "cup"))


def named(truth):
    images = [{**image, "harness_id": image["file_name"]} for image in truth["images"]]
    return {**truth, "images": images}


def written_out(found, truth, weights):
    """The drawn data set: copies under new ids, side by side, in the order of the image ids."""
    images, notes, results = [], [], []
    for image, weight in sorted(
        zip(truth["images"], weights, strict=True), key=lambda pair: pair[0]["id"]
    ):
        one = found[image["harness_id"]]
        for _ in range(weight):
            number = len(images) + 1
            images.append({"id": number, "file_name": f"{number}.png"})
            for note in truth["annotations"]:
                if note["image_id"] == image["id"]:
                    notes.append({**note, "image_id": number, "id": len(notes) + 1})
            for box, score, label in zip(
                one.boxes.astype(float).tolist(),
                one.scores.tolist(),
                one.labels.tolist(),
                strict=True,
            ):
                x0, y0, x1, y1 = box
                size = {"bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
                results.append({"image_id": number, "category_id": label, **size})
    return {**truth, "images": images, "annotations": notes}, results


def slowly(found, truth, weights):
    """The figures of plain pycocotools for the data set written out."""
    drawn, results = written_out(found, truth, weights)
    with contextlib.redirect_stdout(io.StringIO()):
        coco, ours = COCO(), COCO()
        coco.dataset = drawn
        coco.createIndex()
        if results:
            ours = coco.loadRes(results)
        else:  # which loadRes refuses
            ours.dataset = {**drawn, "annotations": []}
            ours.createIndex()
        evaluation = COCOeval(coco, ours, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = dict(zip(FIGURES, evaluation.stats, strict=True))
    for index, category in enumerate(coco.loadCats(sorted(coco.getCatIds()))):
        figures[f"AP/{category['name']}"] = evaluation.eval["precision"][:, :, index, 0, 2].mean()
    return {key: math.nan if value == -1 else float(value) for key, value in figures.items()}


def untied(found, truth):
    """Every score its own, in the order that pycocotools gives the detections of ``found``.

    Of detections of one image with equal scores, a copied image repeats them in turn (a b a b),
    while weights stand for copies in a row (a a b b): both are orders of equals, but not the same.
    """
    numbers = {image["harness_id"]: image["id"] for image in truth["images"]}
    scores = {name: np.empty(len(one), np.float32) for name, one in found.items()}
    order = [
        (-score, numbers[name], place, name)
        for name, one in found.items()
        for place, score in enumerate(one.scores.tolist())
    ]
    for rank, (*_, place, name) in enumerate(sorted(order)):
        scores[name][place] = 1 - rank / 2**16
    return {n: Detections(one.boxes, scores[n], one.labels) for n, one in found.items()}


def rows(sample, weights):
    """A dictionary of figures a draw."""
    figures = sample.aggregate(np.asarray(weights, np.int32))
    return [{name: values[k] for name, values in figures.items()} for k in range(len(weights))]


def same(ours, theirs, tolerance=1e-9):
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose(
        [ours[name] for name in theirs], list(theirs.values()), rtol=0, atol=tolerance
    )


def sampled(found, truth, **options):
    """The sample, its images in the order of ``truth``."""
    return DetectionSample({i["harness_id"]: found[i["harness_id"]] for i in truth["images"]},
                           truth, **options)  # fmt: skip


@st.composite
def data_sets(draw):
    """A few images, out of order, and a bad detector; boxes on a grid, so that many overlap."""
    grid = st.integers(0, 4).map(lambda v: 24.0 * v)
    sides = st.sampled_from([20.0, 30.0, 60.0, 110.0])
    box = st.tuples(grid, grid, sides, sides)
    label = st.sampled_from([4, 1, 9])
    ids = draw(st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True))
    images = [{"id": n, "file_name": f"{n}.png"} for n in ids]
    notes, found = [], {}
    for number in ids:
        for bbox, category, crowd in draw(
            st.lists(st.tuples(box, label, st.sampled_from([0, 0, 0, 1])), max_size=6)
        ):
            notes.append(
                {
                    "id": len(notes) + 1,
                    "image_id": number,
                    "category_id": category,
                    "bbox": list(bbox),
                    "area": bbox[2] * bbox[3],
                    "iscrowd": crowd,
                }
            )
        shift = st.integers(-3, 3).map(float)
        seen = draw(
            st.lists(
                st.tuples(box, shift, shift, st.integers(1, 9).map(lambda v: v / 10), label),
                max_size=8,
            )
        )
        found[f"{number}.png"] = detections(
            [(x + a, y + b, x + a + w, y + b + h) for (x, y, w, h), a, b, _, _ in seen],
            [score for *_, score, _ in seen],
            [category for *_, category in seen],
        )
    categories = [{"id": n, "name": name} for n, name in CATEGORIES]
    truth = named({"images": images, "annotations": notes, "categories": categories})
    weights = draw(st.lists(st.integers(0, 3), min_size=len(ids), max_size=len(ids)))
    return found, truth, weights


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data_sets())
def test_any_draw_is_pycocotools_on_the_data_set_written_out(drawn):
    found, truth, weights = drawn
    found = untied(found, truth)
    if sum(weights):
        same(*rows(sampled(found, truth), [weights]), slowly(found, truth, weights))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data_sets())
def test_the_undrawn_sample_and_every_image_alone_have_the_tasks_metrics(drawn):
    """Scores tied in and across images, crowds, images of nothing, nothing at all."""
    found, truth, _ = drawn
    task = Detection()
    records = {key: Record("", outcome=one.to_json()) for key, one in found.items()}
    sample = task.sample(records, truth)
    assert sample.images == tuple(records)
    same(*rows(sample, [[1] * len(records)]), task.metrics(records, truth), 1e-12)
    alone = [task.metrics({key: one}, truth)["mAP"] for key, one in records.items()]
    np.testing.assert_allclose(sample.per_image(), alone, rtol=0, atol=1e-12)


@pytest.fixture(scope="module", params=FILES)
def coco(request):
    """Real annotations and a middling detector, equal scores in and across images."""
    truth = named(json.loads(annotations(request.param)[0].read_text()))
    return guesses(truth, 3), truth


@pytest.mark.slow
def test_coco_is_pycocotools_undrawn_and_drawn(coco):
    found, truth = coco
    assert any(note["iscrowd"] for note in truth["annotations"])
    ones = [1] * len(truth["images"])
    same(*rows(sampled(found, truth), [ones]), slowly(found, truth, ones), 1e-12)
    weights = resample_weights(len(ones), 2, seed=5)
    found = untied(found, truth)
    for ours, drawn in zip(rows(sampled(found, truth), weights), weights, strict=True):
        same(ours, slowly(found, truth, drawn))


def small():
    """Six images of COCO's hard kind, without any file."""
    rng = np.random.default_rng(1)
    notes = [
        {
            "id": number + 1,
            "image_id": int(rng.integers(1, 6)),
            "category_id": int(rng.choice([1, 4])),
            "bbox": [*rng.uniform(0, 200, 2).tolist(), *rng.uniform(10, 120, 2).tolist()],
            "iscrowd": int(number % 7 == 0),
        }
        for number in range(40)
    ]
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(1, 7)]
    categories = [{"id": n, "name": name} for n, name in CATEGORIES]
    truth = named({"images": images, "annotations": notes, "categories": categories})
    return guesses(truth, 0), truth


def test_equal_scores_of_different_images_stand_in_the_order_of_the_image_ids():
    """No score need be untied for that: only those within an image and a class."""
    rng = np.random.default_rng(0)
    found, truth = small()
    # Each image's detections have the same ten scores.
    found = {
        name: Detections(one.boxes, (rng.permutation(len(one)) / 64).astype(np.float32), one.labels)
        for name, one in found.items()
    }
    for note in truth["annotations"]:
        note["area"] = note["bbox"][2] * note["bbox"][3]
    weights = resample_weights(6, 12, seed=2)
    for ours, drawn in zip(rows(sampled(found, truth), weights), weights, strict=True):
        same(ours, slowly(found, truth, drawn))


def test_threads_blocks_and_the_other_draws_leave_every_bit_as_it_is(monkeypatch):
    found, truth = small()
    weights = resample_weights(6, 70)
    expected = sampled(found, truth, workers=1).aggregate(weights)
    for workers, block in ((3, 1 << 18), (1, 100), (2, 1)):
        monkeypatch.setattr(accumulate, "_BLOCK", block)
        again = sampled(found, truth, workers=workers).aggregate(weights)
        np.testing.assert_equal(again, expected)
    few = sampled(found, truth).aggregate(weights[40:43])
    np.testing.assert_equal(few, {name: values[40:43] for name, values in expected.items()})


def test_neither_the_order_of_the_records_nor_the_chunks_of_the_matching_matter(monkeypatch):
    found, truth = small()
    weights = resample_weights(6, 20)
    expected = sampled(found, truth).aggregate(weights)
    order = [3, 0, 5, 1, 4, 2]
    names = [truth["images"][place]["harness_id"] for place in order]
    monkeypatch.setattr(matches, "_CHUNK", 4)
    shuffled = DetectionSample({name: found[name] for name in names}, truth)
    np.testing.assert_equal(shuffled.aggregate(weights[:, order]), expected)
    np.testing.assert_equal(shuffled.per_image(), sampled(found, truth).per_image()[order])


def test_a_category_at_a_time_and_all_at_once_give_the_same(monkeypatch):
    found, truth = small()
    weights = resample_weights(6, 20)
    expected = sampled(found, truth).aggregate(weights)
    monkeypatch.setattr(coco_metric, "_CATEGORIES", 1)
    np.testing.assert_equal(sampled(found, truth).aggregate(weights), expected)


def test_a_draw_without_a_class_leaves_it_out_and_one_without_boxes_is_nan():
    found, truth = small()
    truth["annotations"] = [n for n in truth["annotations"] if n["category_id"] == 4] + [
        {"id": 99, "image_id": 2, "category_id": 1, "bbox": [5.0, 5.0, 50.0, 50.0]}
    ]
    weights = np.ones((3, 6), np.int32)
    weights[1, 1] = 0  # the only image of class 1
    weights[2, :5] = 0  # all that have annotations
    both, one, none = rows(sampled(found, truth), weights)
    assert both["mAP"] == pytest.approx((both["AP/dog"] + both["AP/cat"]) / 2, abs=1e-12)
    assert math.isnan(one["AP/dog"]) and one["mAP"] == one["AP/cat"] > 0
    assert all(math.isnan(value) for value in none.values())
    assert math.isnan(sampled(found, truth).per_image()[5])


def test_the_limits_of_detections_an_image_hold_in_every_copy():
    """AR1 counts the surest of a class in each copy of an image, AP the first hundred."""
    truth = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": k + 1, "image_id": 1, "category_id": 1, "bbox": [50.0 * k, 0.0, 40.0, 40.0]}
            for k in range(2)
        ],
    }
    boxes = [(0, 0, 40, 40)] + [(0, 300, 40, 340)] * 99 + [(50, 0, 90, 40)]
    found = {"a.png": detections(boxes, np.linspace(1, 0.5, 101), [1] * 101)}
    (twice,) = rows(sampled(found, named(truth)), [[2]])
    assert (twice["AR1"], twice["AR10"], twice["AR100"]) == (0.5, 0.5, 0.5)
    assert twice["AP50"] == pytest.approx(51 / 101)  # the recall thresholds up to 0.5


def test_without_ground_truth_or_with_that_of_other_images_it_says_so():
    found, truth = small()
    records = {"elsewhere": Record("", outcome=next(iter(found.values())).to_json())}
    with pytest.raises(HarnessError, match=r"lacks 1 of 1 recorded images, 'elsewhere' first"):
        Detection().sample(records, truth)
    with pytest.raises(HarnessError, match="kept none: run it again"):
        Detection().sample(records, None)
