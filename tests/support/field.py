"""Whole runs over small data sets, with vision models that know the answers."""

import warnings

import numpy as np
from made_data import voc, xml

import harness as library
from harness.plugins import Detections, Detector, Segmenter


class Oracle(Detector):
    """A detector that finds, in every image, the boxes it is told."""

    name = "oracle"

    def __init__(self, classes, boxes=(), labels=()):
        self.classes = tuple(classes)
        self._found = Detections(
            np.asarray(boxes, np.float32).reshape(-1, 4),
            np.ones(len(boxes), np.float32),
            np.asarray(labels, np.int64),
        )

    def fingerprint(self):
        return {"boxes": str(self._found.boxes.tolist()), "labels": str(self._found.labels)}

    def prepare(self):
        pass

    def predict(self, image):
        return self._found


class Constant(Segmenter):
    """A segmenter that sees one value everywhere."""

    name = "constant"

    def __init__(self, classes, value=0):
        self.classes, self._value = tuple(classes), value

    def fingerprint(self):
        return {"value": str(self._value)}

    def prepare(self):
        pass

    def predict(self, image):
        return np.full(image.shape[:2], self._value, np.uint8)


def run(dataset, model, task="detection", **more):
    """A run of ``original`` and ``jpeg`` at quality 90 in the current folder."""
    more = {"restorers": ["original", "jpeg"], "qf": 90, "output": "out", **more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library.evaluate(task=task, dataset=dataset, model=model, **more)


def score(finished, restorer="original"):
    """The metric of a restorer, in percent."""
    return float(finished.table(draws=0)[restorer].iloc[0])


def said(finished):
    """What was to be read before the numbers."""
    return "\n".join(finished.notices)


def voc_of(root, *things, size=(40, 30)):
    """A folder in VOC's layout of two images of 40×30: these things on ``a``, none on ``b``."""
    voc(root, segmentation=(), main=("a", "b"))
    (root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    xml(root / "Annotations" / "a.xml", things, size)
    xml(root / "Annotations" / "b.xml", [], size)
    return root
