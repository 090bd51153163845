import pytest

from harness.assets import shipped
from harness.assets.shipped import shipped_file, shipped_folder
from harness.errors import UserError


class Installed:
    """A distribution whose files are where a wheel puts them."""

    def __init__(self, files):
        self.files = files


class File:
    def __init__(self, path):
        self.path = path

    def locate(self):
        return self.path


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Code that runs from no checkout, in an empty working folder."""
    (tmp_path / "site").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(shipped, "CHECKOUT", tmp_path / "site")
    monkeypatch.setattr(shipped, "distribution", lambda name: Installed([]))
    return tmp_path


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.yaml").write_text("name: x\n")
    return folder


def test_a_checkouts_own_files_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    embedded = shipped_file("embedded", "configs", "study")

    assert embedded == shipped.CHECKOUT / "configs" / "embedded.yaml"
    assert (shipped_folder("results/reference") / "table_iv.csv").is_file()


def test_a_wheels_files_are_found_by_its_own_list(nowhere, monkeypatch):
    folder = put(nowhere / "share/restoration-harness/configs/train", "one")
    files = [File(nowhere / "site/harness/x.py"), File(nowhere / "site/.." / folder / "one.yaml")]
    monkeypatch.setattr(shipped, "distribution", lambda name: Installed(files))

    assert shipped_folder("configs/train") == folder
    assert shipped_file("one", "configs/train", "recipe") == folder / "one.yaml"


def test_files_beside_the_packages_are_found_too(nowhere):
    folder = put(nowhere / "site/share/restoration-harness/configs", "embedded")

    assert shipped_file("embedded", "configs", "study") == folder / "embedded.yaml"


def test_a_path_and_the_working_folders_own_come_first(nowhere):
    put(nowhere / "site/share/restoration-harness/configs", "a", "b")
    put(nowhere / "work/configs", "b")
    put(nowhere / "work", "c")

    assert shipped_file("b", "configs", "study").resolve() == nowhere / "work/configs/b.yaml"
    assert shipped_file("c.yaml", "configs", "study").resolve() == nowhere / "work/c.yaml"
    with pytest.raises(UserError, match=r"No study 'c': .* name of configs \(a, b\)"):
        shipped_file("c", "configs", "study")


def test_without_any_it_is_said(nowhere):
    with pytest.raises(UserError, match=r"No study 'c': .*configs \(which is not here\)"):
        shipped_file("c", "configs", "study")
