"""What fails on an image is in its record; the rest goes on."""

import math
import sys

import numpy as np
import pytest
from fakes import FakeRestorer
from manifests import plan_records

from harness.engine import local
from harness.errors import ImageError, UserError
from harness.images.io import write_png
from harness.records.run_directory import RunDirectory


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_an_unreadable_image_is_recorded_as_failed_and_the_rest_goes_on(world, directory):
    world.data.images()[1].path.write_bytes(b"no image")
    plan = world.plan()

    outcome = local.run(plan, directory)

    assert list(outcome.failed) == ["1.png"]
    assert "1.png" in outcome.failed["1.png"]
    for held in plan_records(directory, plan).values():
        assert [image for image, record in held.items() if "error" in record] == ["1.png"]
    assert local.run(world.plan(), directory).failed == outcome.failed


def test_failed_images_are_tried_again_when_asked(world, directory):
    path = world.data.images()[1].path
    good = path.read_bytes()
    path.write_bytes(b"no image")
    local.run(world.plan(), directory)
    path.write_bytes(good)

    assert local.run(world.plan(), directory).computed == 0
    again = local.run(world.plan(), directory, retry_failed=True)
    assert (again.computed, again.failed) == (3, {})


def test_fail_fast_stops_at_the_first_failed_image_and_keeps_what_was_done(world, directory):
    world.data.images()[1].path.write_bytes(b"no image")
    plan = world.plan()

    with pytest.raises(ImageError, match=r"1.png.*--fail-fast"):
        local.run(plan, directory, fail_fast=True, workers=1)
    first, *later = plan_records(directory, plan).values()
    assert list(first) == ["0.png"]
    assert not any(later)  # one cell is worked on after the other


def test_a_restorer_that_fails_on_one_image_leaves_the_others_alone(world, directory):
    shaky = FakeRestorer("shaky", fails_on=(2,))
    plan = world.plan(qfs=(10,), restorers=[world.original, world.fake, shaky])

    local.run(plan, directory, workers=1)

    held = plan_records(directory, plan)
    failed = held["detection/shaky-q10"]["1.png"]["error"]
    assert failed == "restorer shaky failed on 1.png: RuntimeError: out of memory"
    assert not any("error" in r for r in held["detection/fake-q10"].values())


@pytest.mark.parametrize("part", ["restorer", "model"])
def test_a_plugin_that_exits_fails_on_that_image_alone(world, directory, part):
    plan = world.plan(qfs=(10,))
    whole = world.fake if part == "restorer" else plan.tasks["detection"].model
    name = "restore" if part == "restorer" else "predict"
    work, calls = getattr(whole, name), []

    def exits_once(given):
        calls.append(1)
        if len(calls) == 2:
            sys.exit(0)
        return work(given)

    setattr(whole, name, exits_once)
    outcome = local.run(plan, directory, workers=1)

    assert len(outcome.failed) == 1
    assert next(iter(outcome.failed.values())).endswith(": it called sys.exit(0)")
    assert len(calls) >= 4


def test_an_image_too_large_for_the_codec_is_recorded_as_failed_and_the_rest_goes_on(
    world, directory
):
    write_png(np.zeros((1, 65501, 3), np.uint8), world.data.images()[1].path)
    plan = world.plan()

    outcome = local.run(plan, directory)

    held = plan_records(directory, plan)
    assert list(outcome.failed) == ["1.png"]
    assert "65500" in outcome.failed["1.png"]
    assert "error" not in held["detection/original-original"]["1.png"]
    assert [i for i, r in held["detection/fake-q20"].items() if "error" in r] == ["1.png"]


def test_an_image_deleted_during_the_run_is_recorded_as_failed(world, directory):
    predict = world.model.predict

    def deleting(image):
        world.data.images()[3].path.unlink(missing_ok=True)
        return predict(image)

    world.model.predict = deleting
    outcome = local.run(world.plan(), directory, workers=1)

    assert list(outcome.failed) == ["3.png"]
    assert "no such file" in outcome.failed["3.png"]


def test_an_image_of_one_pixel_runs(world, directory):
    write_png(np.zeros((1, 1, 3), np.uint8), world.data.images()[0].path)
    plan = world.plan(qfs=(10,))

    assert local.run(plan, directory).failed == {}
    assert math.isnan(
        plan_records(directory, plan)["detection/fake-q10"]["0.png"]["fidelity"]["ssim"]
    )


def test_missing_weights_stop_the_run_and_leave_no_failed_records(world, directory):
    predict = world.model.predict

    def refuse(image):
        raise UserError("The weights of m are missing.")

    world.model.predict = refuse
    with pytest.raises(UserError, match="weights of m are missing"):
        local.run(world.plan(), directory)
    world.model.predict = predict

    outcome = local.run(world.plan(), directory)
    assert (outcome.computed, outcome.failed) == (12, {})


def test_a_restorer_that_changes_the_size_is_recorded_as_failed(world, directory):
    world.fake.restore = lambda compressed: compressed.pixels[:-1]
    plan = world.plan(qfs=(10,))

    outcome = local.run(plan, directory)

    assert len(outcome.failed) == 4
    assert "same size" in outcome.failed["0.png"]
