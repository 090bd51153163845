"""Where the walk is, told by the process that walks to the one that watches it.

`harness.engine.supervisor` starts the first and is the second. Messages are lines of JSON on a
socket. Light: neither side may load a model to speak of one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

VARIABLE = "HARNESS_SUPERVISOR"
"""Tells a watched process its socket and who watches it: ``FILE_DESCRIPTOR:PROCESS``."""


class Limit(NamedTuple):
    """How long an image may take: seconds, 0 for ever, None as the images before it suggest."""

    seconds: float | None


class Begin(NamedTuple):
    """A worker begins with an image.

    Attributes:
        worker: its name.
        run: the run directory.
        image: id of the image.
        cells: keys of the cells that are computed.
        restorers: those that restore it, as one word: what a time is compared with.
    """

    worker: str
    run: str
    image: str
    cells: list[str]
    restorers: str


class Step(NamedTuple):
    """A worker begins with a part of its image's way.

    Attributes:
        worker: its name.
        who: who is at work: ``restorer arcnn``.
        cells: keys of the cells that lack a record if this never ends; none: all of the run.
        pixels: of the image; 0 while it is not read.
    """

    worker: str
    who: str
    cells: list[str]
    pixels: int


class End(NamedTuple):
    """A worker is done with its image; ``cells`` are the keys of those in which it did not fail."""

    worker: str
    cells: list[str]


class Keep(NamedTuple):
    """Something that the next process must know if this one dies."""

    name: str
    value: Any


class Finished(NamedTuple):
    """The command came to its end; whatever happens to the process from here on is no failure."""

    code: int


Message = Limit | Begin | Step | End | Keep | Finished
_KINDS = {kind.__name__: kind for kind in (Limit, Begin, Step, End, Keep, Finished)}


def encode(message: Message) -> bytes:
    """A message as a line."""
    return json.dumps([type(message).__name__, *message]).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line."""
    kind, *fields = json.loads(line)
    return _KINDS[kind](*fields)


class GivenUp(NamedTuple):
    """An image that ended a process, or had to be ended with it.

    Attributes:
        run: the run directory.
        image: id of the image.
        cells: keys of the cells that it has failed in; none: all of the run.
        sentence: why.
        in_a_row: no image after it went through one of the cells.
    """

    run: str
    image: str
    cells: list[str]
    sentence: str
    in_a_row: bool = True


class Suspect(NamedTuple):
    """An image that was at work when the process died: the next one computes it alone first."""

    run: str
    image: str
    cells: list[str]

    def lies_within(self, other: Suspect) -> bool:
        """Whether it is the same image in cells of the other; some may be computed by now."""
        same = (self.run, self.image) == (other.run, other.image)
        return same and set(self.cells) <= set(other.cells)


class Past(NamedTuple):
    """What a process must know of those before it.

    Attributes:
        given_up: images that need no other try.
        alone: images that are computed one at a time before all others.
        workers: images at a time, at most; None: as the user says.
        kept: by name, what was to be kept (`Keep`).
    """

    given_up: list[GivenUp] = []  # noqa: RUF012 - never changed
    alone: list[Suspect] = []  # noqa: RUF012
    workers: int | None = None
    kept: Mapping[str, Any] = {}


def encode_past(past: Past) -> bytes:
    """What `decode_past` reads."""
    return json.dumps(past).encode() + b"\n"


def decode_past(line: bytes) -> Past:
    """What `encode_past` wrote."""
    given_up, alone, workers, kept = json.loads(line)
    return Past(
        [GivenUp(*fields) for fields in given_up],
        [Suspect(*fields) for fields in alone],
        workers,
        kept,
    )


class Watch:
    """Told where the walk is. This one tells nobody: who walks in their own process is not ended.

    Attributes:
        past: what processes before this one left; nothing here.
    """

    past = Past()

    def limit(self, seconds: float | None) -> None:
        """Say how long an image may take; see `Limit`."""

    def begin(self, run: str, image: str, cells: Collection[str], restorers: str) -> None:
        """An image is begun with in this thread; see `Begin`."""

    def step(self, who: str, cells: Collection[str], pixels: int = 0) -> None:
        """A part of its image's way is begun with; see `Step`."""

    def end(self, cells: Collection[str]) -> None:
        """The image of this thread is done with; see `End`."""

    def keep(self, name: str, value: object) -> None:
        """Have the next process know something, if this one dies; see `Keep`."""


UNWATCHED = Watch()


class Channel(Watch):
    """Tells the process that watches this one.

    Args:
        connection: to it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        with connection.makefile("rb") as lines:
            self.past = decode_past(lines.readline())

    def limit(self, seconds: float | None) -> None:
        """See `Watch`."""
        self._send(Limit(seconds))

    def begin(self, run: str, image: str, cells: Collection[str], restorers: str) -> None:
        """See `Watch`."""
        worker = threading.current_thread().name
        self._send(Begin(worker, run, image, list(cells), restorers))

    def step(self, who: str, cells: Collection[str], pixels: int = 0) -> None:
        """See `Watch`."""
        self._send(Step(threading.current_thread().name, who, list(cells), pixels))

    def end(self, cells: Collection[str]) -> None:
        """See `Watch`."""
        self._send(End(threading.current_thread().name, list(cells)))

    def keep(self, name: str, value: object) -> None:
        """See `Watch`."""
        self._send(Keep(name, value))

    def finished(self, code: int) -> None:
        """The command came to its end."""
        self._send(Finished(code))

    def _send(self, message: Message) -> None:
        with self._lock:
            self._connection.sendall(encode(message))


def attach() -> Channel | None:
    """Be watched, if this process was started to be; it dies with the one that watches it.

    Called first of all: signals are held back until then.
    """
    descriptor, _, watcher = os.environ.pop(VARIABLE, "").partition(":")
    if not descriptor or os.getppid() != int(watcher):
        return None  # a program that a watched process started
    import ctypes

    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != int(watcher):  # it died before that
        os._exit(1)
    os.set_inheritable(int(descriptor), False)
    channel = Channel(socket.socket(fileno=int(descriptor)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    return channel


_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
HELD_BACK = (signal.SIGINT, signal.SIGTERM)
"""Signals that the watching process takes for both."""
