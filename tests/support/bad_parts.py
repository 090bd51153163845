"""A restorer that does what the environment says to images of a given grey; for its own process.

``BAD_PARTS=,segfault,exit`` leaves images of grey 0 alone, dies of 10, leaves at 20...
"""

import os

from misdeeds import act

from harness.plugins import Restorer


class Bad(Restorer):
    name = "bad"
    multi_model = True

    def fingerprint(self, qf):
        return {"version": "1"}

    def restore(self, compressed):
        kinds = os.environ["BAD_PARTS"].split(",")
        act(kinds[round(compressed.pixels.mean() / 10)])
        return compressed.pixels
