"""Annotations as tools write them: understood, or the sentence says what is the matter."""

import json

import pytest
from field import Oracle, run, said, score, voc_of
from made_data import coco, instances, note, picture, xml

from harness.errors import UserError
from tasks.classes import COCO, COCO_IDS
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.voc.annotation_file import read_annotation
from tasks.datasets.voc.datasets import VocFolder


@pytest.mark.parametrize(
    ("kind", "changed"),
    [("images", float), ("notes", float), ("notes", str), ("all", float)],
)
def test_ids_as_tables_write_them_are_ids(tmp_path, kind, changed):
    made = instances()
    made["images"] = made["images"][:1]
    made["annotations"] = [note(1, 7, 18, [2, 3, 10, 12])]
    for entry in made["images"] * (kind != "notes"):
        entry["id"] = changed(entry["id"])
    for entry in made["annotations"] * (kind != "images"):
        entry["image_id"] = changed(entry["image_id"])
        entry["category_id"] = changed(entry["category_id"])
    for entry in made["categories"] * (kind == "all"):
        entry["id"] = changed(entry["id"])
    found = Oracle(["dog", "person"], [[2, 3, 12, 15]], [1])
    assert score(run(coco(tmp_path, made), found, output=tmp_path / "out")) == pytest.approx(100)


def test_an_id_that_is_no_whole_number_is_still_none(tmp_path):
    made = instances()
    made["images"][0]["id"] = 7.5
    with pytest.raises(UserError, match="an image needs an id"):
        CocoFile(coco(tmp_path, made))


def cocos(*notes):
    """An instances file with COCO's own categories, which has masks."""
    made = instances()
    pairs = zip(COCO_IDS, COCO, strict=True)
    made["categories"] = [{"id": number, "name": name} for number, name in pairs]
    made["annotations"] = list(notes)
    return made


def test_a_polygon_of_two_points_names_file_and_need(tmp_path):
    thin = note(2, 3, 18, [20, 3, 10, 12])
    thin["segmentation"] = [[20, 3, 30, 15]]
    path = coco(tmp_path, cocos(note(1, 7, 18, [2, 3, 10, 12]), thin))
    data = CocoFile(path)
    assert "1 of 2 outlines have a polygon of fewer than 3 points, annotation 2 first, and a" in (
        data.notice
    )
    sentence = (
        rf"^{path}: the outline of annotation 2 .* \(a polygon needs 3 points, and one has 2\)"
    )
    with pytest.raises(UserError, match=sentence):
        data.mask("0003.jpg")
    assert data.mask("0007.jpg").max() == 12


@pytest.mark.parametrize("encoding", ["GB2312", "gbk", "Shift_JIS", "ISO-8859-1", "UTF-16"])
def test_xml_in_other_encodings_is_read(tmp_path, encoding):
    name = "b\u00e4r" if encoding == "ISO-8859-1" else "\u732b"
    path = xml(tmp_path / "a.xml", [(name, 4, 4, 20, 12, 0)])
    text = path.read_text(encoding="utf-8")
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(encoding))
    assert [thing.name for thing in read_annotation(path).things] == [name]


@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="utf-8"?>'])
def test_xml_in_an_encoding_that_it_does_not_name_says_so(tmp_path, declared):
    path = xml(tmp_path / "a.xml", [("\u4e2d\u56fd", 4, 4, 20, 12, 0)])
    path.write_bytes((declared + path.read_text(encoding="utf-8")).encode("gb2312"))
    with pytest.raises(
        UserError, match=r"a\.xml is not in the encoding that it names \('utf-8' co"
    ):
        read_annotation(path)


def test_images_in_sub_folders_find_their_annotations_in_one(tmp_path):
    root = voc_of(tmp_path / "My")
    (root / "ImageSets" / "Main" / "val.txt").unlink()
    picture(root / "JPEGImages" / "a" / "im1.png")
    xml(root / "Annotations" / "im1.xml", [("dog", 4, 4, 20, 12, 0)])
    found = Oracle(["dog"], [[3, 3, 20, 12]], [1])
    finished = run(root, found, output=tmp_path / "out")
    assert "a/im1" in [ref.id for ref in VocFolder(root).images()]
    assert score(finished) == pytest.approx(50)  # after the same box on an image without one
    assert "'a/im1.xml' first (a folder too many): taken for 'im1.xml'" in said(finished)


def test_a_detectors_padding_is_called_that(tmp_path):
    path = coco(tmp_path, instances())
    padded = Oracle(["dog", "person"], [[2, 3, 12, 15], [0, 0, 0, 0]], [1, -1])
    finished = run(path, padded, output=tmp_path / "out")
    assert len(finished.failed) == 3
    assert all(
        "with 1 rows of the label -1, which look" in text for text in finished.failed.values()
    )


def test_the_files_of_the_set_are_json(tmp_path):
    assert json.loads(coco(tmp_path, cocos()).read_text())["annotations"] == []
