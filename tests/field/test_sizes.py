"""Sizes in annotations that are not the images': what is exchanged with what, and by what."""

import pytest
from field import Oracle, run, said, voc_of
from made_data import coco, instances, note, palette, picture, xml

from harness.errors import UserError
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.folders.masks import MaskFolder


def exchanged(folder, orientation=None, upright=(40, 30), stated=(30, 40), box=(2, 3, 10, 12)):
    """An instances file of one image, that says ``stated``; the stored image is ``upright``."""
    made = instances()
    made["images"] = [{"id": 3, "file_name": "x.jpg", "width": stated[0], "height": stated[1]}]
    made["annotations"] = [note(1, 3, 18, list(box))]
    path = coco(folder, made)
    picture(folder / "val2017" / "x.jpg", upright, orientation=orientation)
    return path


@pytest.mark.parametrize("orientation", [None, 1, 3])
def test_exchanged_sizes_without_a_turning_tag_do_not_blame_one(tmp_path, orientation):
    with pytest.raises(UserError) as caught:
        run(exchanged(tmp_path, orientation), Oracle(["dog", "person"]), output=tmp_path / "out")
    assert (
        "x.jpg first: it is 40×30 and should be 30×40; width and height are exchanged in the "
        in (str(caught.value))
    )
    assert "EXIF" not in str(caught.value)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_exchanged_sizes_by_a_tag_name_it(tmp_path, orientation):
    path = exchanged(tmp_path, orientation, upright=(30, 40))
    with pytest.raises(UserError, match=r"it is 40×30 and should be 30×40; its EXIF orientation "
                                        r"turns it, .* take the tag away if the"):  # fmt: skip
        CocoFile(path).images()


@pytest.mark.parametrize("orientation", [None, 6])
def test_another_size_that_is_not_exchanged_is_just_another(tmp_path, orientation):
    path = exchanged(tmp_path, orientation, upright=(50, 50))
    with pytest.raises(UserError, match=r"it is 50×50 and should be 30×40; use the images that"):
        CocoFile(path).images()


def test_a_box_outside_the_exchanged_size_is_not_the_boxs_fault(tmp_path):
    path = exchanged(tmp_path, box=(32, 3, 7, 12))  # within 40×30
    with pytest.raises(UserError, match="width and height are exchanged in the annotations"):
        CocoFile(path).images()
    path = exchanged(tmp_path / "right", upright=(30, 40), box=(32, 3, 7, 12))
    with pytest.raises(UserError, match="lie outside their images"):
        CocoFile(path)


@pytest.mark.parametrize(
    ("orientation", "stored", "end"),
    [(None, (40, 30), r"x\.jpg is 40×30, so width and height are exchanged\.$"),
     (6, (30, 40), r"is 40×30 once its EXIF orientation is applied, .*, so width and height")],
)  # fmt: skip
def test_exchanged_masks_say_by_what(tmp_path, orientation, stored, end):
    picture(tmp_path / "images" / "x.jpg", stored, orientation=orientation)
    palette(tmp_path / "masks" / "x.png", [[0] * 30] * 40)
    with pytest.raises(UserError, match=end):
        MaskFolder(tmp_path / "images", masks=str(tmp_path / "masks")).images()


def test_vocs_exchanged_sizes_are_said_with_the_box_and_without(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 4, 4, 20, 12, 0), size=(30, 40))
    finished = run(root, Oracle(["dog"]), output=tmp_path / "out")
    assert "30×40, and the image is 40×30 (width and height are exchanged); boxes" in said(finished)
    xml(root / "Annotations" / "a.xml", [("dog", 4, 32, 20, 39, 0)], (30, 40))
    with pytest.raises(UserError, match=r"outside the image of 40×30 \(the file says that it is"):
        run(root, Oracle(["dog"]), output=tmp_path / "out2")
