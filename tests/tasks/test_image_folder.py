"""A folder of images is a data set: same ids and fingerprint wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import UserError
from tasks.folder import SUFFIXES, ImageFolder

LIVE1 = Path(__file__).parents[2] / "../shared/data/live1"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for name in ("b.PNG", "a.jpg", "sub/a.jpg", "a.tiff", "notes.txt", ".hidden.png", ".x/a.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"bytes of {name}".encode())
    (root / "album.png").mkdir()
    return root


def test_images_are_found_by_suffix_and_sorted(folder):
    data = ImageFolder(folder)
    assert [image.id for image in data.images()] == ["a.jpg", "a.tiff", "b.PNG", "sub/a.jpg"]
    assert all(image.path == (folder / image.id).resolve() for image in data.images())
    assert (data.name, data.tasks) == ("photos", ("fidelity",))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_in_either_case(tmp_path, suffix):
    for name in ("x" + suffix, "Y" + suffix.upper()):
        (tmp_path / name).write_bytes(b"1")
    assert len(ImageFolder(tmp_path).images()) == 2


def test_the_fingerprint_is_of_names_and_bytes_not_of_the_place(folder, tmp_path):
    before = ImageFolder(folder).fingerprint()
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert ImageFolder(tmp_path / "elsewhere").fingerprint() == before
    (folder / "notes.txt").write_text("no image")
    assert ImageFolder(folder).fingerprint() == before

    kept = ImageFolder(folder)
    assert kept.fingerprint() == before
    (folder / "a.jpg").write_bytes(b"edited")
    edited = ImageFolder(folder).fingerprint()
    assert edited != before
    assert kept.fingerprint() == before
    (folder / "b.PNG").rename(folder / "c.PNG")  # as far back as before
    renamed = ImageFolder(folder).fingerprint()
    assert renamed not in (before, edited)
    (folder / "c.PNG").unlink()
    assert ImageFolder(folder).fingerprint() not in (before, edited, renamed)


def test_it_has_no_ground_truth(folder):
    with pytest.raises(NotImplementedError, match="photos has no boxes"):
        ImageFolder(folder).coco(["a.jpg"])
    with pytest.raises(NotImplementedError, match="photos has no masks"):
        ImageFolder(folder).mask("a.jpg")


def test_missing_empty_and_vanishing(folder, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"a\.jpg is a file"):
        ImageFolder(folder / "a.jpg")
    with pytest.raises(UserError, match=r"No image in .*album\.png"):
        ImageFolder(folder / "album.png")
    data = ImageFolder(folder)
    (folder / "b.PNG").unlink()
    whole = ImageFolder(folder).fingerprint()
    gone = data.fingerprint()
    assert gone != whole
    assert gone == data.fingerprint()


def test_a_link_that_leads_nowhere_is_listed_so_that_the_run_can_name_it(folder):
    before = [image.id for image in ImageFolder(folder).images()]
    (folder / "zz.png").symlink_to(folder / "nowhere.png")
    linked = ImageFolder(folder)
    assert [image.id for image in linked.images()] == [*before, "zz.png"]
    assert linked.fingerprint() != ImageFolder(folder / "sub").fingerprint()


def test_a_relative_path_has_a_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert ImageFolder(".").name == "photos"
    assert ImageFolder("sub").images()[0].id == "a.jpg"


def test_live1_has_29_images():
    if not LIVE1.is_dir():
        pytest.skip("no LIVE1 beside the repository")
    images = ImageFolder(LIVE1).images()
    assert len(images) == 29
    assert (images[0].id, images[-1].id) == ("bikes.png", "womanhat.png")
