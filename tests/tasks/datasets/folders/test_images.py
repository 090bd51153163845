"""A folder of images is a data set: same ids and fingerprint wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from paths import LIVE1

from harness.errors import UserError
from tasks.datasets.folders.images import SUFFIXES, ImageFolder


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


def sorted_into(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"1")
    return ImageFolder(root)


def test_first_level_folders_are_classes_where_every_image_is_in_one(tmp_path):
    (tmp_path / "empty").mkdir()
    data = sorted_into(tmp_path, "dog/b.png", "cat/a.jpg", "dog/young/c.png", "Zebra/z.png")
    (tmp_path / "readme.txt").write_text("no image")
    assert data.tasks == ("classification", "fidelity")
    assert data.classes == ("Zebra", "cat", "dog")  # sorted as torchvision's ImageFolder does
    assert {image.id: data.label(image.id) for image in data.images()} == {
        "Zebra/z.png": 0, "cat/a.jpg": 1, "dog/b.png": 2, "dog/young/c.png": 2,
    }  # fmt: skip


def test_one_image_beside_the_folders_and_there_are_no_classes(tmp_path):
    data = sorted_into(tmp_path, "dog/b.png", "cat/a.jpg", "cover.png")
    assert (data.tasks, data.classes) == (("fidelity",), ())
    with pytest.raises(NotImplementedError, match="has no class of an image"):
        data.label("dog/b.png")


def test_torchvisions_image_folder_gives_the_same_labels(tmp_path):
    from torchvision.datasets import ImageFolder as Reference

    data = sorted_into(
        tmp_path, *(f"{c}/{k}.png" for c in ("b c", "B", "_x", "10", "9") for k in "12")
    )
    reference = Reference(str(tmp_path))
    assert list(data.classes) == reference.classes
    labels = {str(Path(path).relative_to(tmp_path)): label for path, label in reference.samples}
    assert {image.id: data.label(image.id) for image in data.images()} == labels


def test_it_is_asked_last_and_takes_no_options(folder):
    assert ImageFolder.fallback and ImageFolder.options == ()
    assert ImageFolder.accepts(folder, {}) and not ImageFolder.accepts(folder / "a.jpg")
    assert set(ImageFolder.default_models) == {"detection", "segmentation", "classification"}
