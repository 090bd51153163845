"""A small world of fakes: four textured images, a counting restorer and a brightness 'detector'."""

import numpy as np

from harness.images.io import write_png
from harness.images.jpeg import Jpeg
from harness.plugins import DataSet, ImageRef, Restorer, Task, VisionModel
from harness.study.plan import Plan, TaskPlan
from harness.study.study import Cell, Study


class FakeData(DataSet):
    name = "fake"
    notice = ""
    tasks = ("detection",)

    def __init__(self, folder):
        self._images = []
        for index in range(4):
            rng = np.random.default_rng(index)
            image = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            write_png(image, folder / f"{index}.png")
            self._images.append(ImageRef(f"{index}.png", folder / f"{index}.png"))

    def images(self):
        return self._images

    def fingerprint(self):
        return {"version": "1"}


class FakeRestorer(Restorer):
    reference = False
    multi_model = True
    year = 2015
    thread_safe = True  # or it is tried, and what it counts is not what the walk asked for

    def __init__(self, name="fake", offset=1, fails_on=()):
        self.name = name
        self.offset = offset
        self.calls = 0
        self.fails_on = fails_on

    def fingerprint(self, qf):
        return {"offset": str(self.offset)}

    def restore(self, compressed):
        self.calls += 1
        if self.calls in self.fails_on:
            raise RuntimeError("out of\nmemory")
        return compressed.pixels + np.uint8(self.offset)


class FakeOriginal(FakeRestorer):
    reference = True
    multi_model = None

    def restore(self, compressed):
        raise AssertionError("the pipeline hands over the uncompressed image itself")


class FakeModel(VisionModel):
    name = "brightness"
    thread_safe = True  # as above

    def __init__(self):
        self.seen = []

    def fingerprint(self):
        return {"version": "1"}

    def predict(self, image):
        self.seen.append(image)
        return float(image.mean())


class FakeTask(Task):
    version = "1"

    def outcome(self, prediction, data_set, image_id):
        return {"mean": prediction}

    def ground_truth(self, data_set, ids):
        return {"ids": list(ids)}

    def metrics(self, records, ground_truth):
        return {}


class World:
    """Builds plans over the same images."""

    def __init__(self, folder):
        self.data = FakeData(folder)
        self.model = FakeModel()
        self.original = FakeOriginal("original")
        self.fake = FakeRestorer()

    def plan(self, qfs=(10, 20), tasks=("detection",), restorers=None, seed=0):
        restorers = restorers or [self.original, self.fake]
        cells = [
            Cell(
                *(task, "fake", "brightness", "" if r.reference else "jpeg", qf),
                *(r.name, r.fingerprint(0)),
            )
            for task in tasks
            for r in restorers
            for qf in ((None,) if r.reference else qfs)
        ]
        return Plan(
            Study(qf=qfs, task=tasks, dataset="fake", seed=seed),
            self.data,
            tuple(self.data.images()),
            {"jpeg": Jpeg()},
            {r.name: r for r in restorers},
            {task: TaskPlan(FakeTask(), self.model) for task in tasks},
            tuple(cells),
            {},
            (),
        )
