"""COCO instances files: what is read, what is refused, what is done with a part of the images."""

import json
import shutil

import numpy as np
import pytest
from made_data import coco, instances, note, picture
from paths import DATA

from harness.errors import UserError
from tasks.classes import COCO, COCO_IDS
from tasks.datasets.coco.coco_file import CocoFile


def shared(name):
    if not (DATA / name).exists():
        pytest.skip(f"no {name} beside the repository")
    return DATA / name


def test_images_come_by_id_and_annotations_with_them(tmp_path):
    data = CocoFile(coco(tmp_path / "zoo", instances()))

    assert data.name == "zoo-val2017"
    assert [ref.id for ref in data.images()] == ["0003.jpg", "0005.jpg", "0007.jpg"]
    assert (data.classes, data.categories) == (("person", "dog"), (1, 18))
    truth = data.coco(["0005.jpg", "0007.jpg"])
    assert [image["id"] for image in truth["images"]] == [5, 7]  # 5 has no annotation
    assert truth["images"][1] == {
        "id": 7, "file_name": "0007.jpg", "width": 40, "height": 30, "harness_id": "0007.jpg",
    }  # fmt: skip
    assert [(n["id"], n["iscrowd"]) for n in truth["annotations"]] == [(1, 0), (2, 1)]
    assert "segmentation" not in truth["annotations"][0]
    assert truth["categories"] == [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    assert data.tasks == ("detection", "fidelity")  # its categories are not COCO's


def test_the_shared_sets_are_what_pycocotools_reads():
    from pycocotools import coco as pycocotools

    path = shared("coco128") / "instances_train2017.json"
    data, reference = CocoFile(path), pycocotools.COCO(path)
    ids = [ref.id for ref in data.images()]
    truth = data.coco(ids)

    assert ids == [reference.imgs[i]["file_name"] for i in sorted(reference.imgs)]
    assert data.categories == tuple(sorted(reference.getCatIds())) == COCO_IDS
    assert data.classes == COCO
    assert len(truth["annotations"]) == 939
    assert sum(n["iscrowd"] for n in truth["annotations"]) == 10
    for found in truth["annotations"]:
        assert found["bbox"] == reference.anns[found["id"]]["bbox"]
        assert found["image_id"] == reference.anns[found["id"]]["image_id"]
    assert data.notice == ""


def test_tinycoco_by_path():
    data = CocoFile(shared("tinycoco") / "annotations" / "instances_val2017.json")

    assert (data.name, len(data.images())) == ("tinycoco-val2017", 6)
    assert data.folder == (DATA / "tinycoco" / "images" / "val2017").resolve()
    assert data.tasks == ("detection", "segmentation", "fidelity")


@pytest.mark.parametrize("place", ["val2017", "images/val2017", "images", "annotations/val2017",
                                   "annotations/images", "annotations", "."])  # fmt: skip
def test_the_images_are_found_in_the_usual_places(tmp_path, place):
    data = CocoFile(coco(tmp_path, instances(), images=place))

    assert len(data.images()) == 3
    assert all(ref.path.is_file() for ref in data.images())


def test_images_that_are_nowhere_are_asked_for_in_one_sentence(tmp_path):
    path = coco(tmp_path / "a", instances(), images="../photos")

    with pytest.raises(UserError, match=r"None of the 3 images .*/a/images.*with --images\.$"):
        CocoFile(path)
    with pytest.raises(UserError, match=r"None of the 3 images .* is in .*/a/annotations: name"):
        CocoFile(path, images=str(path.parent))
    assert len(CocoFile(path, images=str(tmp_path / "photos")).images()) == 3


def test_images_that_are_no_folder_are_told_apart_from_the_wrong_folder(tmp_path):
    path = coco(tmp_path, instances())

    with pytest.raises(UserError, match=r"^--images nowhere does not exist: it takes the folder"):
        CocoFile(path, images="nowhere")
    with pytest.raises(UserError, match=r"^--images .*\.json is a file: it takes the folder"):
        CocoFile(path, images=str(path))


def test_only_json_files_are_accepted(tmp_path):
    path = coco(tmp_path, instances())

    assert CocoFile.accepts(path, {})
    assert not CocoFile.accepts(path.parent, {})
    assert not CocoFile.accepts(path.with_suffix(".yaml"), {})


def test_boxes_over_the_border_count_and_are_told(tmp_path):
    content = instances()
    content["annotations"][0]["bbox"] = [-0.6, 3, 10, 12]
    assert CocoFile(coco(tmp_path, content)).notice == ""

    content["annotations"][0]["bbox"] = [-3, 3, 10, 12]
    data = CocoFile(coco(tmp_path, content))
    assert "1 of 3 boxes reach more than a pixel beyond" in data.notice
    assert data.coco(["0007.jpg"])["annotations"][0]["bbox"] == [-3, 3, 10, 12]
    assert "x1" not in data.notice

    content["annotations"][2]["bbox"] = [30.5, 20, 40, 30]  # its corners
    assert "If they are [x1, y1, x2, y2]" in CocoFile(coco(tmp_path, content)).notice


def test_a_flat_outline_as_train2017_has_two_is_no_mistake(tmp_path):
    content = instances()
    flat = [9.98, 18.56, 15.52, 18.56, 15.52, 18.56, 11.09, 18.56]
    content["annotations"][0].update(segmentation=[flat], bbox=[9.98, 18.56, 5.54, 0.0])

    data = CocoFile(coco(tmp_path, content))

    assert data.coco(["0007.jpg"])["annotations"][0]["bbox"][3] == 0


def test_sizes_that_the_file_does_not_say_are_the_headers(tmp_path):
    content = instances()
    for entry in content["images"]:
        del entry["width"], entry["height"]
    path = coco(tmp_path, content)
    picture(tmp_path / "val2017" / "0005.jpg", (24, 16))

    truth = CocoFile(path).coco(["0003.jpg", "0005.jpg"])
    sizes = [(entry["width"], entry["height"]) for entry in truth["images"]]

    assert sizes == [(40, 30), (24, 16)]


def test_ids_that_are_names_are_numbered(tmp_path):
    content = instances()
    for entry in content["images"]:
        entry["id"] = f"image {entry['id']}"
    for entry in content["annotations"]:
        entry["image_id"] = f"image {entry['image_id']}"
    data = CocoFile(coco(tmp_path, content))

    truth = data.coco(["0007.jpg", "0003.jpg"])

    assert [ref.id for ref in data.images()] == ["0007.jpg", "0003.jpg", "0005.jpg"]
    assert [image["id"] for image in truth["images"]] == [1, 2]
    assert [n["image_id"] for n in truth["annotations"]] == [1, 1, 2]


def test_a_category_that_only_groups_others_is_left_out(tmp_path):
    content = instances()
    for entry in content["categories"]:
        entry["supercategory"] = "things"
    content["categories"].append({"id": 0, "name": "things", "supercategory": "none"})
    path = coco(tmp_path, content)
    assert CocoFile(path).classes == ("person", "dog")

    content["annotations"].append(note(9, 3, 0, [1, 1, 5, 5]))
    path.write_text(json.dumps(content))
    assert CocoFile(path).classes == ("things", "person", "dog")

    content["annotations"].pop()
    content["categories"][-1]["name"] = "dog"  # as the only class's group is called
    path.write_text(json.dumps(content))
    assert CocoFile(path).categories == (1, 18)


def test_an_image_of_another_size_is_refused_and_a_turned_one_explained(tmp_path):
    path = coco(tmp_path, instances())
    picture(tmp_path / "val2017" / "0005.jpg", (20, 15))
    with pytest.raises(UserError, match=r"1 of 3 .*0005\.jpg first: it is 20×15 .* 40×30; use the"):
        CocoFile(path).images()

    picture(tmp_path / "val2017" / "0005.jpg", (40, 30), orientation=6)
    with pytest.raises(UserError, match=r"it is 30×40 .* 40×30; its EXIF orientation turns it"):
        CocoFile(path).images()

    picture(tmp_path / "val2017" / "0005.jpg", (30, 40), orientation=6)  # upright, it is 40×30
    assert len(CocoFile(path).images()) == 3


def test_a_part_of_the_images_can_be_used_and_the_rest_is_asked_for(tmp_path):
    path = coco(tmp_path, instances())
    (tmp_path / "val2017" / "0007.jpg").unlink()
    data = CocoFile(path)

    with pytest.raises(
        UserError,
        match=r"1 of its 3 images are missing, .*0007\.jpg first: .*"
        r"--images, or run on the first 2 with --limit 2\.$",
    ):
        data.images()  # fmt: skip
    data.available(2)
    part = data.fingerprint()
    assert len(data.images()) == 3

    (tmp_path / "val2017" / "0003.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of the first 2 images .*0003\.jpg first: [^,]*,[^,]*$"):
        CocoFile(path).available(2)

    other = coco(tmp_path / "other", instances())
    whole = CocoFile(other)
    whole.available(2)
    assert whole.fingerprint() == part  # as if only these were there
    whole.available(None)
    assert whole.fingerprint() != part


def test_the_fingerprint_is_of_the_contents_and_not_of_the_place(tmp_path):
    before = CocoFile(coco(tmp_path / "a", instances())).fingerprint()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    data = CocoFile(tmp_path / "b" / "annotations" / "instances_val2017.json")
    assert data.fingerprint() == before

    image = tmp_path / "b" / "val2017" / "0005.jpg"
    image.write_bytes(image.read_bytes() + b"\0")
    assert data.fingerprint() == before  # read once
    changed = CocoFile(data.annotations).fingerprint()
    assert changed["annotations"] == before["annotations"]
    assert changed["images"] != before["images"]

    content = instances()
    content["annotations"].pop()
    data.annotations.write_text(json.dumps(content))
    assert CocoFile(data.annotations).fingerprint()["annotations"] != before["annotations"]


def test_reading_many_images_asks_each_folder_once(tmp_path, monkeypatch):
    from tasks.datasets.common import files

    data = CocoFile(coco(tmp_path, instances()))
    listed = []
    monkeypatch.setattr(files.os, "listdir", lambda path: listed.append(path) or ["0003.jpg"])

    with pytest.raises(UserError, match="2 of its 3 images"):
        data.images()
    with pytest.raises(UserError, match="2 of its 3 images"):
        data.images()
    assert listed == [data.folder]


def test_boxes_are_finite_floats_for_the_metric():
    data = CocoFile(shared("tinycoco") / "annotations" / "instances_train2017.json")
    boxes = [n["bbox"] for n in data.coco([ref.id for ref in data.images()])["annotations"]]
    assert np.isfinite(boxes).all()
    assert len(boxes) == 288
