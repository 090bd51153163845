import pytest

from harness.errors import UserError
from harness.plugins import registry
from harness.plugins.registry import Entry, Registry
from harness.tools import describe


@pytest.fixture
def twice(monkeypatch):
    """Two plugins that declare one restorer."""
    entries = [
        Entry("x", "a:A", "first 1.0"),
        Entry("x", "b:B", "second 2.0"),
        Entry("plain", "collections:OrderedDict", "third 3.0"),
    ]
    monkeypatch.setattr(registry, "restorers", lambda: Registry("restorer", entries))


def test_a_name_declared_twice_is_listed_and_takes_nothing_down(twice):
    lines = list(describe.list_lines("restorers"))

    assert lines[1].startswith("  plain ")
    assert lines[1].endswith(" Dictionary that remembers insertion order (third 3.0)")
    assert lines[2].startswith("  x ")
    assert lines[2].endswith("first 1.0 and second 2.0 (declared twice: cannot be used)")
    assert "  declared by third 3.0 as collections:OrderedDict" in describe.show_lines("plain")


def test_an_unknown_name_is_answered_though_another_is_declared_twice(twice):
    with pytest.raises(UserError, match="Unknown name 'plan'. Did you mean 'plain'"):
        list(describe.show_lines("plan"))
    with pytest.raises(UserError, match="first 1.0 and b:B from second 2.0"):
        list(describe.show_lines("x"))
