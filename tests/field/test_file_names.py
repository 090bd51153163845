"""File names written otherwise than the files are called: the file is found and it is said."""

import json
import shutil
import unicodedata

import numpy as np
import pytest
from field import Constant, Oracle, run, said, score, voc_of
from made_data import coco, instances, note, palette, picture, xml

from harness.errors import UserError
from tasks.classes import canonical, places
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.folders.images import ImageFolder
from tasks.datasets.folders.masks import MaskFolder
from tasks.datasets.voc.datasets import VocFolder

COMPOSED, APART = (unicodedata.normalize(form, "b\u00e4r") for form in ("NFC", "NFD"))

NAMES = [
    ("images\\im1.png", "im1.png", "backslashes and a folder too many"),
    ("sub\\im1.png", "sub/im1.png", "backslashes"),
    ("a%20b.png", "a b.png", "percent signs"),
    ("im1.PNG", "im1.png", "capitals"),
    ("Sub/IM1.png", "sub/im1.png", "capitals"),
    (f"{APART}.png", f"{COMPOSED}.png", "another Unicode form"),
    (f"{COMPOSED}.png", f"{APART}.png", "another Unicode form"),
    ("images/im1.png", "im1.png", "a folder too many"),
    ("C:\\data\\images\\im1.png", "im1.png", "backslashes and a folder too many"),
    ("/home/ann/images/im1.png", "im1.png", "a folder too many"),
]


def one(folder, written, file):
    """An instances file of one dog on one image, which is called ``file``."""
    made = instances()
    made["images"] = [{"id": 3, "file_name": "x.png", "width": 40, "height": 30}]
    made["annotations"] = [note(1, 3, 18, [2, 3, 10, 12])]
    path = coco(folder, made, images="other")
    shutil.rmtree(folder / "other")
    made["images"][0]["file_name"] = written
    path.write_text(json.dumps(made))
    picture(folder / "images" / file)
    return path


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("written", "file", "how"), NAMES)
def test_a_coco_file_name_that_is_nearly_a_files_is_that_files(tmp_path, written, file, how, named):
    path = one(tmp_path, written, file)
    found = Oracle(["dog", "person"], [[2, 3, 12, 15]], [1])
    more = {"images": str(tmp_path / "images")} if named else {}
    finished = run(path, found, output=tmp_path / "out", **more)

    assert score(finished) == pytest.approx(100)
    if written == "images/im1.png" and not named:
        assert finished.notices == ()  # of the folder above it is the file's own name
    else:
        line = "1 of 1 file names are written otherwise than the files are called"
        assert f"{line}, {written!a} first ({how}): taken for {file!a}." in said(finished)


def test_what_two_files_may_mean_is_not_taken(tmp_path):
    path = one(tmp_path, "IM1.png", "im1.png")
    picture(tmp_path / "images" / "Im1.png")
    with pytest.raises(UserError, match="name their folder with --images"):
        CocoFile(path)


def test_two_names_of_one_file_are_not_taken(tmp_path):
    made = instances()
    for entry, name in zip(made["images"], ("a/1.jpg", "b/1.jpg", "2.jpg"), strict=True):
        entry["file_name"] = name
    path = coco(tmp_path, made)
    for part in "ab":
        shutil.rmtree(tmp_path / "val2017" / part)
    picture(tmp_path / "val2017" / "1.jpg")
    with pytest.raises(UserError, match=r"2 of its 3 images are missing, .*/b/1\.jpg first"):
        CocoFile(path).images()


def test_another_suffix_is_named(tmp_path):
    path = one(tmp_path, "im1.jpg", "im1.png")
    with pytest.raises(UserError, match=r"\(there is .*/images/im1\.png, of another suffix: mend"):
        CocoFile(path)


def test_vocs_list_may_name_files_folders_and_spaces(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0))
    for stem in ("my image", "my image 2", "sub/e", COMPOSED):
        picture(root / "JPEGImages" / f"{stem}.jpg")
        xml(root / "Annotations" / f"{stem}.xml", [])
    lines = ["A.jpg", "JPEGImages/b.jpg", "my image  1", "my image 2", "sub\\e", APART]
    (root / "ImageSets" / "Main" / "val.txt").write_text("\n".join(lines), encoding="utf-8")
    data = VocFolder(root)
    assert [ref.id for ref in data.images()] == [
        *("a", "b", "my image", "my image 2", "sub/e", COMPOSED)
    ]
    assert (
        "val.txt: 4 of 6 file names are written otherwise than the files are called, 'A.jpg'"
        in (data.notice)
    )


def test_vocs_annotations_in_another_form_are_the_images(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0))
    shutil.rmtree(root / "ImageSets")
    (root / "Annotations" / "a.xml").rename(root / "Annotations" / "A.xml")
    picture(root / "JPEGImages" / f"{COMPOSED}.jpg")
    xml(root / "Annotations" / f"{APART}.xml", [("dog", 4, 4, 20, 12, 0)])
    finished = run(root, Oracle(["dog"], [[3, 3, 20, 12]], [1]), output=tmp_path / "out")
    assert score(finished) > 80
    assert "Annotations: 2 of 3 file names are written otherwise" in said(finished)


def test_masks_in_another_form_are_the_images(tmp_path):
    values = np.zeros((30, 40), np.uint8)
    values[5:20, 5:20] = 1
    for image, mask in (("a.jpg", "A.png"), (f"{COMPOSED}.jpg", f"{APART}.png")):
        picture(tmp_path / "images" / image)
        palette(tmp_path / "masks" / mask, values)
    (tmp_path / "masks" / "classes.txt").write_text("background\ndog\n")
    finished = run(tmp_path / "images", Constant(["dog"], 1), task="segmentation",
                   masks=str(tmp_path / "masks"), output=tmp_path / "out")  # fmt: skip
    assert score(finished) == pytest.approx(100 * 225 / 1200 / 2)
    assert "2 of 2 file names are written otherwise than the files are called, 'a.png' first" in (
        said(finished)
    )

    picture(tmp_path / "images" / "c.jpg")
    palette(tmp_path / "masks" / "c_mask.png", values)
    with pytest.raises(UserError, match=r"would be c\.png, and there is c_mask\.png\.$"):
        MaskFolder(tmp_path / "images", masks=str(tmp_path / "masks")).images()


def test_class_names_are_compared_in_one_form(tmp_path):
    assert places([APART], [COMPOSED]) == {0: 0}
    assert canonical(APART) == canonical(COMPOSED) != canonical("bar")
    root = voc_of(tmp_path / "My", (APART, 4, 4, 20, 12, 0))
    (tmp_path / "names.txt").write_text(f"{COMPOSED}\n", encoding="utf-8")
    bear = Oracle([APART], [[3, 3, 20, 12]], [1])
    finished = run(root, bear, classes=str(tmp_path / "names.txt"), output=tmp_path / "out")
    assert score(finished) == pytest.approx(100)


def test_class_folders_are_classes_in_one_form(tmp_path):
    for folder, image in ((COMPOSED, "a"), (APART, "b"), ("dog", "c")):
        picture(tmp_path / folder / f"{image}.png")
    data = ImageFolder(tmp_path)
    assert data.classes == (COMPOSED, "dog")
    assert sorted(data.label(ref.id) for ref in data.images()) == [0, 0, 1]
