"""Vision models and runs for the cases of the field: tiny, without weights."""

import numpy as np
from evaluations import evaluate

from harness.plugins import Classifier, Detections, Detector, Segmenter
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import build_table
from harness.report.tables.text import render_text


class Flat(Segmenter):
    """Sees the same class everywhere."""

    name = "flat"

    def __init__(self, classes, value=0):
        self.classes, self.value = tuple(classes), value

    def fingerprint(self):
        return {"version": "1", "value": str(self.value)}

    def predict(self, image):
        return np.full(image.shape[:2], self.value, np.uint8)


class Blind(Detector):
    """Sees one thing, the whole image."""

    name = "blind"

    def __init__(self, classes):
        self.classes = tuple(classes)

    def fingerprint(self):
        return {"version": "1"}

    def predict(self, image):
        height, width = image.shape[:2]
        return Detections(
            boxes=np.array([[0, 0, width, height]], np.float32),
            scores=np.array([0.9], np.float32),
            labels=np.array([1], np.int64),
        )


class Sure(Classifier):
    """Is sure of the first class."""

    name = "sure"

    def __init__(self, classes):
        self.classes = tuple(classes)

    def fingerprint(self):
        return {"version": "1"}

    def predict(self, image):
        return np.arange(len(self.classes), 0, -1).astype(np.float32)


def table_text(dataset, model, **more):
    """The table of a run of ``jpeg`` on the user's data with a model of these."""
    run = evaluate(dataset, "jpeg", task=model.task, model=model, **more)
    return render_text(build_table(RunDirectory(run.path), draws=0))
