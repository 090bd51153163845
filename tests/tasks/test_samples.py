"""What every task's sample owes to the task: the same names, and the same values undrawn."""

from types import SimpleNamespace

import numpy as np
import pytest
from coco_tools import detections

from harness.analysis.resampling import resample_weights
from harness.errors import HarnessError
from harness.plugins import Record, registry
from tasks.segmentation.metric.confusion import confusion, to_sparse

IMAGES = [f"{n}.png" for n in (3, 1, 2, 9, 5, 4, 8)]
CLASSES = ("cat", "dog", "cup", "van", "bus", "pea", "fig")


def boxes(rng):
    corners = rng.uniform(0, 100, (6, 2))
    spread = rng.uniform(10, 60, (6, 2))
    return detections(
        np.concatenate([corners, corners + spread], axis=1),
        rng.permutation(np.linspace(0.3, 0.9, 6)),
        rng.integers(1, 4, 6),
    )


def moved(one, rng):
    return detections(one.boxes + rng.uniform(-6, 6, (1, 4)) / 4, one.scores, one.labels)


def world(name):
    """A task, records of it and what it keeps as ground truth."""
    rng = np.random.default_rng(len(name))
    task, truth = registry.tasks().get(name)(), None
    if name == "detection":
        references = [boxes(rng) for _ in IMAGES]
        outcomes = [moved(one, rng).to_json() for one in references]
        truth = coco(references)
    elif name == "detection-agreement":
        task.fit(SimpleNamespace(name="d", classes=CLASSES), None)
        references = [boxes(rng) for _ in IMAGES]
        outcomes = [task.compared(moved(one, rng), one, "x") for one in references]
    elif name == "fidelity":
        outcomes = [{} for _ in IMAGES]
    elif name.startswith("segmentation"):
        truth = {"classes": list(CLASSES)}
        maps = rng.integers(0, 6, (len(IMAGES), 2, 12, 12)) // 2 * 2
        outcomes = [to_sparse(confusion(a, b, len(CLASSES))) for a, b in maps]
    else:
        truth = {"classes": list(CLASSES)}
        # Right at once, among the five surest, or not at all.
        outcomes = [
            {"label": k % 3, "top": np.roll(range(7), (k % 4) - k % 3)[:5].tolist()}
            for k in range(len(IMAGES))
        ]
    if name == "detection-agreement":
        truth = task.ground_truth(None, IMAGES)
    records = {
        image: Record(
            "",
            outcome=outcome,
            bpp=float(rng.uniform(0.2, 2)),
            fidelity={key: float(rng.uniform(20, 40)) for key in ("psnr", "ssim", "psnr_b")},
        )
        for image, outcome in zip(IMAGES, outcomes, strict=True)
    }
    return task, records, truth


def coco(references):
    notes = []
    for number, one in enumerate(references, start=1):
        for (x0, y0, x1, y1), label in zip(one.boxes.tolist(), one.labels.tolist(), strict=True):
            place = {"image_id": number, "category_id": label, "id": len(notes) + 1}
            notes.append({**place, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    return {
        "images": [{"id": n, "harness_id": name} for n, name in enumerate(IMAGES, start=1)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)],
        "annotations": notes,
    }


def copied(records, truth, weights):
    """The drawn records under names of their own, and the ground truth likewise."""
    names = [
        (f"{image} {copy}", image)
        for image, weight in zip(records, weights, strict=True)
        for copy in range(weight)
    ]
    if truth and "annotations" in truth:
        numbers = {image["harness_id"]: image["id"] for image in truth["images"]}
        images = [{"id": 100 + n, "harness_id": name} for n, (name, _) in enumerate(names)]
        notes = [
            {**note, "image_id": 100 + n}
            for n, (_, image) in enumerate(names)
            for note in truth["annotations"]
            if note["image_id"] == numbers[image]
        ]
        truth = {**truth, "images": images, "annotations": notes}
    return {name: records[image] for name, image in names}, truth


def same(figures, row, expected):
    """A class that is not in a draw at all has no name there, or is NaN."""
    missing = figures.keys() - expected.keys()
    assert expected.keys() <= figures.keys()
    assert all(np.isnan(figures[name][row]) for name in missing)
    np.testing.assert_allclose(
        [figures[name][row] for name in expected], list(expected.values()), rtol=1e-12, atol=1e-12
    )


@pytest.fixture(params=list(registry.tasks()))
def case(request):
    return world(request.param)


def test_undrawn_it_has_the_tasks_metrics_by_the_same_names(case):
    task, records, truth = case
    sample, expected = task.sample(records, truth), task.metrics(records, truth)
    figures = sample.aggregate(np.ones((1, len(records)), np.int32))
    assert sample.images == tuple(records)
    assert list(figures) == list(expected)
    assert expected[task.metric] > 0
    same(figures, 0, expected)


def test_a_draw_has_the_metrics_of_the_records_drawn(case):
    task, records, truth = case
    weights = resample_weights(len(records), 8, seed=1)
    figures = task.sample(records, truth).aggregate(weights)
    for row, drawn in enumerate(weights.tolist()):
        same(figures, row, task.metrics(*copied(records, truth, drawn)))
    assert np.unique(figures[task.metric]).size > 2


def test_each_is_the_headline_metric_of_every_record_alone(case):
    task, records, truth = case
    alone = [task.metrics({image: one}, truth)[task.metric] for image, one in records.items()]
    found = task.sample(records, truth).per_image()
    assert found.shape == (len(records),)
    np.testing.assert_allclose(found, alone, rtol=1e-12, atol=1e-12)


def test_a_model_of_few_classes_has_no_top_5_in_any_draw():
    task, records, truth = world("classification")
    for record in records.values():
        record.scored["top"] = record.scored["top"][:3]
    figures = task.sample(records, truth).aggregate(resample_weights(len(records), 4))
    assert np.isnan(figures["top-5"]).all() and not np.isnan(figures["top-1"]).any()


@pytest.mark.parametrize("name", ["classification", "classification-agreement"])
def test_class_names_are_needed(name):
    task, records, _ = world(name)
    with pytest.raises(HarnessError, match="kept none: run it again"):
        task.sample(records, None)
