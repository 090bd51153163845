"""COCO's instances as VOC-labelled masks, as torchvision's segmenters are scored on them."""

import json

import numpy as np
import pytest
from made_data import coco, instances, note
from paths import DATA

from harness.errors import UserError
from tasks.classes import COCO, COCO_IDS, VOC, canonical
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.coco.masks import CATEGORIES, LABELS, voc_mask
from tasks.datasets.coco.val2017 import CocoVal2017, CocoVal2017Voc

NAMES = dict(zip(COCO_IDS, COCO, strict=True))


def square(number, category, x, y, side, **more):
    return note(number, 1, category, [x, y, side, side], **more)


def crowd(number, category, inside):
    """An annotation as crowds have them: lengths of runs down the columns, outside first."""
    flat = np.asarray(inside).flatten(order="F")
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
    counts = np.diff(np.concatenate([[0], changes, [flat.size]]))
    outline = {"counts": counts.tolist(), "size": list(np.shape(inside))}
    return square(number, category, 0, 0, 4, segmentation=outline, iscrowd=1)


def test_the_categories_are_vocs_in_vocs_order():
    assert [canonical(NAMES[number]) for number in CATEGORIES] == [canonical(n) for n in VOC]
    assert (LABELS[0], LABELS[1:]) == ("background", VOC)


def test_instances_are_drawn_by_class_and_other_classes_are_background():
    mask = voc_mask(
        [square(1, 1, 2, 3, 4), square(2, 5, 10, 3, 4), square(3, 90, 20, 3, 4)], 30, 20
    )

    expected = np.zeros((20, 30), np.uint8)
    expected[3:7, 2:6], expected[3:7, 10:14] = VOC.index("person") + 1, VOC.index("aeroplane") + 1
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


def test_where_instances_overlap_is_ignored_of_one_class_too():
    mask = voc_mask([square(1, 1, 2, 3, 6), square(2, 18, 5, 3, 6), square(3, 18, 9, 3, 6)], 30, 20)

    assert [mask[4, x] for x in (3, 6, 8, 9, 10, 13)] == [15, 255, 12, 255, 255, 12]


def test_polygons_of_one_instance_do_not_overlap_each_other():
    twice = square(1, 1, 2, 3, 6)
    twice["segmentation"] *= 2

    assert set(np.unique(voc_mask([twice], 30, 20))) == {0, 15}


def test_crowds_count_like_other_instances():
    inside = np.zeros((20, 30), np.uint8)
    inside[5:9, 1:12] = 1

    mask = voc_mask([crowd(1, 1, inside), square(2, 18, 10, 6, 4)], 30, 20)

    np.testing.assert_array_equal(mask == 15, (inside == 1) & (mask != 255))
    assert mask[7, 11] == 255
    assert mask[7, 13] == 12


def test_an_image_without_these_classes_is_background():
    assert not voc_mask([], 4, 3).any()
    assert not voc_mask([square(1, 90, 0, 0, 2)], 4, 3).any()


@pytest.mark.parametrize("outline", [[], [[]], {}, {"counts": "??", "size": [9, 9]}, "x", [[1, 2]],
                                     {"counts": [600], "size": [5, 5]}])  # fmt: skip
def test_an_outline_that_is_none_is_named(outline):
    with pytest.raises(UserError, match="outline of annotation 8 is neither polygons nor"):
        voc_mask([square(8, 1, 0, 0, 2, segmentation=outline)], 30, 20)


@pytest.mark.parametrize("name", ["coco128/instances_train2017.json",
                                  "tinycoco/annotations/instances_train2017.json"])  # fmt: skip
def test_real_masks_are_pycocotools_instances_counted(name):
    """By another way: each instance by ``annToMask``; one owner a pixel gives its class."""
    if not (DATA / name).exists():
        pytest.skip(f"no {name} beside the repository")
    from pycocotools import coco as pycocotools

    reference, data = pycocotools.COCO(DATA / name), CocoFile(DATA / name)
    seen = set()
    for number, entry in sorted(reference.imgs.items())[:40]:
        notes = reference.loadAnns(reference.getAnnIds(number, catIds=list(CATEGORIES)))
        mask = data.mask(entry["file_name"])
        assert mask.shape == (entry["height"], entry["width"])
        owners = np.zeros((len(notes) + 1, *mask.shape), bool)
        for place, found in enumerate(notes):
            owners[place] = reference.annToMask(found)
        alone = owners.sum(0) == 1
        assert (mask[owners.sum(0) > 1] == 255).all()
        assert (mask[~owners.any(0)] == 0).all()
        for place, found in enumerate(notes):
            value = CATEGORIES.index(found["category_id"]) + 1
            assert (mask[alone & owners[place]] == value).all()
        seen |= set(np.unique(mask).tolist())
    assert {0, 15, 255} < seen


def official(notes):
    content = instances()
    content["categories"] = [{"id": i, "name": name} for i, name in NAMES.items()]
    content["annotations"] = notes
    return content


def test_a_file_has_masks_if_its_categories_are_cocos_and_outlines_are_there(tmp_path):
    notes = [note(1, 7, 18, [2, 3, 10, 12])]
    data = CocoFile(coco(tmp_path, official(notes)))
    assert data.tasks == ("detection", "segmentation", "fidelity")
    assert data.labels == LABELS
    assert data.classes == COCO
    assert set(np.unique(data.mask("0007.jpg"))) == {0, 12}
    assert not data.mask("0005.jpg").any()

    del notes[0]["segmentation"]
    data = CocoFile(coco(tmp_path, official(notes)))
    assert data.tasks == ("detection", "fidelity")
    with pytest.raises(NotImplementedError):
        data.mask("0007.jpg")
    assert len(data.labels) == 81

    content = official([note(1, 7, 18, [2, 3, 10, 12])])
    content["categories"][0]["name"] = "people"
    assert CocoFile(coco(tmp_path, content)).tasks == ("detection", "fidelity")


def test_val2017_with_vocs_labels_counts_every_image(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"^coco-val2017-voc is not .*fetch coco-val2017-voc` \(1"):
        CocoVal2017Voc().images()
    path = coco(tmp_path / "coco", official([note(1, 7, 18, [2, 3, 10, 12])]))
    data = CocoVal2017Voc()

    assert [ref.id for ref in data.images()] == ["0003.jpg", "0005.jpg", "0007.jpg"]
    assert (data.tasks, data.labels) == (("segmentation", "fidelity"), LABELS)
    assert data.categories == tuple(range(1, 21))
    assert set(np.unique(data.mask("0007.jpg"))) == {0, 12}
    assert not data.mask("0003.jpg").any()
    with pytest.raises(NotImplementedError):
        data.coco(["0003.jpg"])
    before = data.fingerprint()
    path.write_text(json.dumps(official([])))
    assert CocoVal2017Voc().fingerprint() != before


@pytest.fixture
def val2017(tmp_path, monkeypatch):
    """A data root with a COCO val2017 of three images."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    content = instances()
    names = zip(COCO_IDS, COCO, strict=True)
    content["categories"] = [{"id": i, "name": name} for i, name in names][::-1]
    coco(tmp_path / "coco", content)
    return tmp_path / "coco"


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
