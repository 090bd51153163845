import math

import pytest
from dying_processes import killed, left
from hypothesis import given
from hypothesis import strategies as st

from harness.tools import timing
from harness.tools.timing import Timing, TimingJob, measure, repeats_within, timed

SECONDS = st.floats(1e-6, 1e6)


@given(budget=SECONDS, seconds=SECONDS, wanted=st.integers(1, 9))
def test_repeats_and_warm_up_fit_into_the_budget_and_no_more_would(budget, seconds, wanted):
    repeats = repeats_within(budget, seconds, wanted)

    assert 0 <= repeats <= wanted
    if repeats:
        assert (repeats + 1) * seconds <= budget * (1 + 1e-9)
    if repeats < wanted:
        assert (repeats + 2) * seconds >= budget * (1 - 1e-9)


class Device:
    """A device that works behind one's back: time passes when it is waited for."""

    def __init__(self, *seconds):
        self.seconds = iter(seconds)
        self.now = self.owed = 0.0
        self.calls = 0

    def call(self):
        self.calls += 1
        self.owed += next(self.seconds)

    def synchronise(self):
        self.now, self.owed = self.now + self.owed, 0.0


def test_calls_are_timed_until_the_device_is_done_and_the_warm_up_does_not_count():
    device = Device(9, 1, 2, 3)
    device.owed = 100  # what was asked of it before

    seconds = timed(device.call, device.synchronise, 3, math.inf, lambda: device.now)

    assert seconds == [1, 2, 3]


@pytest.mark.parametrize(("budget", "calls"), [(1000, 6), (40, 4), (20, 2), (5, 2)])
def test_a_slow_warm_up_leaves_fewer_repeats_but_one(budget, calls):
    device = Device(*[10.0] * 6)

    seconds = timed(device.call, device.synchronise, 5, budget, lambda: device.now)

    assert len(seconds) == calls - 1
    assert device.calls == calls


def job(restorer):
    return TimingJob(restorer, "published", 32, "cpu", 1, 2, 60)


@pytest.mark.slow
def test_a_network_is_measured_in_a_process_of_its_own():
    found = measure(job("arcnn"))

    assert isinstance(found, Timing), found
    assert found.calls == 2
    assert 0 < found.milliseconds < 60_000
    # The 64 maps of 42x42 after the first layer have to be somewhere, and far from a gigabyte.
    assert found.peak_bytes is None or 64 * 42 * 42 * 4 <= found.peak_bytes < 1e9


def test_what_fails_in_the_process_is_said_in_words():
    assert "UserError: Unknown restorer 'arcn'. Did you mean 'arcnn'?" in measure(job("arcn"))


@pytest.mark.parametrize(
    ("death", "reason"),
    [(killed, "killed, probably for want of memory"), (left, "ended early, with status 3")],
)
def test_a_process_that_dies_is_no_crash(monkeypatch, death, reason):
    monkeypatch.setattr(timing, "_child", death)

    assert reason in measure(job("arcnn"))
