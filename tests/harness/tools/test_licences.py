from email.message import Message

import pytest

from harness.plugins import registry
from harness.plugins.registry import Entry, Registry
from harness.tools import licences


class Library:
    """A distribution by its metadata alone."""

    def __init__(self, *fields, requires=()):
        self.metadata = Message()
        for name, value in fields:
            self.metadata[name] = value
        self.requires = list(requires)


@pytest.mark.parametrize(
    ("fields", "stated"),
    [
        ([("License-Expression", "MIT"), ("License", "other")], "MIT"),
        ([("License", "BSD"), ("Classifier", "License :: OSI Approved :: MIT License")], "BSD"),
        (
            [("License", "The whole text of it. " * 9), ("License-File", "LICENSE"),
             ("Classifier", "License :: OSI Approved :: MIT License")],
            "MIT License",
        ),
        ([("License", "UNKNOWN"), ("License-File", "LICENSE"), ("License-File", "NOTICE")],
         "in its file LICENSE"),
        ([("Name", "x")], "not stated in its metadata"),
    ],
)  # fmt: skip
def test_the_licence_is_the_first_field_that_names_one(fields, stated):
    assert licences.licence_of(Library(*fields)) == stated


def test_requirements_are_followed_but_those_of_extras_are_not(monkeypatch):
    installed = {
        "us": Library(requires=["One_A>=2", "missing", "test-tool; extra == 'test'"]),
        "one-a": Library(requires=["two[fast]>1; python_version>='3'", "win; sys_platform=='w'"]),
        "two": Library(requires=["one.a"]),  # a circle
    }

    def distribution(name):
        if name not in installed:
            raise licences.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(licences, "distribution", distribution)

    assert licences.needed("us") == {
        "one-a": installed["one-a"], "two": installed["two"], "missing": None,
    }  # fmt: skip


def test_a_plugin_that_cannot_be_imported_takes_nothing_down(monkeypatch):
    entries = [
        Entry("x", "nowhere:X", "a plugin"),
        Entry("ours", "restorers.reference:Original", ""),
    ]
    monkeypatch.setattr(registry, "restorers", lambda: Registry("restorer", entries))

    found = licences.asset_licences()

    [(reason, names)] = found["Weights of restorers"].items()
    assert names == ["x"] and "nowhere" in reason
    assert any("CC BY 4.0" in licence for licence in found["Data sets that are fetched"])


def test_everything_that_is_shipped_or_fetched_has_its_licence_shown(harness):
    code, out, _ = harness("show", "licences")

    assert code == 0
    assert out.startswith("restoration-harness: MIT\n")
    for name in ("torch ", "dagn-small", "swinir-official-q10", "pspnet_scenes", "voc2012"):
        assert name in out
    assert max(map(len, out.splitlines())) <= licences.WIDTH
