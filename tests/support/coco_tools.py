"""COCO annotations beside the repository, and detectors that are wrong in known ways."""

import json

import numpy as np
import pytest
from paths import DATA

from harness.plugins import Record, VisionModel
from tasks.datasets.coco.coco_file import CocoFile
from tasks.detection.task import Detections

FILES = {
    "coco128": ("coco128/instances_train2017.json", "coco128/images"),
    "tinycoco-train": (
        "tinycoco/annotations/instances_train2017.json",
        "tinycoco/images/train2017",
    ),
    "tinycoco-val": ("tinycoco/annotations/instances_val2017.json", "tinycoco/images/val2017"),
}


def annotations(name):
    """Paths of the annotations and of the image folder."""
    file, images = (DATA / part for part in FILES[name])
    if not file.is_file():
        pytest.skip(f"no {FILES[name][0]} in ../shared/data")
    return file, next(iter(sorted(images.rglob("*.jpg")))).parent


def pictures(name, count):
    """The first images of a set."""
    return sorted(annotations(name)[1].glob("*.jpg"))[:count]


def coco(name):
    """The data set, as the harness opens it by path."""
    file, images = annotations(name)
    return CocoFile(file, images=str(images))


class Named(VisionModel):
    """A detector that knows some classes."""

    name, task = "named", "detection"

    def __init__(self, classes):
        self.classes = tuple(classes)

    def fingerprint(self):
        return {}

    def predict(self, image):
        raise NotImplementedError


def detections(boxes=(), scores=(), labels=()):
    return Detections(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(scores, np.float32),
        np.asarray(labels, np.int64),
    )


def guesses(truth, seed):
    """What a middling detector finds: `Detections` by file name, labels category ids.

    Misses, two boxes for one thing, shifted boxes, wrong classes, equal scores, crowds, things
    where there are none; nothing at all in every ninth image.
    """
    rng = np.random.default_rng(seed)
    ids = [category["id"] for category in truth["categories"]]
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    found = {name: [] for name in names.values()}
    for note in truth["annotations"]:
        x, y, w, h = note["bbox"]
        for _ in range(rng.choice(3, p=[0.2, 0.7, 0.1])):
            dx, dy = rng.normal(0, 0.06, 2) * (w, h)
            w2, h2 = np.exp(rng.normal(0, 0.08, 2)) * (w, h)
            label = note["category_id"] if rng.random() < 0.9 else int(rng.choice(ids))
            box = (x + dx, y + dy, x + dx + w2, y + dy + h2)
            found[names[note["image_id"]]].append((box, round(rng.random(), 2), label))
    for number, rows in enumerate(found.values()):
        for _ in range(rng.integers(0, 5)):
            x, y, w, h = rng.uniform(5, 200, 4)
            rows.append(((x, y, x + w, y + h), 0.6 * rng.random(), int(rng.choice(ids))))
        if number % 9 == 8:
            rows.clear()
    return {
        image: detections(*zip(*rows, strict=True)) if rows else detections()
        for image, rows in found.items()
    }


def figures(task, data_set, found):
    """The task's figures for ``found``, by image id, through records as JSON keeps them."""
    records = {
        key: Record("", outcome=json.loads(json.dumps(task.outcome(one, data_set, key))))
        for key, one in found.items()
    }
    return task.metrics(records, task.ground_truth(data_set, list(records)))
