"""hotcoco and pycocotools say the same, to the last match; either can be had."""

import sys

import numpy as np
import pytest
from coco_tools import detections

from harness.assets.switches import REFERENCE_METRICS
from tasks.detection.metric import coco, matches

CATEGORIES = ({"id": 4, "name": "cat"}, {"id": 1, "name": "dog"}, {"id": 9, "name": "cup"})


def data_set(seed):
    """Crowds, tied scores, images without boxes or without answers, one with 150 detections."""
    rng = np.random.default_rng(seed)
    images = [{"id": 7 * k + 3, "harness_id": f"image {k}"} for k in range(9)]
    notes, found = [], {}
    for place, image in enumerate(images):
        count = {2: 0, 6: 4}.get(place, int(rng.integers(0, 8)))
        corner = rng.uniform(0, 200, (count, 2))
        size = np.exp(rng.uniform(1.5, 5.2, (count, 2)))
        labels = rng.choice([4, 1, 9], count)
        for (x, y), (w, h), label in zip(corner, size, labels, strict=True):
            note = {"image_id": image["id"], "category_id": int(label), "id": len(notes) + 1}
            note |= {"bbox": [float(v) for v in (x, y, w, h)], "area": float(w * h * rng.random())}
            notes.append({**note, "iscrowd": int(rng.random() < 0.2)})
        times = {5: 0, 6: 40}.get(place, int(rng.integers(1, 4)))
        which = np.repeat(np.arange(count), times)
        start = corner[which] + rng.normal(0, 6, (len(which), 2))
        boxes = np.concatenate([start, start + size[which] * rng.uniform(0.8, 1.2)], axis=1)
        answers = np.where(rng.random(len(which)) < 0.8, labels[which], 1)
        scores = np.round(rng.random(len(which)), 1)
        found[image["harness_id"]] = detections(boxes, scores, answers)
    return found, {"images": images, "annotations": notes, "categories": list(CATEGORIES)}


@pytest.fixture
def both(monkeypatch):
    """Calls a function by hotcoco and by pycocotools."""
    pytest.importorskip("hotcoco", reason="hotcoco is made for other machines than this")

    def call(function, *arguments):
        answers = []
        for asked in ("", "1"):
            monkeypatch.setenv(REFERENCE_METRICS, asked)
            assert coco.libraries()[0].__module__.startswith("pycocotools") == bool(asked)
            answers.append(function(*arguments))
        return answers

    return call


@pytest.mark.parametrize("seed", range(30))
def test_figures_and_matches_are_the_same(both, seed):
    found, truth = data_set(seed)

    fast, reference = both(coco.evaluate, found, truth)
    assert list(fast) == list(reference)
    np.testing.assert_allclose(list(fast.values()), list(reference.values()), rtol=0, atol=1e-9)

    fast, reference = both(matches.match, found, truth)
    assert fast.curves.keys() == reference.curves.keys()
    for key, matched in reference.curves.items():
        for part in ("truths", "image", "rank", "right", "ignored"):
            ours, theirs = getattr(fast.curves[key], part), getattr(matched, part)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_the_data_sets_have_the_hard_cases():
    found, truth = data_set(0)

    assert any(note["iscrowd"] for note in truth["annotations"])
    assert max(len(answer.scores) for answer in found.values()) > 100
    assert min(len(answer.scores) for answer in found.values()) == 0
    with_notes = {note["image_id"] for note in truth["annotations"]}
    assert len(with_notes) < len(truth["images"])


def test_without_hotcoco_it_is_pycocotools(monkeypatch):
    found, truth = data_set(0)
    expected = coco.evaluate(found, truth)
    monkeypatch.setitem(sys.modules, "hotcoco", None)

    assert coco.libraries()[0].__module__ == "pycocotools.coco"
    assert coco.evaluate(found, truth) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_matching_leaves_the_collector_as_it_was():
    import gc

    assert gc.isenabled()
    matches.match(*data_set(1))
    assert gc.isenabled()
