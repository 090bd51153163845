"""A restorer that does what the environment says to images of a given grey; for its own process.

``BAD_PARTS=,segfault,exit`` leaves images of grey 0 alone, dies of 10, leaves at 20...
"""

import os
import signal
import sys
import time

from harness.plugins import Restorer


def act(kind):
    if kind == "segfault":
        signal.raise_signal(signal.SIGSEGV)
    elif kind == "exit":
        os._exit(0)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hang":
        time.sleep(1000)
    elif kind == "sys.exit":
        sys.exit(0)


class Bad(Restorer):
    name = "bad"
    multi_model = True

    def fingerprint(self, qf):
        return {"version": "1"}

    def restore(self, compressed):
        kinds = os.environ["BAD_PARTS"].split(",")
        act(kinds[round(compressed.pixels.mean() / 10)])
        return compressed.pixels
