"""Runs a command in a process that can be ended, and starts it again where it died.

A hang ends when an image takes too long; a process that dies of an image (a segmentation fault, an
``os._exit``, killed for memory) is followed by another that goes on with the rest. What the command
does is resumed as after any kill: nothing is handed over but what must not be tried again.

Several images are at work at a time, and a death does not say of which it came. So those at work
are computed alone first by the next process: the one that dies alone is the one.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

from harness.engine.heartbeats import (
    HELD_BACK,
    GivenUp,
    Past,
    Suspect,
)
from harness.engine.watched_process import Patience, WatchedProcess
from harness.text import printable

_UNEXPLAINED = 3
"""Deaths between two images that are taken for somebody's kill."""


class Supervisor:
    """Runs a command until it ends by itself.

    Args:
        command: it, with its arguments; its first act is `harness.engine.heartbeats.attach`.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._patience = Patience()
        self._given_up: list[GivenUp] = []
        self._alone: list[Suspect] = []
        self._kept: dict[str, Any] = {}
        self._workers: int | None = None

    def run(self) -> int:
        """The exit code of the command."""
        # Held back until `attach`: a Ctrl-C that comes while the interpreter loads is not lost.
        signals = [one for one in HELD_BACK if signal.getsignal(one) is not signal.SIG_IGN]
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        unexplained = 0
        while True:
            attempt = WatchedProcess(self._command, self._past(), self._patience, signals)
            code = attempt.follow()
            self._kept |= attempt.kept
            self._given_up = attempt.still_in_a_row(self._given_up)
            if code is not None:
                return code
            if attempt.jobs:
                self._learn(attempt)
                continue
            unexplained += 1
            if unexplained > _UNEXPLAINED or not attempt.ended:
                return _say_unexplained(attempt.death)

    def _past(self) -> Past:
        return Past(self._given_up, self._alone, self._workers, self._kept)

    def _learn(self, attempt: WatchedProcess) -> None:
        """Whose fault a death was, or who must be tried alone to find out."""
        jobs = list(attempt.jobs.values())
        culprit = attempt.hung
        if culprit is None and len(jobs) == 1:
            seen = any(jobs[0].suspect.lies_within(one) for one in self._alone)
            # A kill may come from outside: then the same image is fine when it is tried again.
            culprit = jobs[0] if seen or not attempt.killed else None
        if any(job.is_trial for job in jobs):
            return  # what was tried says so itself
        if culprit is not None:
            failure = culprit.given_up(attempt.death)
            self._given_up.append(failure)
            _say(f"{failure.sentence}. Going on in a fresh process.")
            return
        self._alone = [job.suspect for job in jobs]
        if attempt.killed and len(jobs) > 1:
            self._workers = max(1, len(jobs) // 2)
        names = ", ".join(job.begin.image for job in jobs)
        fewer = f", then {self._workers} at a time" if self._workers else ""
        _say(
            f"The process ended while it computed {names}: {attempt.death}. Going on in a fresh "
            f"one: first alone{fewer}."
        )


def _say_unexplained(death: str) -> int:
    _say(
        f"Error: The process of the run ended while no image was computed: {death}. A plugin or a "
        "library did it; 'harness doctor' tries each on its own."
    )
    return 1


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{printable(sentence)}\n")
            sys.stderr.flush()
