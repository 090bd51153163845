"""Which commands are watched."""

import pytest

from harness.cli.entry import _is_run


@pytest.mark.parametrize(
    ("words", "watched"),
    [
        ("run --task detection", True),
        ("--offline run", True),
        ("--data-root list run", True),
        ("--max-pixels 1000 run", True),
        ("--max-pixels=1000 run", True),
        ("table run", False),
        ("run --help", False),
        ("run --show-study", False),
        ("run --dry-run", False),
        ("", False),
    ],
)
def test_a_run_is_watched_whatever_options_stand_before_it(words, watched):
    assert _is_run(words.split()) is watched
