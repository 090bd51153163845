"""Plugins of every kind of health, for the tests of ``harness doctor``."""

import hashlib
from types import SimpleNamespace

import numpy as np
import yaml

from harness.assets.cards import Download
from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins import DataSet, Restorer
from harness.plugins.registry import Entry, Registry

CARDS = {}
"""The cards of the fakes, by the fake's name."""


class Fine(Restorer):
    """A restorer that does nothing well."""

    name = "fine"

    def fingerprint(self, qf=None):
        return {}

    @classmethod
    def cards(cls):
        return CARDS.get(cls.__name__, [])

    def prepare(self, qf):
        if qf == 20:
            raise UserError("there is none for QF 20")

    def restore(self, compressed):
        return compressed.pixels


class Cropping(Fine):
    def restore(self, compressed):
        return compressed.pixels[1:]


class Fetched(Fine):
    """One whose weights its authors publish."""

    def prepare(self, qf=None):
        raise UserError("The weights are not on this machine: `harness fetch net`.")

    def predict(self, image):
        raise AssertionError("it has no weights")


class Changed(Fetched):
    """One whose shipped weights somebody has changed."""


class Needy(Fetched):
    """One that needs something else, too."""

    def prepare(self, qf=None):
        raise UserError("This model needs bricks; install them with: a trowel.")


class Seeing(Fine):
    """A vision model."""

    def prepare(self):
        pass

    def predict(self, image):
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8
        return "a cat"


class Blinded(Seeing):
    def predict(self, image):
        raise UserError("no light")


class Broom(DataSet):
    name = "broom"

    def images(self):
        return []

    def fingerprint(self):
        return {}


class Sweepings(Broom):
    """A data set to be fetched; what comes second is known when the first is here."""

    @classmethod
    def downloads(cls, limit=None):
        yield Download("http://example.org/a", "a", size=3_000_000)
        raise UserError("the first is not here")

    @classmethod
    def prepared(cls):
        return False


class Missing(Jpeg):
    def __post_init__(self):
        raise UserError("no library for that")


class Lossy(Jpeg):
    def compress(self, image, qf):
        return SimpleNamespace(pixels=image[:3])


def entries(kind, **targets):
    return Registry(kind, [Entry(n, t if ":" in t else f"{__name__}:{t}", "fakes 1") for n, t in
                           targets.items()])  # fmt: skip


def card(path, content=b"weights", **fields):
    """A card, and its file beside it where there is content."""
    about = {
        "name": path.stem, "file": f"{path.stem}.bin", "licence": "MIT", "source": "here",
        "sha256": hashlib.sha256(b"weights").hexdigest(), **fields,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(about))
    if content is not None:
        path.with_suffix(".bin").write_bytes(content)
    return path
