"""A process that hangs or dies is followed by one that goes on, and the right image is to blame."""

import os
import signal
import time

import pytest

from harness.engine.watched_process import FIRST, LEAST, Patience


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("segfault", "its process was ended by SIGSEGV"),
        ("null", "its process was ended by SIGSEGV"),
        ("exit", "it ended its process with exit code 0"),
        ("kill", "its process was ended by SIGKILL, as the system does that is out of memory"),
    ],
)
def test_an_image_that_ends_its_process_has_failed_and_the_others_go_on(watched, image, why):
    code, said, records = watched.run("a", image, "b")

    sentence = f"restorer bad failed on {image}: {why}"
    assert code == 0
    assert records == {"a": "well", image: sentence, "b": "well"}
    assert f"{sentence}. Going on in a fresh process.\n" in said


def test_an_image_that_hangs_is_ended_after_the_time_it_may_take(watched):
    began = time.monotonic()
    _, said, records = watched.run("slow-a", "hang", "slow-b", limit=1.5)

    assert records == {
        "slow-a": "well",
        "slow-b": "well",
        "hang": "restorer bad failed on hang: it took more than 1.5 s and was ended "
        "(see --image-timeout)",
    }
    assert "hang" in said
    assert 1.5 < time.monotonic() - began < 20


def test_of_several_images_at_work_the_one_that_dies_alone_is_to_blame(watched):
    images = ["slow-a", "segfault-1", "slow-b", "slow-c", "exit-1", "slow-d"]
    _, _, records = watched.run(*images, workers=3)

    assert set(records) == set(images)
    assert {image for image, how in records.items() if how != "well"} == {"segfault-1", "exit-1"}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_kill_from_outside_is_no_images_failure(watched, workers):
    _, said, records = watched.run("slow-a", "once", "slow-b", workers=workers)

    assert records == dict.fromkeys(["slow-a", "once", "slow-b"], "well")
    assert "SIGKILL" in said


def test_a_trial_that_ends_the_process_is_no_images_failure(watched):
    code, said, records = watched.run("trial", "a")

    assert (code, said, records) == (0, "", {"trial": "well", "a": "well"})


def test_the_same_command_again_does_not_die_again(watched):
    watched.run("a", "exit", "b")
    code, said, records = watched.run("a", "exit", "b")

    assert (code, said, len(records)) == (0, "", 3)


def test_a_process_that_dies_before_the_first_image_is_one_sentence(watched):
    code, said, records = watched.run("early")

    assert (code, records) == (1, {})
    assert said.count("\n") == 1
    assert "ended while no image was computed: it ended its process with exit code 0" in said


def test_a_process_that_dies_between_two_images_again_and_again_is_given_up(watched):
    code, said, _ = watched.run("between")

    assert code == 1
    assert said.count("\n") == 1
    assert "it ended its process with exit code 3" in said


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_process_dies_with_the_one_that_watches_it(watched):
    process = watched.start("a", "hang")
    wait_for(watched.records)
    [child] = children(process.pid)
    process.kill()
    process.communicate(timeout=30)

    wait_for(lambda: not alive(child))


def test_a_stop_sent_to_the_watching_process_alone_reaches_the_other(watched):
    process = watched.start("a", "hang")
    wait_for(watched.records)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (130, "interrupted\n")


def children(process):
    with open(f"/proc/{process}/task/{process}/children") as file:  # noqa: PTH123
        return [int(number) for number in file.read().split()]


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
        return file.read().split()[2] != "Z"


def test_the_first_image_of_a_restorer_has_longer_than_those_after_it():
    patience = Patience()
    assert patience.seconds("swinir", 300_000) == FIRST
    assert patience.seconds("swinir", 12_000_000) == pytest.approx(14_400)

    patience.learn("jpeg", 0.1, 300_000)
    assert patience.seconds("jpeg", 300_000) == LEAST
    assert patience.seconds("swinir", 300_000) == FIRST


def test_an_image_may_take_ten_times_the_slowest_a_larger_one_more():
    patience = Patience()
    patience.learn("swinir", 30, 300_000)
    patience.learn("swinir", 20, 300_000)

    assert patience.seconds("swinir", 300_000) == pytest.approx(300)
    assert patience.seconds("swinir", 3_000_000) == pytest.approx(3000)


def test_a_tiny_image_says_nothing_of_large_ones():
    patience = Patience()
    patience.learn("jpeg", 0.05, 1)

    assert patience.seconds("jpeg", 12_000_000) < 120


def test_what_the_user_says_counts_and_nothing_is_for_ever():
    patience = Patience()
    patience.asked = 5
    assert patience.seconds("swinir", 12_000_000) == 5
    patience.asked = 0
    assert patience.seconds("swinir", 1) == float("inf")
