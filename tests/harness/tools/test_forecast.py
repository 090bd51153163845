import pytest

from harness.engine.local import run
from harness.records.run_directory import RunDirectory
from harness.tools import forecast as forecasts
from harness.tools.forecast import forecast, forecast_lines


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_what_is_missing_is_counted_and_what_is_shared_is_counted_once(world, directory):
    plan = world.plan(qfs=(10, 20), tasks=("detection", "segmentation"))

    told = forecast(plan, directory, workers=2)

    # Two tasks, and of each the original and two QFs; four images.
    assert (told.records, told.missing) == (24, 24)
    assert (told.restorations, told.apart) == (8, 16)
    assert [(part.name, part.calls) for part in told.restorers] == [("original", 4), ("fake", 8)]
    assert [part.calls for part in told.models] == [12, 12]
    assert all(part.seconds for part in (*told.restorers, *told.models))
    assert told.untimed == told.problems == ()


def test_nothing_is_written_and_one_image_is_measured(world, directory):
    forecast(world.plan(), directory, workers=1)

    assert not directory.path.exists()
    assert world.fake.calls == 2  # one to be warm


def test_what_is_there_is_not_counted_again(world, directory):
    run(world.plan(qfs=(10,)), directory)

    told = forecast(world.plan(qfs=(10, 20)), directory, workers=1)
    assert (told.records, told.missing, told.restorations) == (12, 4, 4)

    told = forecast(world.plan(qfs=(10,)), directory, workers=1)
    assert told.missing == 0
    lines = list(forecast_lines(world.plan(qfs=(10,)), directory, told))
    assert lines[-1] == "Nothing to compute: all of their records are there."


def test_the_time_is_that_of_the_calls_among_the_workers(world, directory, monkeypatch):
    monkeypatch.setattr(forecasts, "_seconds", lambda records, field, name, stages: 3.0)

    one, two = (forecast(world.plan(qfs=(10,)), directory, workers=n) for n in (1, 2))

    assert (one.seconds, two.seconds) == (3.0 * (4 + 4 + 8), 3.0 * 8)
    lines = list(forecast_lines(world.plan(qfs=(10,)), directory, two))
    assert any(line.startswith("About 24 s with 2 workers") for line in lines)


def test_after_a_minute_no_further_part_is_timed_and_it_is_said(world, directory, monkeypatch):
    monkeypatch.setattr(forecasts, "PATIENCE", 0.0)
    plan = world.plan(qfs=(10,))

    told = forecast(plan, directory, workers=1)

    assert told.untimed == ("original", "fake", "detection, brightness")
    assert told.seconds == 0.0
    lines = list(forecast_lines(plan, directory, told))
    assert "–: not timed, so not in it: original, fake, detection, brightness" in lines


def test_a_part_that_fails_is_named(world, directory):
    world.fake.fails_on = (1, 2)
    plan = world.plan(qfs=(10,))

    told = forecast(plan, directory, workers=1)

    [problem] = told.problems
    assert "out of memory" in problem
    assert told.untimed == ("fake",)
    assert f"Fails on it: {problem}" in list(forecast_lines(plan, directory, told))
