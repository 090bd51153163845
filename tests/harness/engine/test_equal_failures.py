"""What is said of an image that fails, and when a cell is given up."""

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeRestorer
from manifests import records_json

from harness.engine import MAX_EQUAL_FAILURES, local
from harness.engine.failures import EqualFailures
from harness.errors import HarnessError, ImageError, UserError
from harness.images.io import write_png
from harness.plugins import Detections, Expected, ImageRef, Record, Restored
from harness.records.run_directory import RunDirectory
from tasks.detection.task import Detection


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def failing(message="broken", fails=lambda number: True, name="fake"):
    """A restorer that raises for the calls it is told to."""
    restorer, number = FakeRestorer(name), itertools.count()

    def restore(compressed):
        at = next(number)
        restorer.calls += 1
        if fails(at):
            raise RuntimeError(message if isinstance(message, str) else message(at))
        return compressed.pixels

    restorer.restore = restore
    return restorer


def counts(directory, plan):
    """Records and failed ones, by cell."""
    held = {cell.key: records_json(directory, cell).values() for cell in plan.cells}
    return {key: (len(of), sum("error" in record for record in of)) for key, of in held.items()}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_cell_stops_after_equal_failures_in_a_row_and_the_others_go_on(world, directory, workers):
    restorers = [world.original, world.fake, failing(name="bad")]
    plan = world.plan(qfs=(10,), restorers=restorers)

    outcome = local.run(plan, directory, workers=workers, max_equal_failures=2)

    assert counts(directory, plan) == {
        "detection/original-original": (4, 0),
        "detection/fake-q10": (4, 0),
        "detection/bad-q10": (2, 2),
    }
    assert (outcome.total, outcome.computed, len(outcome.failed)) == (12, 10, 2)
    [sentence] = outcome.stopped
    assert sentence.startswith(
        "detection/bad-q10 was stopped after 2 equal failures in a row, with 2 images left: "
        "restorer bad failed on "
    )
    assert "RuntimeError: broken. The same command" in sentence
    assert "--max-equal-failures 0" in sentence


def test_what_a_stopped_cell_lacks_is_tried_by_the_next_run(world, directory):
    bad = failing(fails=lambda number: number < 2)  # mended after the first run
    plan = world.plan(qfs=(10,), restorers=[bad])
    assert local.run(plan, directory, workers=1, max_equal_failures=2).stopped

    again = local.run(plan, directory, workers=1, max_equal_failures=2)
    retried = local.run(plan, directory, workers=1, max_equal_failures=2, retry_failed=True)

    assert (again.computed, len(again.failed), again.stopped) == (2, 2, ())
    assert (retried.computed, retried.failed, retried.stopped) == (2, {}, ())
    assert counts(directory, plan) == {"detection/fake-q10": (4, 0)}


def test_of_a_cell_that_was_stopped_only_what_was_under_way_is_computed(world, directory):
    recorded = threading.Semaphore(1)  # no restoration before the one before it is recorded
    bad = failing(fails=lambda number: recorded.acquire(timeout=20))
    ref = world.data.images()[0]
    world.data._images = [replace(ref, id=f"{number}.png") for number in range(40)]

    class Watching(local.Silent):
        def advance(self):
            recorded.release()

    plan = world.plan(qfs=(10,), restorers=[bad])
    local.run(plan, directory, Watching(), workers=1)

    assert counts(directory, plan) == {"detection/fake-q10": (MAX_EQUAL_FAILURES,) * 2}
    assert bad.calls in (MAX_EQUAL_FAILURES, MAX_EQUAL_FAILURES + 1)


@pytest.mark.parametrize(
    "restorer",
    [
        failing(fails=lambda number: number != 1),  # one that works in between
        failing(message=lambda number: f"broken {'xy'[number % 2]}"),  # another reason each time
    ],
)
def test_failures_that_are_not_in_a_row_or_not_alike_stop_nothing(world, directory, restorer):
    plan = world.plan(qfs=(10,), restorers=[restorer])

    outcome = local.run(plan, directory, workers=1, max_equal_failures=3)

    assert outcome.stopped == ()
    assert counts(directory, plan)["detection/fake-q10"][0] == 4


def test_zero_never_stops(world, directory):
    plan = world.plan(qfs=(10,), restorers=[failing()])

    outcome = local.run(plan, directory, max_equal_failures=0)

    assert (len(outcome.failed), outcome.stopped) == (4, ())


