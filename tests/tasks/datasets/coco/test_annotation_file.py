"""What a COCO annotations file may hold, and what is refused in one sentence."""

import json

import numpy as np
import pytest
from made_data import coco, instances

from harness.errors import UserError
from harness.plugins import Record
from tasks.datasets.coco.coco_file import CocoFile


def broken(content, change):
    """The content after ``change``; a change may give other content altogether."""
    changed = change(content)
    return content if changed is None else changed


def first(kind, **values):
    return lambda content: content[kind][0].update(values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: {"images": []}, r"no COCO instances file: it has no annotations, categories"),
        (lambda c: [1], r"it has no images, annotations, categories"),
        (lambda c: {**c, "images": {}}, r"images is no list of objects"),
        (lambda c: {**c, "images": []}, r"lists no image"),
        (lambda c: {**c, "categories": []}, r"lists no category"),
        (first("images", file_name=3), r'needs an id and a file_name, and one is {"id": 7'),
        (first("images", id=3), r"1 times two or more images have one id, 3 first"),
        (first("images", file_name="0003.jpg"), r"images have one file_name, '0003.jpg' first"),
        (first("categories", id=1), r"categories have one id, 1 first"),
        (first("categories", id="x"), r"a category needs an integer id and a name"),
        (first("annotations", id=2), r"annotations have one id, 2 first"),
        (first("annotations", image_id=99), r"1 of 3 annotations are of no image that is listed, "
                                            r"annotation 1 first, of image_id 99"),
        (first("annotations", category_id=2), r"no category .*annotation 1 .*category_id 2"),
        (first("annotations", bbox=[1, 2, 3]), r"are not four finite numbers, annotation 1 first"),
        (first("annotations", bbox=[1, 2, 3, float("nan")]), r"are not four finite numbers"),
        (first("annotations", bbox=[1, 2, 0, 5]), r"have no area, annotation 1 first, on 0007.jpg"),
        (first("annotations", bbox=[1, 2, 5, -5]), r"have no area"),
        (first("annotations", bbox=[40, 2, 5, 5]), r"1 of 3 annotations lie outside their images, "
                                                   r"annotation 1 first, on 0007.jpg \(40×30\)"),
        (first("annotations", bbox=[-9, 2, 9, 5]), r"lie outside their images"),
        (first("annotations", iscrowd="yes"), r"the iscrowd of 1 of 3 annotations is not 0 or 1, "
                                              r'annotation 1 first: it is "yes"'),
        (first("annotations", iscrowd="0"), r"of 3 annotations is not 0 or 1, .*: it is \"0\"\."),
        (first("annotations", iscrowd=2), r"annotation 1 first: it is 2\."),
        (first("annotations", area=True), r"annotation 1 first: it is true\."),
        (first("annotations", area=10**400), r"is not a finite number, 0 or more, annotation 1"),
        (first("annotations", bbox=[1, 2, 3, 10**400]), r"are not four finite numbers"),
        (first("annotations", area="120"), r"the area of 1 of 3 annotations is not a finite num"),
        (first("annotations", area=float("nan")), r"annotation 1 first: it is NaN"),
        (first("annotations", area=-1), r"annotation 1 first: it is -1"),
        (first("categories", name="person"), r"categories have one name, 'person' first: give"),
    ],
)  # fmt: skip
def test_bad_annotations_are_one_sentence(tmp_path, change, sentence):
    path = coco(tmp_path, instances())
    path.write_text(json.dumps(broken(instances(), change)))

    with pytest.raises(UserError, match=sentence) as caught:
        CocoFile(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_areas_and_crowds_are_as_the_metric_counts_them(tmp_path):
    content = instances()
    first, second, third = content["annotations"]
    first.update(area=None, iscrowd=None)
    second.update(iscrowd=True)
    del third["area"], third["iscrowd"]
    third["bbox"] = [30, 20, 9, 8]
    notes = CocoFile(coco(tmp_path, content)).coco(["0007.jpg", "0003.jpg"])["annotations"]

    assert [(n["area"], n["iscrowd"]) for n in notes] == [(120, 0), (1200, 1), (72, 0)]
    assert all(type(n["iscrowd"]) is int for n in notes)


@pytest.mark.parametrize("field", ["iscrowd", "area"])
def test_a_null_does_not_stop_the_metric(tmp_path, field):
    from tasks.detection.task import Detection, Detections

    content = instances()
    content["annotations"] = [{**content["annotations"][0], field: None}]
    truth = CocoFile(coco(tmp_path, content)).coco(["0007.jpg"])
    found = Detections(np.float32([[2, 3, 12, 15]]), np.float32([1]), np.array([18]))

    metrics = Detection().metrics({"0007.jpg": Record("", outcome=found.to_json())}, truth)

    assert metrics["mAP"] == pytest.approx(1)


def test_what_is_no_json_says_so(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{'images': ")
    with pytest.raises(UserError, match=r"a\.json is not JSON \(Expecting property name"):
        CocoFile(path)
