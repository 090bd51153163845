"""What a run does with what the processes before it died of, and when too many images fail."""

import pytest
from fakes import FakeRestorer
from manifests import plan_records

from harness.engine import local
from harness.engine.failures import allowed_failures
from harness.engine.heartbeats import GivenUp, Past, Suspect, Watch
from harness.engine.progress import Silent
from harness.errors import HarnessError, ImageError, UserError
from harness.records.run_directory import RunDirectory

SENTENCE = "restorer fake failed on 1.png: its process was ended by SIGSEGV"


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


class After(Watch):
    """Watched by one that has seen a process die."""

    def __init__(self, **past):
        self.past = Past(**past)
        self.kept, self.begun = {}, []

    def keep(self, name, value):
        self.kept[name] = value

    def begin(self, run, image, cells, restorers):
        self.begun.append((image, cells))


def given_up(directory, image="1.png", cells=("detection/fake-q10",), **more):
    sentence = SENTENCE.replace("1.png", image)
    return GivenUp(str(directory.path), image, list(cells), sentence, **more)


def failed(directory, plan):
    return {
        key: [image for image, record in records.items() if "error" in record]
        for key, records in plan_records(directory, plan).items()
    }


def test_an_image_that_ended_a_process_has_failed_in_the_cells_that_were_at_work(world, directory):
    plan = world.plan()
    outcome = local.run(plan, directory, watch=After(given_up=[given_up(directory)]))

    assert outcome.failed == {"1.png": SENTENCE}
    assert failed(directory, plan) == {
        "detection/original-original": [],
        "detection/fake-q10": ["1.png"],
        "detection/fake-q20": [],
    }
    assert outcome.computed == outcome.total == 12
    assert world.fake.calls == 7  # not tried again


def test_one_that_died_while_it_was_read_has_failed_in_all_cells(world, directory):
    plan = world.plan()
    local.run(plan, directory, watch=After(given_up=[given_up(directory, cells=())]))

    assert list(failed(directory, plan).values()) == [["1.png"]] * 3


def test_failures_of_another_run_are_none_of_this(world, directory, tmp_path):
    plan = world.plan()
    other = RunDirectory(tmp_path / "other")
    outcome = local.run(plan, directory, watch=After(given_up=[given_up(other)]))

    assert outcome.failed == {}


def test_a_resume_later_does_not_try_it_and_retry_failed_does(world, directory):
    plan = world.plan()
    local.run(plan, directory, watch=After(given_up=[given_up(directory)]))
    calls = world.fake.calls

    assert local.run(plan, directory).computed == 0
    assert world.fake.calls == calls
    assert local.run(plan, directory, retry_failed=True).failed == {}
    assert world.fake.calls == calls + 1


def test_failures_are_forgotten_once_not_by_every_process(world, directory):
    plan, first = world.plan(), After()
    local.run(plan, directory, watch=After(given_up=[given_up(directory)]))
    local.run(plan, directory, retry_failed=True, watch=first)
    local.run(plan, directory, watch=After(given_up=[given_up(directory)]))
    again = After(given_up=[given_up(directory)], kept=first.kept)
    local.run(world.plan(), directory, retry_failed=True, watch=again)

    assert first.kept[f"records before {directory.path}"] == 11


def test_what_the_processes_before_computed_counts_as_computed_now(world, directory):
    plan = world.plan()
    local.run(plan, directory)
    kept = {f"records before {directory.path}": 5}

    assert local.run(plan, directory, watch=After(kept=kept)).computed == 7


def test_the_number_of_a_cell_is_told_once_whichever_process_filled_it(world, directory):
    told = []

    class Told(Silent):
        def tell(self, describe):
            told.append(describe.args[1].key)

    plan, first = world.plan(), After()
    local.run(world.plan(qfs=(10,)), directory)
    local.run(plan, directory, watch=first, progress=Told())
    assert told == ["detection/fake-q20"]
    local.run(plan, directory, watch=After(kept=first.kept), progress=Told())
    assert told == ["detection/fake-q20"]

    first.kept[f"told {directory.path}"].remove(told[0])  # it died before it could say so
    local.run(plan, directory, watch=After(kept=first.kept), progress=Told())
    assert told == ["detection/fake-q20"] * 2


def test_those_that_were_at_work_are_computed_alone_first_and_once(world, directory):
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    cells = ["detection/fake-q10"]
    suspects = [Suspect(str(directory.path), image, cells) for image in ("2.png", "3.png")]
    watch = After(alone=suspects)

    outcome = local.run(plan, directory, workers=3, watch=watch)

    assert watch.begun[:2] == [("2.png", cells), ("3.png", cells)]
    assert sorted(image for image, _ in watch.begun) == [f"{n}.png" for n in range(4)]
    assert (outcome.computed, outcome.failed) == (4, {})


def test_images_that_end_their_processes_in_a_row_stop_the_cell(world, directory):
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    dead = [given_up(directory, f"{n}.png") for n in (0, 1)]

    outcome = local.run(plan, directory, watch=After(given_up=dead), max_equal_failures=2)

    [sentence] = outcome.stopped
    assert "stopped after 2 equal failures in a row, with 2 images left" in sentence
    assert world.fake.calls == 0


def test_one_that_went_through_in_between_ends_the_row(world, directory):
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    dead = [given_up(directory, "0.png", in_a_row=False), given_up(directory, "1.png")]

    outcome = local.run(plan, directory, watch=After(given_up=dead), max_equal_failures=2)

    assert (outcome.stopped, outcome.computed, len(outcome.failed)) == ((), 4, 2)


def test_fail_fast_stops_at_an_image_that_ended_its_process(world, directory):
    with pytest.raises(ImageError, match=r"SIGSEGV \(stopped by --fail-fast\)"):
        local.run(
            world.plan(),
            directory,
            fail_fast=True,
            watch=After(given_up=[given_up(directory)]),
        )


@pytest.mark.parametrize(
    ("most", "images", "allowed"), [("10", 128, 10), ("5%", 128, 6), ("0", 4, 0), ("100%", 3, 3)]
)
def test_the_images_that_may_fail_are_a_number_or_a_share(most, images, allowed):
    assert allowed_failures(most, images) == allowed


@pytest.mark.parametrize("most", ["many", "-1", "101%", "-5%", "nan%", "0.05", ""])
def test_anything_else_is_the_users_mistake(most):
    with pytest.raises(UserError, match="neither a number of images nor a share"):
        allowed_failures(most, 10)


def test_a_run_stops_when_more_images_failed_than_may_and_keeps_what_it_has(world, directory):
    shaky = FakeRestorer("shaky", fails_on=(1, 3))
    plan = world.plan(qfs=(10,), restorers=[world.fake, shaky])

    with pytest.raises(HarnessError, match=r"2 of 4 images failed.*--max-failures allows 1") as e:
        local.run(plan, directory, workers=1, max_failures="1")
    assert e.value.exit_code == 1
    held = plan_records(directory, plan)
    assert len(held["detection/fake-q10"]) == 4
    assert list(held["detection/shaky-q10"]) == ["0.png", "1.png", "2.png"]

    with pytest.raises(HarnessError, match="2 of 4 images failed"):  # still too many
        local.run(plan, directory, workers=1, max_failures="25%")
    outcome = local.run(plan, directory, workers=1, max_failures="2")
    assert (outcome.computed, len(outcome.failed)) == (1, 2)
