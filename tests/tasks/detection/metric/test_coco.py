"""Detection's figures are pycocotools' own, whatever the records' order, subset or emptiness."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import DATA

from harness.errors import HarnessError
from harness.plugins import DataSet, Record
from tasks.detection.metric import coco
from tasks.detection.metric.coco import FIGURES
from tasks.detection.task import Detection, Detections

ANNOTATIONS = [
    "coco128/instances_train2017.json",
    "tinycoco/annotations/instances_train2017.json",
    "tinycoco/annotations/instances_val2017.json",
]


class Boxes(DataSet):
    """Ground truth from a COCO dictionary."""

    name, tasks = "boxes", ("detection",)
    images = fingerprint = None

    def __init__(self, truth):
        self.truth = truth

    def coco(self, ids):
        return self.truth


def with_ids(truth):
    images = [{**image, "harness_id": f"image {image['id']}"} for image in truth["images"]]
    return {**truth, "images": images}


def small_truth(seed=0, images=7, crowds=True):
    """Images 10, 20..., 3 categories with gaps; the last image has no annotation."""
    rng = np.random.default_rng(seed)
    notes = []
    for image in range(images - 1):
        for _ in range(rng.integers(2, 7)):
            x, y = rng.uniform(0, 200, 2)
            w, h = np.exp(rng.uniform(2.0, 5.2, 2))
            notes.append(
                {
                    "id": len(notes) + 1,
                    "image_id": 10 * (image + 1),
                    "category_id": int(rng.choice([1, 4, 9])),
                    "bbox": [float(v) for v in (x, y, w, h)],
                    "area": float(w * h * rng.uniform(0.5, 1)),
                    "iscrowd": int(crowds and rng.uniform() < 0.2),
                }
            )
    size = {"width": 320, "height": 240}
    files = [{"id": 10 * (n + 1), "file_name": f"{n}.png", **size} for n in range(images)]
    categories = [{"id": i, "name": n} for i, n in ((1, "cat"), (4, "dog"), (9, "cup"))]
    truth = {"info": {}, "images": files, "categories": categories, "annotations": notes}
    return with_ids(truth)


def detections(boxes=(), scores=(), labels=()):
    return Detections(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(scores, np.float32),
        np.asarray(labels, np.int64),
    )


def perturbed(truth, seed=1):
    """A bad detector: misses, jitter, wrong labels, tied scores, boxes where nothing is."""
    rng = np.random.default_rng(seed)
    categories = [c["id"] for c in truth["categories"]]
    found = {image["id"]: [] for image in truth["images"]}
    for note in truth["annotations"]:
        x, y, w, h = note["bbox"]
        for _ in range(rng.integers(0, 3)):
            dx, dy = rng.normal(0, 0.08, 2) * (w, h)
            w2, h2 = np.exp(rng.normal(0, 0.1, 2)) * (w, h)
            label = note["category_id"] if rng.uniform() < 0.9 else int(rng.choice(categories))
            box = [x + dx, y + dy, x + dx + w2, y + dy + h2]
            found[note["image_id"]].append((box, round(rng.uniform(), 1), label))
    for rows in found.values():
        for _ in range(rng.integers(0, 4)):
            x, y = rng.uniform(0, 200, 2)
            rows.append(([x, y, x + 50, y + 30], rng.uniform() / 2, int(rng.choice(categories))))
    names = {image["id"]: image["harness_id"] for image in truth["images"]}
    return {
        names[image]: detections(*zip(*rows, strict=True)) if rows else detections()
        for image, rows in found.items()
    }


def measure(found, truth):
    task, data_set = Detection(), Boxes(truth)
    records = {key: Record("", outcome=task.outcome(d, data_set, key)) for key, d in found.items()}
    return task.metrics(records, task.ground_truth(data_set, list(records)))


@pytest.mark.parametrize("most", [1, 2])
def test_categories_in_parts_give_the_same_figures(monkeypatch, most):
    truth = small_truth()
    found = perturbed(truth)
    expected = measure(found, truth)
    monkeypatch.setattr(coco, "_CATEGORIES", most)

    np.testing.assert_equal(measure(found, truth), expected)


def direct(found, truth, folder):
    """Plain pycocotools, through files, as its demo does."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {image["harness_id"]: image["id"] for image in truth["images"]}
    results = [
        {
            "image_id": numbers[key],
            "category_id": int(label),
            "bbox": [float(x1), float(y1), float(x2) - float(x1), float(y2) - float(y1)],
            "score": float(score),
        }
        for key, d in found.items()
        for (x1, y1, x2, y2), score, label in zip(d.boxes, d.scores, d.labels, strict=True)
    ]
    paths = [str(folder / "truth.json"), str(folder / "results.json")]
    for path, content in zip(paths, (truth, results), strict=True):
        Path(path).write_text(json.dumps(content))
    truths = COCO(paths[0])
    evaluation = COCOeval(truths, truths.loadRes(paths[1]), "bbox")
    evaluation.params.imgIds = [numbers[key] for key in found]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    figures = dict(zip(FIGURES, evaluation.stats, strict=True))
    for index, category in enumerate(truths.getCatIds()):
        values = evaluation.eval["precision"][:, :, index, 0, 2]
        name = truths.loadCats([category])[0]["name"]
        figures[f"AP/{name}"] = values[values > -1].mean() if (values > -1).any() else -1
    return {key: math.nan if value == -1 else float(value) for key, value in figures.items()}


