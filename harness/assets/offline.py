"""``--offline``: whatever code runs, no network connection is opened."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from typing import Any

from harness.assets.switches import switched_on
from harness.errors import UserError

VARIABLE = "HARNESS_OFFLINE"
_ADDRESSED = ("socket.connect", "socket.sendmsg", "socket.sendto")
"""Audit events of Python's ``socket`` whose arguments are a socket and an address."""

_ASKED = (
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
)
"""Those whose first argument is the name or the address that is looked up."""


def offline() -> bool:
    """Whether the user wants no network: ``--offline``, or ``HARNESS_OFFLINE=1``."""
    return switched_on(VARIABLE)


def enforce() -> None:
    """Refuse every network connection of this process from now on; it cannot be undone.

    Subprocesses see ``HARNESS_OFFLINE``.
    """
    os.environ[VARIABLE] = "1"
    _install()


@cache
def _install() -> None:
    """Add the hook, once: none can be taken away again, and each is asked at every event."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _ASKED:
        where = arguments[0]
    elif event in _ADDRESSED:
        if arguments[0].family == socket.AF_UNIX:
            return  # stays on this machine
        # A socket that is connected already needs no address.
        where = arguments[1] or "the other end of an open connection"
    else:
        return
    raise UserError(f"--offline: something tried to reach {where}. Run without --offline.")
