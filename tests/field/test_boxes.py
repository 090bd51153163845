"""Boxes in other units, of another origin or of other images: told or refused, never moved."""

import json

import pytest
from field import Oracle, run, said, score, voc_of
from made_data import coco, instances, note, xml

from harness.errors import UserError
from harness.plugins import DataSet, ImageRef
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.voc.datasets import VocFolder

FRACTIONS = r"the numbers of all 2 boxes lie within 0 and 1, .* They are fractions of the image's"


def content(*boxes, **more):
    """An instances file of boxes of one dog each, without outlines, on the first image."""
    made = instances()
    made["annotations"] = [
        {**note(number, 3, 18, box), "segmentation": [], "area": None, **more}
        for number, box in enumerate(boxes, start=1)
    ]
    return made


@pytest.mark.parametrize("boxes", [([0.1, 0.2, 0.3, 0.5], [0, 0, 1, 1])])
def test_coco_boxes_that_are_fractions_are_refused(tmp_path, boxes):
    path = coco(tmp_path, content(*boxes))
    with pytest.raises(UserError, match=FRACTIONS) as caught:
        run(path, Oracle(["dog", "person"]), output=tmp_path / "out")
    assert "annotation 1 first: 0.1, 0.2, 0.3, 0.5" in str(caught.value)


def test_some_coco_boxes_within_a_pixel_are_told(tmp_path):
    data = CocoFile(coco(tmp_path, content([0.1, 0.2, 0.3, 0.5], [2, 3, 10, 12])))
    assert "the numbers of 1 of 2 boxes lie within 0 and 1, annotation 1 first" in data.notice


def test_corners_and_centres_are_told_by_the_outlines(tmp_path):
    made = instances()
    made["annotations"] = [note(1, 3, 18, [2, 3, 10, 12]), note(2, 3, 1, [20, 8, 10, 12])]
    assert CocoFile(coco(tmp_path / "right", made)).notice == ""
    for dog in made["annotations"]:
        x, y, width, height = dog["bbox"]
        dog["bbox"] = [x, y, x + width, y + height]
    told = CocoFile(coco(tmp_path / "corners", made)).notice
    assert "2 of 2 boxes do not lie round their outlines, annotation 1 first" in told
    assert "bbox are [x1, y1, x2, y2]: it is [2, 3, 12, 15], and" in told
    assert "of its outline is [2, 3, 10, 12]" in told


def test_voc_boxes_that_are_fractions_are_refused(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 0.1, 0.2, 0.4, 0.7, 0), ("dog", 0, 0, 1, 1, 0))
    with pytest.raises(UserError, match=FRACTIONS) as caught:
        run(root, Oracle(["dog"]), output=tmp_path / "out")
    assert "a dog of a.xml first" in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"limit": 1}])
def test_voc_boxes_from_0_and_beyond_the_image_are_told_and_count_as_they_are(tmp_path, more):
    root = voc_of(tmp_path / "My", ("dog", 0, 4, 3200, 12, 0), ("dog", 5, 4, 9, 12, 0))
    dogs = Oracle(["dog"], [[-1, 3, 3200, 12], [4, 3, 9, 12]], [1, 1])
    finished = run(root, dogs, output=tmp_path / "out", **more)

    assert score(finished) == pytest.approx(100) if more else score(finished) > 0
    assert "My: 1 of 2 boxes have an xmin or ymin below 1, a dog of a.xml first, and VOC count" in (
        said(finished)
    )
    assert "My: 1 of 2 boxes reach more than a pixel beyond their image, a dog of a.xml" in (
        said(finished)
    )


def test_voc_files_of_other_sizes_than_their_images_are_told(tmp_path):
    root = voc_of(tmp_path / "My", ("dog", 1, 4, 30, 12, 0), size=(400, 300))
    data = VocFolder(root)
    data.available()
    assert data.notice == (
        "My: 2 of 2 XML files say another size than their image has, a.xml first: 400×300, and the "
        "image is 40×30; boxes count as pixels of the image as it is."
    )
    xml(root / "Annotations" / "a.xml", [], (0, 0))  # some tools' "unknown"
    xml(root / "Annotations" / "b.xml", [])
    data = VocFolder(root)
    data.available()
    assert data.notice == ""


class Own(DataSet):
    """A data set of somebody's program."""

    name, tasks, classes = "own", ("detection",), ("dog",)

    def __init__(self, truth, path):
        self._truth, self._path = truth, path

    def images(self):
        return [ImageRef("0003.jpg", self._path)]

    def fingerprint(self):
        return {"truth": json.dumps(self._truth)}

    def coco(self, ids):
        return self._truth


@pytest.mark.parametrize(
    ("dog", "sentence"),
    [
        ({"bbox": [0.1, 0.2, 0.3, 0.5]}, r"own: the numbers of all 1 boxes lie within 0 and 1"),
        ({"bbox": [1, 2, 3]}, r"own: the bbox of annotation 1 is \[1, 2, 3\]; it must be four"),
        ({"bbox": [1, 2, 3, 4], "iscrowd": "0"}, r"the iscrowd of annotation 1 is '0'; it must be"),
    ],
)
def test_boxes_of_a_programs_data_set_are_looked_at_too(tmp_path, dog, sentence):
    path = coco(tmp_path, instances())
    entry = {"id": 1, "file_name": "a", "width": 40, "height": 30, "harness_id": "0003.jpg"}
    note_ = {"id": 1, "image_id": 1, "category_id": 1, "area": 1.0, "iscrowd": 0, **dog}
    truth = {"images": [entry], "annotations": [note_], "categories": [{"id": 1, "name": "dog"}]}
    own = Own(truth, path.parent.parent / "val2017" / "0003.jpg")
    with pytest.raises(UserError, match=sentence):
        run(own, Oracle(["dog"]), output=tmp_path / "out")
