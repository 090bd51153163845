"""Where data sets are: the flag, the variable, the settings file, the cache."""

from pathlib import Path

import pytest

from harness.assets.cards import data_root, settings, settings_path
from harness.errors import UserError

pytestmark = pytest.mark.integration


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Nothing is set, and home is an empty folder."""
    for name in ("HARNESS_DATA", "HARNESS_CACHE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(places, text):
    path = places / ".config" / "restoration-harness.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_without_a_word_the_data_lie_in_the_cache(places, monkeypatch):
    assert data_root() == places / ".cache" / "restoration-harness" / "data"
    monkeypatch.setenv("HARNESS_CACHE", "/cache")
    assert data_root() == Path("/cache/data")


def test_the_settings_file_comes_before_the_cache_and_the_variable_before_it(places, monkeypatch):
    write(places, "data_root: ~/pictures\n")

    assert data_root() == places / "pictures"
    monkeypatch.setenv("HARNESS_DATA", "/elsewhere")
    assert data_root() == Path("/elsewhere")


def test_the_settings_lie_where_the_desktop_says(places, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(places / "settings"))

    assert settings_path() == places / "settings" / "restoration-harness.yaml"


def test_looking_makes_nothing(places):
    data_root()

    assert not list(places.iterdir())


@pytest.mark.parametrize(
    "text", ["data: /x\n", "data_root: [1]\n", "- data_root\n", "data_root: x\nmore: y\n"]
)
def test_anything_else_in_the_settings_is_refused(places, text):
    write(places, text)

    with pytest.raises(UserError, match="may hold one line, 'data_root: FOLDER'"):
        settings()


@pytest.mark.parametrize("text", ["data_root: [", "a: b: c"])
def test_settings_that_are_no_yaml_are_said_in_one_line(places, text):
    write(places, text)

    with pytest.raises(UserError, match="Cannot read the settings") as raised:
        data_root()
    assert "\n" not in str(raised.value)


def test_an_empty_settings_file_says_nothing(places):
    write(places, "\n")

    assert settings() == {}
