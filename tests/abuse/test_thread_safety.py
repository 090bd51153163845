"""A restorer or model that two threads may not use at the same time is found, and used by one."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeModel, FakeRestorer

from harness.engine import local
from harness.engine.heartbeats import Past, Watch
from harness.engine.thread_safety import (
    TRYING,
    UNSAFE,
    equal,
    predicts_the_same,
    restores_the_same,
)
from harness.errors import UserError
from harness.images.io import read_image
from harness.images.jpeg import Jpeg
from harness.plugins import Detections, registry
from harness.records.run_directory import RunDirectory


class Shared(FakeRestorer):
    """Keeps its image in one place."""

    thread_safe = False

    def __init__(self, name="shared"):
        super().__init__(name)
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def restore(self, compressed):
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.kept = compressed.pixels + np.uint8(1)
        time.sleep(0.02)
        with self._lock:
            self.at_once -= 1
        return self.kept


class Safe(Shared):
    def restore(self, compressed):
        super().restore(compressed)
        return compressed.pixels + np.uint8(1)


class Moody(FakeRestorer):
    """Gives another image each time."""

    def restore(self, compressed):
        self.calls += 1
        return compressed.pixels + np.uint8(self.calls)


class Alone(FakeRestorer):
    """Fails in company."""

    thread_safe = False

    def __init__(self, name="alone"):
        super().__init__(name)
        self._lock = threading.Lock()

    def restore(self, compressed):
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("busy")
        try:
            time.sleep(0.02)
            return compressed.pixels
        finally:
            self._lock.release()


SCENES = Path(__file__).parents[2] / "docs/images/scenes.png"
IMAGE = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("restorer", "same"),
    [
        (Shared(), False),
        (Safe(), True),
        (Moody(), True),
        (FakeRestorer(fails_on=(1,)), None),
    ],
)
def test_company_changes_what_an_unsafe_restorer_gives(restorer, same):
    assert restores_the_same(restorer, Jpeg(), 10, IMAGE) is same


@pytest.mark.parametrize(
    "name", ["jpeg", "arcnn", "dmcnn", "qgac", "fbcnn", "swinir", "ipt", "dagn"]
)
def test_what_promises_to_be_safe_is(name):
    restorer = registry.restorers().get(name).make()
    assert restorer.thread_safe
    try:
        restorer.prepare(10)
    except UserError as error:  # weights that are not shipped
        pytest.skip(str(error))
    assert restores_the_same(restorer, Jpeg(), 10, IMAGE)


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


class Kept(Watch):
    def __init__(self, kept=()):
        self.past = Past(kept=dict(kept))
        self.kept = {}

    def keep(self, name, value):
        self.kept[name] = value


@pytest.mark.parametrize("unsafe", [Shared, Alone])
def test_an_unsafe_restorer_is_said_and_gives_the_numbers_of_one_worker(
    world, directory, tmp_path, unsafe
):
    restorers = [world.original, world.fake, unsafe("unsafe")]
    outcome = local.run(world.plan(qfs=(10,), restorers=restorers), directory, workers=4)

    assert outcome.failed == {}
    [sentence] = outcome.notices
    assert sentence == (
        "The restorer unsafe gives another image when two are restored at the same time: from "
        "here on images are computed one at a time, as with --workers 1."
    )
    plan = world.plan(qfs=(10,), restorers=[world.original, world.fake, unsafe("unsafe")])
    single = RunDirectory(tmp_path / "single")
    assert local.run(plan, single, workers=1).notices == ()
    for cell in plan.cells:
        one, other = directory.records(cell), single.records(cell)
        assert {i: r.outcome for i, r in one.items()} == {i: r.outcome for i, r in other.items()}


def test_only_the_trial_has_company(world, directory):
    shared = Shared()
    local.run(world.plan(qfs=(10, 20), restorers=[shared, world.fake]), directory, workers=3)
    assert shared.most == 2

    other = Shared("other")
    other.most = 0
    watch = Kept({"thread-safety of other": UNSAFE})
    outcome = local.run(
        world.plan(qfs=(10, 20), restorers=[other, world.fake]),
        RunDirectory(directory.path.with_name("other")),
        workers=3,
        watch=watch,
    )
    assert (other.most, outcome.notices) == (1, ())  # said by the process before


def test_a_safe_one_is_tried_once_and_keeps_its_company(world, directory):
    safe, watch = Safe("safe"), Kept()
    outcome = local.run(
        world.plan(qfs=(10, 20), restorers=[safe]), directory, workers=4, watch=watch
    )

    assert outcome.notices == ()
    assert safe.most > 2
    assert watch.kept["thread-safety of safe"] == "safe"


def test_one_whose_trial_ended_the_process_has_no_company_again(world, directory):
    shared = Shared()
    watch = Kept({"thread-safety of shared": TRYING})
    plan = world.plan(qfs=(10,), restorers=[shared])
    outcome = local.run(plan, directory, workers=4, watch=watch)

    [sentence] = outcome.notices
    assert sentence.startswith("The process ended while the restorer shared restored two images")
    assert (shared.most, outcome.computed) == (1, 4)


def test_one_worker_tries_nothing(world, directory):
    shared = Shared()
    local.run(world.plan(qfs=(10,), restorers=[shared]), directory, workers=1)

    assert shared.most == 1


class Remembering(FakeModel):
    """Keeps its image in one place."""

    thread_safe = False

    def __init__(self):
        super().__init__()
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def predict(self, image):
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.kept = image
        time.sleep(0.02)
        with self._lock:
            self.at_once -= 1
        return float(self.kept[:, :8].mean())


class Stateless(Remembering):
    def predict(self, image):
        super().predict(image)
        return float(image[:, :8].mean())


class Jealous(FakeModel):
    """Fails in company."""

    thread_safe = False

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()

    def predict(self, image):
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("busy")
        try:
            time.sleep(0.02)
            return float(image[:, :8].mean())
        finally:
            self._lock.release()


class Fickle(FakeModel):
    """Says something else each time."""

    def predict(self, image):
        self.seen.append(image)
        return len(self.seen)


class Dull(FakeModel):
    """Says the same of every image."""

    thread_safe = False

    def predict(self, image):
        self.seen.append(image)
        return ()


class Broken(FakeModel):
    def predict(self, image):
        raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("model", "same"),
    [
        (Remembering(), False),
        (Jealous(), False),
        (Stateless(), True),
        (Fickle(), True),
        (Dull(), None),
        (Broken(), None),
    ],
)
def test_company_changes_what_an_unsafe_model_says(model, same):
    assert predicts_the_same(model, IMAGE) is same


@pytest.mark.parametrize("unsafe", [Remembering, Jealous])
def test_an_unsafe_model_is_said_and_gives_the_numbers_of_one_worker(
    world, directory, tmp_path, unsafe
):
    world.model = unsafe()
    outcome = local.run(world.plan(qfs=(10,)), directory, workers=4)

    assert outcome.failed == {}
    assert outcome.notices == (
        "The detection model brightness predicts something else when two are predicted at the same "
        "time: from here on images are computed one at a time, as with --workers 1.",
    )
    world.model = unsafe()
    plan = world.plan(qfs=(10,))
    single = RunDirectory(tmp_path / "single")
    assert local.run(plan, single, workers=1).notices == ()
    for cell in plan.cells:
        one, other = directory.records(cell), single.records(cell)
        assert {i: r.outcome for i, r in one.items()} == {i: r.outcome for i, r in other.items()}
        assert len(one) == 4


def test_only_the_trial_of_a_model_has_company_and_it_is_tried_once(world, directory):
    world.model = Remembering()
    watch = Kept()
    local.run(world.plan(), directory, workers=3, watch=watch)
    assert world.model.most == 2
    assert watch.kept["thread-safety of detection model brightness"] == UNSAFE

    world.model = Stateless()
    watch = Kept()
    outcome = local.run(
        world.plan(), RunDirectory(directory.path.with_name("other")), workers=4, watch=watch
    )
    assert outcome.notices == ()
    assert world.model.most > 2
    assert watch.kept["thread-safety of detection model brightness"] == "safe"


def test_a_model_whose_trial_ended_the_process_has_no_company_again(world, directory):
    world.model = Remembering()
    watch = Kept({"thread-safety of detection model brightness": TRYING})
    outcome = local.run(world.plan(qfs=(10,)), directory, workers=4, watch=watch)

    [sentence] = outcome.notices
    assert sentence.startswith(
        "The process ended while the detection model brightness predicted two images at a time"
    )
    assert world.model.most == 1


def test_a_model_that_says_the_same_of_all_images_is_tried_on_three(world, directory):
    world.model = Dull()
    outcome = local.run(world.plan(qfs=(10,)), directory, workers=2)
    assert outcome.notices == ()
    assert len(world.model.seen) == 3 * 2 + 4 * 2  # three trials, and four images in two cells


def detections(score):
    return Detections(np.float32([[0, 0, 9, 9]]), np.float32([score]), np.int64([1]))


def test_results_are_compared_whatever_they_are_made_of():
    nan = np.float32([np.nan, 1])
    for one, same, other in (
        (detections(0.5), detections(0.5), detections(0.6)),
        (nan, nan.copy(), np.float32([np.nan, 2])),
        ({"a": [nan]}, {"a": [nan.copy()]}, {"a": [nan, nan]}),
        ("a", "a", "b"),
        (1.0, 1.0, 1),
        (None, None, 0),
    ):
        assert equal(one, same) and not equal(one, other)
    assert not equal(object(), object())


@pytest.mark.parametrize("task", ["detection", "segmentation", "classification"])
def test_models_that_promise_to_be_safe_are(task):
    """The embedded one; `tests/tasks` holds it for those of libraries, whose weights are large."""
    models = registry.models(task)
    promised = [name for name in models if models.get(name).thread_safe]
    assert sorted(promised) == sorted(models)
    [name] = [name for name in models if name.endswith("_scenes")]
    model = models.get(name).make()
    model.prepare()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the walk
    try:
        image = np.ascontiguousarray(read_image(SCENES)[20:180, 20:260])
        assert predicts_the_same(model, image) is True
    finally:
        torch.set_num_threads(threads)