def test_the_same_failure_at_other_sizes_is_the_same(world, directory):
    for number, ref in enumerate(world.data.images()):
        write_png(np.zeros((10 + number, 12, 3), np.uint8), ref.path)
    wrong = FakeRestorer()
    wrong.restore = lambda compressed: compressed.pixels.astype(np.float32)
    plan = world.plan(qfs=(10,), restorers=[wrong])

    outcome = local.run(plan, directory, max_equal_failures=3)

    assert len(outcome.failed) == 3
    assert len(outcome.stopped) == 1


def test_images_that_cannot_be_read_stop_every_cell(world, directory):
    for ref in world.data.images():
        ref.path.write_bytes(b"no image")
    plan = world.plan()

    outcome = local.run(plan, directory, workers=1, max_equal_failures=3)

    assert len(outcome.stopped) == len(plan.cells) == 3
    assert set(counts(directory, plan).values()) == {(3, 3)}


def test_a_cell_that_failed_to_its_end_was_not_stopped(world, directory):
    plan = world.plan(qfs=(10,), restorers=[failing()])

    assert local.run(plan, directory, max_equal_failures=4).stopped == ()


def test_a_model_that_fails_all_the_time_has_not_passed_the_gate(world, directory):
    def predict(image):
        raise RuntimeError("no memory")

    world.model.predict = predict
    plan = world.plan(qfs=(10,))
    plan = replace(plan, gates={"detection": Expected("mAP", 50.0, 1.0, "a paper")})

    with pytest.raises(
        HarnessError, match=r"sanity check stopped .* 2 .*images in a row.*no memory"
    ):
        local.run(plan, directory, workers=1, max_equal_failures=2)
    assert counts(directory, plan)["detection/fake-q10"] == (0, 0)


def test_fail_fast_comes_first(world, directory):
    plan = world.plan(qfs=(10,), restorers=[failing()])

    with pytest.raises(ImageError, match="stopped by --fail-fast"):
        local.run(plan, directory, fail_fast=True, max_equal_failures=1)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "fake gave NoneType; a restorer must return a uint8 RGB array of the same size"),
        ("x", "fake gave str"),
        (np.zeros((24, 32), np.uint8), r"fake gave uint8 \(24, 32\) for an image of \(24, 32, 3\)"),
        (np.zeros((24, 32, 3)), "fake gave float64 .* must return uint8 RGB of the same size"),
        (Restored([1]), "fake gave list"),
        (Restored(np.zeros((24, 32, 3), np.uint8), "high"), "fake predicted the QF 'high'"),
    ],
)
def test_a_restorer_that_returns_something_else_is_named(world, directory, returned, said):
    world.fake.restore = lambda compressed: returned
    plan = world.plan(qfs=(10,), restorers=[world.fake])

    outcome = local.run(plan, directory)

    assert len(outcome.failed) == 4
    with pytest.raises(AssertionError, match=f"^restorer fake failed on 0.png: {said}"):
        raise AssertionError(outcome.failed["0.png"])


@pytest.mark.parametrize("returned", [None, {}, [1, 2], np.zeros((4, 4))])
def test_a_model_that_returns_something_else_is_named(world, directory, returned):
    world.model.predict = lambda image: returned
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    part = replace(plan.tasks["detection"], task=Detection())
    part.task.ground_truth = lambda data_set, ids: {}

    outcome = local.run(replace(plan, tasks={"detection": part}), directory)

    kind = type(returned).__name__
    assert outcome.failed["0.png"].startswith(
        "detection model brightness failed on 0.png: The detector answered image '0.png' with "
        f"{kind}; it must return"
    )
    assert Detections.__name__ in outcome.failed["0.png"]


def test_a_task_whose_outcome_is_no_dictionary_is_named(world, directory):
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    plan.tasks["detection"].task.outcome = lambda prediction, data_set, image: 3.5

    outcome = local.run(plan, directory)

    assert "the task detection made float of the prediction" in outcome.failed["0.png"]


def test_what_is_no_fault_of_an_image_still_stops_the_run(world, directory):
    def restore(compressed):
        raise UserError("The weights are gone.")

    world.fake.restore = restore
    with pytest.raises(UserError, match="The weights are gone"):
        local.run(world.plan(), directory, max_equal_failures=1)


def test_rows_are_counted_cell_by_cell(world, tmp_path):
    one, other = world.plan(qfs=(10, 20), restorers=[world.fake]).cells
    failures = EqualFailures(2)
    for number in range(3):
        image = ImageRef(f"{number}", tmp_path / f"{number}.png")
        failures.count(one, Record(image.id, error=f"it failed on {image.id}"), image)
        assert (one in failures.stopped) == (number >= 1)
        failures.count(other, Record(image.id, error=f"reason {'abc'[number]}"), image)
    assert list(failures.stopped) == [one]
