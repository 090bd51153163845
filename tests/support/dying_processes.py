"""What a process may die of; a module of its own, so that a process can import it."""

import os
import signal


def killed(sender, job):
    """As the system does that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def left(sender, job):
    """As a library does that gives up."""
    os._exit(3)
