"""Ground truth beside the images that nobody reads: what lies there, and how to name it."""

import json

import numpy as np
import pytest
from field import Oracle, run, said, score
from made_data import coco, instances, note, palette, picture, xml

from harness.errors import UserError
from harness.plugins import registry
from tasks.datasets.coco.coco_file import CocoFolder
from tasks.datasets.folders.images import ImageFolder


def told(folder, tmp_path):
    """What a run of detection on a folder of images says before its agreement."""
    return said(run(folder, Oracle(["dog"]), output=tmp_path / "out"))


@pytest.fixture
def photos(tmp_path):
    for name in "ab":
        picture(tmp_path / "data" / "photos" / f"{name}.png")
    return tmp_path / "data" / "photos"


def test_nothing_beside_the_images_is_nothing_to_say(photos, tmp_path):
    (photos / "readme.txt").write_text("0 of them are mine\n")
    (photos / "a.json").write_text("{}")
    (photos / "a.json").unlink()
    assert told(photos, tmp_path).endswith("(agreement).")


@pytest.mark.parametrize("place", ["photos", "annotations"])
def test_voc_files_are_told(photos, tmp_path, place):
    for name in "ab":
        xml(photos.parent / place / f"{name}.xml", [("dog", 4, 4, 20, 12, 0)])
    line = told(photos, tmp_path)
    assert "(agreement). 2 files beside them look like VOC's annotations (" in line
    assert f"{place}/a.xml first): put the images into JPEGImages" in line


@pytest.mark.parametrize("place", ["photos", "photos/annotations", "annotations"])
def test_coco_files_are_told_with_the_option(photos, tmp_path, place):
    path = photos.parent / place / "labels.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(instances()))
    assert f"look like COCO's annotations ({path} first): name the file, --dataset {path}." in (
        told(photos, tmp_path)
    )


@pytest.mark.parametrize("place", ["photos", "labels"])
def test_yolos_files_are_told(photos, tmp_path, place):
    path = photos.parent / place / "a.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("0 0.5 0.5 0.25 0.1\n3 0.1 0.1 0.1 0.1\n")
    assert f"1 files beside them look like YOLO's boxes ({path} first): turn them into" in (
        told(photos, tmp_path)
    )


def test_yolos_layout_of_splits_is_told(tmp_path):
    picture(tmp_path / "images" / "val" / "a.png")
    path = tmp_path / "labels" / "val" / "a.txt"
    path.parent.mkdir(parents=True)
    path.write_text("0 0.5 0.5 0.25 0.1\n")
    assert "look like YOLO's boxes" in ImageFolder(tmp_path / "images" / "val").unread


@pytest.mark.parametrize("place", ["masks", "photos/masks"])
def test_masks_beside_the_images_are_told_with_the_option(photos, tmp_path, place):
    masks = photos.parent / place
    palette(masks / "a.png", np.zeros((30, 40), np.uint8))
    assert f"1 files beside them look like masks ({masks}/a.png first): name their folder, " in (
        told(photos, tmp_path)
    )


def test_images_and_masks_in_one_folder_are_no_classes_without_a_word(tmp_path):
    for name in "ab":
        picture(tmp_path / "data" / "images" / f"{name}.png")
        palette(tmp_path / "data" / "masks" / f"{name}.png", np.zeros((30, 40), np.uint8))
    assert "the folders images and masks hold pictures of the same names and are taken for cl" in (
        ImageFolder(tmp_path / "data").notice
    )
    for name in ("cat/a.png", "dog/a.png"):
        picture(tmp_path / "sorted" / name)
    assert ImageFolder(tmp_path / "sorted").notice == ""


def test_a_folder_in_cocos_layout_is_opened_as_one(tmp_path):
    made = instances()
    made["annotations"] = [note(1, 3, 18, [2, 3, 10, 12])]
    coco(tmp_path / "set", made)
    found = Oracle(["dog", "person"], [[2, 3, 12, 15]], [1])
    finished = run(tmp_path / "set", found, output=tmp_path / "out")
    assert 0 < score(finished) <= 100
    assert "agreement" not in said(finished)
    assert registry.formats().get("coco-folder") is CocoFolder

    train = tmp_path / "set" / "annotations" / "instances_train2017.json"
    train.write_text(json.dumps(made))
    data = CocoFolder.open(tmp_path / "set")
    assert data.name == "set-val2017"
    assert "annotations of train2017, val2017: val2017 is taken; --split names another" in (
        data.notice
    )
    assert CocoFolder.open(tmp_path / "set", split="val2017").notice == ""
    with pytest.raises(UserError, match=r"--split test: .* annotations of train2017, val2017 al"):
        CocoFolder.open(tmp_path / "set", split="test")
    (tmp_path / "set" / "annotations" / "instances_val2017.json").rename(train.with_stem(
        "instances_test"))  # fmt: skip
    with pytest.raises(UserError, match="annotations of test, train2017: name one with --split"):
        CocoFolder.open(tmp_path / "set")
    assert not CocoFolder.accepts(tmp_path / "set", {"masks": "x"})
