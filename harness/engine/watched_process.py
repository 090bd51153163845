"""One process of a command, watched until it ends, or ended where an image takes too long."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from harness.engine.heartbeats import (
    VARIABLE,
    Begin,
    End,
    GivenUp,
    Keep,
    Limit,
    Message,
    Past,
    Step,
    Suspect,
    decode,
    encode_past,
)

SLOWER, LEAST = 10, 60.0
"""An image may take so many times as long as the slowest so far, and so many seconds at least."""

FIRST, FIRST_PER_PIXEL = 600.0, 1200e-6
"""Seconds for the first image of a restorer, of which nobody knows how slow it is: ten minutes,
twenty a megapixel where that is more (SwinIR takes four a third of a megapixel on a core)."""

_SMALL = 1 << 16  # pixels; what takes its time whatever the size says nothing of larger images

_TRIAL = 6
"""Images that are computed to find out whether something is thread-safe, which is timed as one."""

TICK = 0.1
"""Seconds between two looks at the time and at signals."""

_INTERRUPTED = 130


class Patience:
    """How long an image may take.

    Attributes:
        asked: seconds; 0: for ever; None: as the images before it suggest.
    """

    def __init__(self) -> None:
        self.asked: float | None = None
        self._known: set[str] = set()
        self._slowest = self._slowest_pixel = 0.0

    def learn(self, restorers: str, seconds: float, pixels: int) -> None:
        """An image went through."""
        self._known.add(restorers)
        self._slowest = max(self._slowest, seconds)
        self._slowest_pixel = max(self._slowest_pixel, seconds / max(pixels, _SMALL))

    def seconds(self, restorers: str, pixels: int) -> float:
        """For an image of so many pixels that these restorers are at."""
        if self.asked is not None:
            return self.asked or float("inf")
        slowest = SLOWER * max(self._slowest, self._slowest_pixel * pixels)
        if restorers not in self._known:
            return max(FIRST, FIRST_PER_PIXEL * pixels, slowest)
        return max(LEAST, slowest)


class Job:
    """An image at work.

    Attributes:
        begin: with what it began.
        step: what it is at.
        seconds: since it began, those left out in which all processes were stopped.
        pixels: of the image; 0 while it is not read.
    """

    def __init__(self, begin: Begin) -> None:
        self.begin = begin
        self.seconds = 0.0
        self.pixels = 0
        self.step = Step(begin.worker, f"the image {begin.image}", begin.cells, 0)

    @property
    def is_trial(self) -> bool:
        """It is no image of the run: a restorer or a vision model is tried."""
        return not self.begin.image

    @property
    def suspect(self) -> Suspect:
        """For the next process: to be computed alone."""
        return Suspect(self.begin.run, self.begin.image, self.begin.cells)

    def given_up(self, why: str) -> GivenUp:
        """For the next process: not to be tried again, and why."""
        sentence = f"{self.step.who} failed on {self.begin.image}: {why}"
        return GivenUp(self.begin.run, self.begin.image, self.step.cells, sentence)


class WatchedProcess:
    """One process of the command.

    Attributes:
        jobs: the images at work, by worker.
        ended: how many images came to an end.
        hung: the one that took too long.
        kept: what the next process must know.
        death: why there is no exit code, part of a sentence.
        killed: by SIGKILL that is not ours.
    """

    def __init__(
        self,
        command: Sequence[str],
        past: Past,
        patience: Patience,
        signals: Sequence[signal.Signals],
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.hung: Job | None = None
        self.kept: dict[str, Any] = {}
        self.death, self.killed = "", False
        self._patience, self._signals = patience, signals
        self._finished: int | None = None
        self._interrupted = False
        self._through: set[tuple[str, str]] = set()
        self.ended = 0
        ours, theirs = socket.socketpair()
        with theirs:
            variable = {VARIABLE: f"{theirs.fileno()}:{os.getpid()}"}
            self._process = subprocess.Popen(
                command, env=os.environ | variable, pass_fds=(theirs.fileno(),)
            )
        self._connection = ours
        with contextlib.suppress(OSError):  # it died already
            ours.sendall(encode_past(past))

    def follow(self) -> int | None:
        """Watch until the process ends; its exit code, None where it died."""
        with self._connection:
            for message in self._messages():
                self._take(message)
        code = self._process.wait()
        if self._finished is not None:
            return self._finished
        if self._interrupted:
            return code if code > 0 else _INTERRUPTED
        if self.hung is not None:
            seconds = self._patience.seconds(self.hung.begin.restorers, self.hung.pixels)
            self.death = f"it took more than {seconds:g} s and was ended (see --image-timeout)"
        elif code < 0:
            self.killed = -code == signal.SIGKILL
            memory = ", as the system does that is out of memory" if self.killed else ""
            self.death = f"its process was ended by {_signal_name(-code)}{memory}"
        else:
            self.death = f"it ended its process with exit code {code}"
        return None

    def still_in_a_row(self, given_up: list[GivenUp]) -> list[GivenUp]:
        """Failures, with what went through meanwhile taken notice of."""
        return [
            one._replace(in_a_row=False)
            if any((one.run, cell) in self._through for cell in one.cells)
            else one
            for one in given_up
        ]

    def _messages(self) -> Iterator[Message]:
        """What the process says; time and signals are looked at in between."""
        self._connection.settimeout(TICK)
        rest = b""
        before = time.monotonic()
        while True:
            try:
                data = self._connection.recv(1 << 16)
            except TimeoutError:
                data = None
            except ConnectionResetError:
                data = b""
            now = time.monotonic()
            self._forward_signals()
            # At most two ticks: a process that was stopped (Ctrl-Z) was not slow.
            self._end_if_too_slow(min(now - before, 2 * TICK))
            before = now
            if data:
                *lines, rest = (rest + data).split(b"\n")
                yield from map(decode, lines)
            # A program that the process started may hold the socket open.
            ended = data is None and self._process.poll() is not None
            if data == b"" or ended:
                self._wait()
                return

    def _wait(self) -> None:
        """Until the process is gone; it may take its time to free what it has."""
        while self._process.poll() is None:
            self._forward_signals()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TICK)

    def _take(self, message: Message) -> None:
        if isinstance(message, Limit):
            self._patience.asked = message.seconds
        elif isinstance(message, Begin):
            self.jobs[message.worker] = Job(message)
        elif isinstance(message, Step):
            job = self.jobs[message.worker]
            job.step, job.pixels = message, message.pixels
        elif isinstance(message, End):
            job = self.jobs.pop(message.worker)
            self.ended += 1
            if message.cells:
                self._through |= {(job.begin.run, cell) for cell in message.cells}
                self._patience.learn(job.begin.restorers, job.seconds, job.pixels)
        elif isinstance(message, Keep):
            self.kept[message.name] = message.value
        else:
            self._finished = message.code

    def _end_if_too_slow(self, seconds: float) -> None:
        if self.hung is not None:
            return
        for job in self.jobs.values():
            job.seconds += seconds
            images = _TRIAL if job.is_trial else 1
            if job.seconds > images * self._patience.seconds(job.begin.restorers, job.pixels):
                self.hung = job
                self._process.kill()
                return

    def _forward_signals(self) -> None:
        """Hand on what came to this process alone; a terminal sends Ctrl-C to both."""
        while (info := signal.sigtimedwait(self._signals, 0)) is not None:
            self._interrupted = True
            if info.si_code <= 0 and self._process.poll() is None:  # from a process, by kill
                self._process.send_signal(info.si_signo)


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
