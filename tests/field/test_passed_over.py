"""Images, masks, annotations and classes are read, or one line says what is passed over."""

import shutil

import numpy as np
import pytest
from field import Constant, Oracle, run, said, score, voc_of
from made_data import coco, instances, palette, picture, xml
from PIL import Image

from harness.errors import UserError
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.folders.images import ImageFolder
from tasks.datasets.folders.masks import MaskFolder
from tasks.datasets.voc.datasets import VocFolder


def test_other_suffixes_of_images_are_read(tmp_path):
    for name in ("a.jfif", "b.JPE", "c.gif", "d.PNM"):
        form = {"jfif": "JPEG", "jpe": "JPEG", "gif": "GIF", "pnm": "PPM"}[name[2:].lower()]
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (200, 30, 30)).save(path, form)
    finished = run(tmp_path / "photos", None, task="fidelity", output=tmp_path / "out",
                   restorers=["jpeg"])  # fmt: skip
    assert len(finished.records("fidelity", "jpeg")) == 4
    assert finished.notices == ()


@pytest.mark.parametrize("more", [{}, {"limit": 1}])
def test_what_is_passed_over_in_a_folder_is_one_line(tmp_path, more):
    photos = tmp_path / "photos"
    for name in ("a.png", "sub/b.png", ".kept/c.png"):
        picture(photos / name)
    (photos / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (photos / "z.avif").write_bytes(b"\0\0\0\x18ftypavif")
    picture(photos / "no_suffix.jpg").rename(photos / "no_suffix")
    (photos / "again").symlink_to(photos / "sub")
    (photos / "._a.png").write_bytes(b"macOS")
    (photos / "readme.txt").write_text("nothing")
    finished = run(photos, None, task="fidelity", output=tmp_path / "out", restorers=["jpeg"],
                   **more)  # fmt: skip

    (line,) = finished.notices
    reasons = line.removeprefix("photos: passed over: ").removesuffix(".").split("; ")
    assert sorted(reasons) == [
        "files of a kind that is not read, 2 (IMG_1.HEIC first)",
        "hidden images, 1 (.kept/c.png first)",
        "images whose names do not end as an image's, 1 (no_suffix first)",
        "links to folders that are read anyhow, 1 (again first)",
    ]


def test_linked_folders_are_read_and_never_in_circles(tmp_path):
    picture(tmp_path / "elsewhere" / "x.png")
    picture(tmp_path / "classes" / "cat" / "y.png")
    (tmp_path / "classes" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "classes")
    data = ImageFolder(tmp_path / "classes")
    assert [ref.id for ref in data.images()] == ["cat/y.png", "dog/x.png"]
    assert data.classes == ("cat", "dog")


def test_folders_that_are_no_classes_are_told(tmp_path):
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        picture(tmp_path / "sorted" / name)
    assert ImageFolder(tmp_path / "sorted").notice == ""
    (tmp_path / "sorted" / "eel").mkdir()
    assert ImageFolder(tmp_path / "sorted").notice == (
        "sorted: 1 of 3 folders hold no image and are no classes, eel first."
    )
    picture(tmp_path / "sorted" / "cover.png")
    assert (
        "sorted: 1 of 4 images lie beside the folders, cover.png first, so the 2 folders are not "
        "taken for classes"
    ) in ImageFolder(tmp_path / "sorted").notice


def test_a_folder_of_other_kinds_alone_names_them(tmp_path):
    (tmp_path / "IMG_1.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UserError, match=r"not read, 1 \(IMG_1\.heic first\)\.$"):
        ImageFolder(tmp_path)


def test_vocs_files_in_capitals_and_sub_folders_are_read(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0))
    shutil.rmtree(root / "ImageSets")
    (root / "Annotations" / "a.xml").rename(root / "Annotations" / "a.XML")
    picture(root / "JPEGImages" / "sub" / "e.jpg")
    xml(root / "Annotations" / "sub" / "e.xml", [("dog", 4, 4, 20, 12, 0)])
    found = Oracle(["dog"], [[3, 3, 20, 12]], [1])
    finished = run(root, found, output=tmp_path / "out")
    assert [ref.id for ref in VocFolder(root).images()] == ["a", "b", "sub/e"]
    assert score(finished) > 80
    assert "My: passed over: images without annotation files, 2 (c first)." in said(finished)


@pytest.mark.parametrize("more", [{}, {"limit": 1}])
def test_vocs_images_and_annotations_without_the_other_are_told(tmp_path, more):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0))
    shutil.rmtree(root / "ImageSets")
    xml(root / "Annotations" / "lost.xml", [])
    finished = run(root, Oracle(["dog"]), output=tmp_path / "out", **more)
    assert "images without annotation files, 2 (c first)" in said(finished)
    assert "annotation files without an image, 1 (lost first)" in said(finished)


def test_listed_images_without_an_annotation_are_told(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0))
    shutil.rmtree(root / "ImageSets")
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "val.txt").write_text("a\nb\nc\nnowhere\n")
    (root / "ImageSets" / "train.txt").write_text("d\n")
    notice = VocFolder(root).notice
    assert "images without annotation files, 1 (c first)" in notice
    assert "listed names without an image, 1 (nowhere first)" in notice


def test_masks_of_other_kinds_are_read_and_unused_ones_told(tmp_path):
    values = np.zeros((30, 40), np.uint8)
    values[5:20, 5:20] = 1
    for stem, suffix in (("a", "png"), ("b", "BMP"), ("c", "tif")):
        picture(tmp_path / "images" / f"{stem}.jpg")
        palette(tmp_path / "masks" / f"{stem}.png", values)
        if suffix != "png":
            (tmp_path / "masks" / f"{stem}.png").unlink()
            Image.fromarray(values).save(tmp_path / "masks" / f"{stem}.{suffix}")
    palette(tmp_path / "masks" / "spare.png", values)
    (tmp_path / "masks" / "classes.txt").write_text("background\ndog\n")
    finished = run(tmp_path / "images", Constant(["dog"]), task="segmentation",
                   masks=str(tmp_path / "masks"), output=tmp_path / "out")  # fmt: skip

    assert len(finished.records("segmentation", "original")) == 3
    assert score(finished) == pytest.approx(100 * (1 - 225 / 1200) / 2)
    assert "images: passed over: masks without an image, 1 (spare.png first)." in said(finished)


def test_masks_in_the_folder_of_the_images_are_png(tmp_path):
    picture(tmp_path / "a.bmp")
    palette(tmp_path / "a.png", np.zeros((30, 40), np.uint8))
    data = MaskFolder(tmp_path, masks=str(tmp_path))
    assert [ref.id for ref in data.images()] == ["a.bmp"]


def test_cocos_unlisted_images_and_empty_categories_are_told(tmp_path):
    made = instances()
    made["categories"].append({"id": 2, "name": "moose"})
    path = coco(tmp_path, made)
    picture(tmp_path / "val2017" / "more.jpg")
    finished = run(path, Oracle(["dog", "person", "moose"]), output=tmp_path / "out")
    assert "1 of 3 categories have no annotation, moose first; they are in no mean" in (
        said(finished)
    )
    assert (
        "passed over: images that instances_val2017.json does not list, 1 (more.jpg first)."
    ) in CocoFile(path).notice
