"""``sys.exit(0)`` in a plugin, wherever it is called, is no success."""

import sys

import pytest
from fakes import FakeRestorer

import harness as library
from harness.errors import HarnessError
from harness.images.jpeg import Jpeg
from harness.plugins import DataSet, ImageRef, Restorer, registry


class Leaves:
    """Exits where it is told to."""

    def __init__(self, where):
        self._where = where

    def leave(self, where):
        if self._where == where:
            sys.exit(0)


class Photos(Leaves, DataSet):
    name = "leaving"
    tasks = ("fidelity",)
    classes = ()
    notice = ""

    def __init__(self, where, path):
        super().__init__(where)
        self._path = path

    def images(self):
        self.leave("images")
        return [ImageRef("0.png", self._path)]

    def fingerprint(self):
        self.leave("data fingerprint")
        return {"version": "1"}

    def available(self, limit=None):
        self.leave("available")


class Leaver(Leaves, FakeRestorer):
    def __init__(self, where):
        Leaves.__init__(self, where)
        FakeRestorer.__init__(self, "leaver")

    def prepare(self, qf):
        self.leave("prepare")

    def fingerprint(self, qf):
        self.leave("fingerprint")
        return {"version": "1"}


@pytest.mark.parametrize("where", ["images", "data fingerprint", "prepare", "fingerprint", "codec"])
def test_a_plugin_that_exits_ends_no_program_of_its_user(world, tmp_path, monkeypatch, where):
    def compress(self, image, qf):
        sys.exit(0)

    if where == "codec":
        monkeypatch.setattr(Jpeg, "compress", compress)
    photos = Photos(where, world.data.images()[0].path)

    def evaluate():
        return library.evaluate(
            task="fidelity", dataset=photos, restorers=Leaver(where), qf=10, output=tmp_path / "out"
        )

    if where == "codec":  # of an image
        with pytest.warns(
            UserWarning, match=r"codec jpeg failed on 0.png: it called sys.exit\(0\)"
        ):
            evaluate()
        return
    with pytest.raises(HarnessError) as failed:
        evaluate()
    assert "exit" in str(failed.value).lower()


@pytest.mark.parametrize("when", ["made", "prepared"])
def test_a_command_does_not_succeed_where_a_restorer_exits(harness, world, monkeypatch, when):
    class Exits(Restorer):
        name = "arcnn"
        multi_model = True

        def __init__(self):
            if when == "made":
                sys.exit(0)

        def prepare(self, qf):
            sys.exit(0)

        def fingerprint(self, qf):
            return {"version": "1"}

        def restore(self, compressed):
            return compressed.pixels

    plain = registry.Registry.get

    def get(self, name):
        return Exits if name == "arcnn" else plain(self, name)

    monkeypatch.setattr(registry.Registry, "get", get)
    folder = world.data.images()[0].path.parent
    code, _, said = harness(
        *("run", "--task", "fidelity", "--dataset", folder, "--restorers", "arcnn", "--qf", "10")
    )

    assert code in (1, 2)
    assert said.count("\n") == 1 and "exit" in said.lower()
