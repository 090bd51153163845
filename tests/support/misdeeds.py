"""What a part may do to its process."""

import ctypes
import os
import signal
import sys
import time


def act(kind):
    """Do it; what is no such thing does nothing."""
    if kind == "segfault":
        signal.raise_signal(signal.SIGSEGV)
    elif kind == "null":
        ctypes.string_at(0)
    elif kind == "exit":
        os._exit(0)
    elif kind == "sys.exit":
        sys.exit(0)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hang":
        time.sleep(1000)
