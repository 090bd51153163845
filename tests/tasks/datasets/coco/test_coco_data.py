"""COCO instances files: what is read, what is refused, what is done with a part of the images."""

import json
import shutil

import numpy as np
import pytest
from made_data import coco, instances, note, picture
from paths import DATA

from harness.errors import UserError
from harness.plugins import Record
from tasks.classes import COCO, COCO_IDS
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.coco.val2017 import CocoVal2017


def shared(name):
    if not (DATA / name).exists():
        pytest.skip(f"no {name} beside the repository")
    return DATA / name


@pytest.fixture
def val2017(tmp_path, monkeypatch):
    """A data root with a COCO val2017 of three images."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    content = instances()
    names = zip(COCO_IDS, COCO, strict=True)
    content["categories"] = [{"id": i, "name": name} for i, name in names][::-1]
    coco(tmp_path / "coco", content)
    return tmp_path / "coco"


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


def test_val2017_below_the_data_root(val2017):
    data = CocoVal2017()

    assert CocoVal2017.prepared()
    assert (data.name, data.classes, data.categories) == ("coco-val2017", COCO, COCO_IDS)
    assert data.images()[0].path == val2017 / "val2017" / "0003.jpg"
    assert len(data.coco(["0007.jpg"])["annotations"]) == 2

    (val2017 / "val2017" / "0007.jpg").unlink()
    assert not CocoVal2017.prepared()
    CocoVal2017().available(2)
    with pytest.raises(
        UserError,
        match=r"0007\.jpg first: `harness fetch coco-val2017` \(1\.07 GB"
        r"\) brings it, or run on the first 2 with --limit 2",
    ):
        CocoVal2017().available()  # fmt: skip
    (val2017 / "val2017" / "0003.jpg").unlink()
    with pytest.raises(UserError, match=r"first 2 .*`harness fetch coco-val2017 --limit 2` brings"):
        CocoVal2017().available(2)


def test_val2017_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    data = CocoVal2017()

    assert not CocoVal2017.prepared()
    assert data.classes == COCO  # known without the file
    with pytest.raises(
        UserError,
        match=r"^coco-val2017 is not on this machine: `harness fetch "
        rf"coco-val2017` \(1\.07 GB\) brings it to {tmp_path}, or "
        r"name the data root with --data-root\.$",
    ):
        data.available(8)  # fmt: skip


def test_a_file_of_other_categories_is_not_val2017(val2017):
    coco(val2017, instances())
    with pytest.raises(UserError, match=r"is not COCO's: its categories are others"):
        CocoVal2017().images()


def test_damaged_annotations_of_val2017_say_how_to_mend_them(val2017):
    file = val2017 / "annotations" / "instances_val2017.json"
    file.write_text('{"images": [')

    advice = r"is not JSON .*delete it and `harness fetch coco-val2017`\.$"
    with pytest.raises(UserError, match=advice):
        CocoVal2017().available(1)
    with pytest.raises(UserError, match=advice):
        CocoVal2017.prepared()


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
