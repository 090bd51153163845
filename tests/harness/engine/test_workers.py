import threading
import time
from dataclasses import replace

import pytest
import torch
from fakes import FakeRestorer

from harness.engine import workers as walking
from harness.engine.workers import MOST_WORKERS, default_workers, process_images
from harness.errors import UserError


def jobs_of(plan):
    return [(image, list(plan.cells)) for image in plan.images]


def collected(plan, workers):
    return {
        (cell.key, record.image): replace(record, seconds={})
        for cell, record in process_images(plan, jobs_of(plan), workers)
    }


@pytest.mark.parametrize("workers", [2, 3, 9])
def test_the_number_of_workers_changes_no_record(world, workers):
    assert collected(world.plan(), workers) == collected(world.plan(), 1)


def test_images_are_worked_on_at_the_same_time(world):
    both = threading.Barrier(2, timeout=20)
    predict = world.model.predict

    def meet(image):
        both.wait()
        return predict(image)

    world.model.predict = meet
    records = collected(world.plan(qfs=(10,), restorers=[world.fake]), 2)

    assert not any(record.failed for record in records.values())


def test_models_run_on_one_thread_and_the_setting_is_given_back(world):
    seen = []
    predict = world.model.predict

    def watch(image):
        seen.append(torch.get_num_threads())
        return predict(image)

    world.model.predict = watch
    torch.set_num_threads(2)
    collected(world.plan(), 2)

    assert set(seen) == {1}
    assert torch.get_num_threads() == 2


def test_an_error_of_a_worker_reaches_the_caller_and_stops_the_others(world):
    def missing(compressed):
        raise UserError("the weights are gone")

    world.fake.restore = missing

    with pytest.raises(UserError, match="the weights are gone"):
        collected(world.plan(), 2)
    assert not [t for t in threading.enumerate() if t.name.startswith("worker-")]


def test_who_leaves_early_is_told_what_is_waited_for(world):
    entered, leave = threading.Event(), threading.Event()
    restore, told = world.fake.restore, []

    def slow(compressed):
        if entered.is_set():
            leave.wait(20)
        entered.set()
        return restore(compressed)

    def tell(images):
        told.append(images)
        leave.set()

    world.fake.restore = slow
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    records = process_images(plan, jobs_of(plan), 1, tell_waiting=tell)
    next(records)
    while world.fake.calls and leave.wait(0.05) is False and not entered.is_set():
        pass
    time.sleep(0.1)
    records.close()

    assert told == [["1.png"]]


def test_leaving_early_stops_the_workers_after_the_record_at_hand(world):
    plan = world.plan()
    records = process_images(plan, jobs_of(plan), 2)
    next(records)

    records.close()
    calls = world.fake.calls
    time.sleep(0.05)

    assert world.fake.calls == calls
    assert not [t for t in threading.enumerate() if t.name.startswith("worker-")]


def test_no_jobs_start_no_threads(world, monkeypatch):
    monkeypatch.setattr(walking.threading, "Thread", None)

    assert list(process_images(world.plan(), [], 2)) == []


def test_the_default_is_the_cores_this_process_may_use_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(walking.os, "sched_getaffinity", lambda pid: set(range(3)))
    assert default_workers() == 3
    monkeypatch.setattr(walking.os, "sched_getaffinity", lambda pid: set(range(64)))
    assert default_workers() == MOST_WORKERS


def test_an_image_is_read_and_compressed_once_for_all_restorers_of_a_condition(world, monkeypatch):
    read = []
    plain = walking.prepare
    monkeypatch.setattr(
        walking,
        "prepare",
        lambda plan, image, c, *more: (read.append((image.id, c)), plain(plan, image, c, *more))[1],
    )
    plan = world.plan(qfs=(10, 20), restorers=[world.fake, FakeRestorer("other")])
    jobs = [
        (image, [cell for cell in plan.cells if (cell.qf, cell.restorer) == (qf, name)])
        for qf in (10, 20)
        for name in ("fake", "other")
        for image in plan.images
    ]
    list(process_images(plan, jobs, 1))

    assert len(read) == len(set(read)) == 2 * len(plan.images)
    read.clear()
    monkeypatch.setattr(walking, "KEPT_BYTES", 0)
    list(process_images(plan, jobs, 1))
    assert len(read) == 4 * len(plan.images)