def same(a, b):
    assert a.keys() == b.keys()
    np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("file", ANNOTATIONS)
def test_equals_pycocotools_on_coco(file, tmp_path):
    if not (DATA / file).is_file():
        pytest.skip(f"no {file} beside the repository")
    truth = with_ids(json.loads((DATA / file).read_text()))
    assert any(note["iscrowd"] for note in truth["annotations"])
    found = perturbed(truth)
    ours = measure(found, truth)
    assert len(ours) == 12 + 80
    assert 0.1 < ours["mAP"] < 0.9
    same(ours, direct(found, truth, tmp_path))
    half = dict(list(found.items())[::2])
    part = measure(half, truth)
    same(part, direct(half, truth, tmp_path))
    assert part["mAP"] != ours["mAP"]


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_on_a_small_set(seed, tmp_path):
    truth = small_truth(seed)
    found = perturbed(truth, seed)
    before = copy.deepcopy(truth)
    ours = measure(found, truth)
    assert truth == before
    same(ours, direct(found, truth, tmp_path))
    part = dict(list(found.items())[2:5])
    same(measure(part, truth), direct(part, truth, tmp_path))


def test_perfect_predictions_are_worth_one_and_nothing_is_printed(capsys):
    truth = small_truth(crowds=False)
    found = {image["harness_id"]: detections() for image in truth["images"]}
    for number in {note["image_id"] for note in truth["annotations"]}:
        notes = [note for note in truth["annotations"] if note["image_id"] == number]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (note["bbox"] for note in notes)]
        labels = [note["category_id"] for note in notes]
        found[f"image {number}"] = detections(boxes, [1.0] * len(notes), labels)
    figures = measure(found, truth)
    for name in ("mAP", "AP50", "AP75", "AR10", "AR100", "AP/cat", "AP/dog", "AP/cup"):
        assert figures[name] == pytest.approx(1.0, abs=1e-12)
    assert capsys.readouterr() == ("", "")


def test_nothing_found_is_zero_and_nothing_to_find_is_nan():
    truth = small_truth()
    nothing = {image["harness_id"]: detections() for image in truth["images"]}
    figures = measure(nothing, truth)
    assert (figures["mAP"], figures["AR100"], figures["AP/cat"]) == (0.0, 0.0, 0.0)
    empty = {**truth, "annotations": []}
    assert all(math.isnan(value) for value in measure(perturbed(truth), empty).values())
    assert all(math.isnan(value) for value in measure({}, truth).values())


def test_a_match_with_annotation_zero_counts_and_defaults_are_filled():
    note = {"id": 0, "image_id": 10, "category_id": 1, "bbox": [5.0, 5.0, 40.0, 40.0]}
    truth = {**small_truth(), "annotations": [note]}
    del truth["info"]
    figures = measure({"image 10": detections([[5, 5, 45, 45]], [0.5], [1])}, truth)
    assert figures["mAP"] == figures["APm"] == pytest.approx(1.0)
    assert math.isnan(figures["APs"])
    assert "area" not in note


def test_unknown_images_are_refused_in_one_sentence():
    with pytest.raises(HarnessError, match=r"lacks 1 of 2 recorded images, 'nowhere' first"):
        measure({"image 10": detections(), "nowhere": detections()}, small_truth())
    with pytest.raises(HarnessError, match="ground truth"):
        Detection().metrics({}, None)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.permutations(range(7)))
def test_the_order_of_records_does_not_matter(order):
    truth = small_truth(3)
    found = list(perturbed(truth).items())
    shuffled = dict(found[index] for index in order)
    np.testing.assert_equal(measure(shuffled, truth), measure(dict(found), truth))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.sampled_from([1, 4, 9])), min_size=1))
def test_an_image_of_false_positives_never_helps(wrong):
    truth = small_truth(5)
    found = perturbed(truth)
    empty = truth["images"][-1]["harness_id"]  # has no annotation
    found[empty] = detections()
    before = measure(found, truth)
    found[empty] = detections([[0, 0, 50, 50]] * len(wrong), *zip(*wrong, strict=True))
    after = measure(found, truth)
    assert all(after[name] <= before[name] + 1e-12 for name in ("mAP", "AP50", "AP75"))
    found[empty] = detections([[0, 0, 50, 50]] * 3, [1.0] * 3, [1, 4, 9])  # surer than any other
    assert measure(found, truth)["mAP"] < before["mAP"]


def test_json_leaves_the_numbers_identical():
    truth, task = small_truth(2), Detection()
    records = {
        key: Record("", outcome=task.outcome(d, Boxes(truth), key))
        for key, d in perturbed(truth).items()
    }
    written = json.loads(json.dumps({key: record.to_json() for key, record in records.items()}))
    again = {key: Record.from_json(record) for key, record in written.items()}
    figures = task.metrics(again, json.loads(json.dumps(truth)))
    np.testing.assert_equal(figures, task.metrics(records, truth))
    assert figures["mAP"] > 0
