"""VOC 2012 and folders in its layout: masks, boxes, lists, names."""

import shutil

import numpy as np
import pytest
from made_data import palette, picture, voc, xml
from paths import VOC2012

from harness.errors import UserError
from harness.plugins import Record
from tasks.classes import VOC
from tasks.datasets.folders.masks import MaskFolder
from tasks.datasets.voc.datasets import Voc2012, Voc2012Detection, VocFolder


@pytest.fixture
def root(tmp_path):
    return voc(tmp_path / "My")


@pytest.fixture(params=["VOCdevkit/VOC2012", "VOCtrainval_11-May-2012/VOCdevkit/VOC2012"])
def voc2012(tmp_path, monkeypatch, request):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    return voc(tmp_path / request.param)


def test_the_named_sets_are_their_lists(voc2012):
    masks, boxes = Voc2012(), Voc2012Detection()

    assert [ref.id for ref in masks.images()] == ["a", "b"]
    assert [ref.id for ref in boxes.images()] == ["a", "b", "c"]
    assert masks.images()[0].path == voc2012 / "JPEGImages" / "a.jpg"
    assert masks.labels == ("background", *VOC)
    assert (masks.tasks, boxes.tasks) == (("segmentation", "fidelity"), ("detection", "fidelity"))
    assert (masks.name, boxes.name) == ("voc2012", "voc2012-detection")
    assert set(np.unique(masks.mask("a"))) == {0, 15, 255}
    with pytest.raises(NotImplementedError):
        boxes.mask("a")
    with pytest.raises(NotImplementedError):
        masks.coco(["a"])


def test_boxes_count_pixels_from_0_and_difficult_ones_are_ignored(voc2012):
    truth = Voc2012Detection().coco(["b", "a"])

    assert [(image["harness_id"], image["id"]) for image in truth["images"]] == [("b", 2), ("a", 1)]
    assert (truth["images"][0]["width"], truth["images"][0]["height"]) == (40, 30)
    assert [(n["bbox"], n["area"], n["iscrowd"]) for n in truth["annotations"]] == [
        ([0, 0, 40, 30], 1200, 0),
        ([2.5, 3, 7.5, 9], 67.5, 1),
    ]
    categories = {entry["id"]: entry["name"] for entry in truth["categories"]}
    assert [categories[n["category_id"]] for n in truth["annotations"]] == ["person", "dog"]
    assert list(categories.values()) == list(VOC)


def test_a_difficult_object_neither_counts_nor_costs(voc2012):
    from tasks.detection.task import Detection, Detections

    easy, hard = (1, 1, 12, 12), (20, 5, 38, 28)
    xml(voc2012 / "Annotations" / "a.xml", [("dog", *easy, 0), ("dog", *hard, 1)])
    truth = Voc2012Detection().coco(["a"])

    def score(*corners):
        boxes = [[x0 - 1, y0 - 1, x1, y1] for x0, y0, x1, y1 in corners]
        found = Detections(
            np.array(boxes, np.float32),
            np.linspace(1, 0.9, len(boxes), dtype=np.float32),
            np.full(len(boxes), VOC.index("dog") + 1),
        )
        return Detection().metrics({"a": Record("", outcome=found.to_json())}, truth)["mAP"]

    assert score(easy) == pytest.approx(1)
    assert score(hard, easy) == pytest.approx(1)
    assert score((20, 5, 24, 9), (1, 20, 9, 28), easy) < 0.6  # what finds nothing costs


def test_prepared_means_every_image_and_annotation(voc2012):
    assert Voc2012.prepared()
    assert Voc2012Detection.prepared()
    assert list(Voc2012.downloads()) == []

    (voc2012 / "SegmentationClass" / "b.png").unlink()
    assert not Voc2012.prepared()
    assert [item.file for item in Voc2012.downloads()] == ["VOCtrainval_11-May-2012.tar"]
    with pytest.raises(UserError, match=r"1 of 2 masks .*/b\.png first: `harness fetch voc2012`"):
        Voc2012().images()
    (voc2012 / "JPEGImages" / "c.jpg").unlink()
    assert not Voc2012Detection.prepared()
    with pytest.raises(UserError, match=r"c\.jpg first: .*or run on the first 2 with --limit 2\.$"):
        Voc2012Detection().images()
    with pytest.raises(UserError, match=r"comes in one archive: `harness fetch voc2012` without"):
        next(iter(Voc2012.downloads(5)))


def test_voc_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    assert not Voc2012.prepared()
    with pytest.raises(
        UserError,
        match=r"^voc2012-detection is not on this machine: `harness "
        r"fetch voc2012-detection` \(2\.00 GB\) brings it to",
    ):
        Voc2012Detection().images()  # fmt: skip


def test_a_folder_offers_both_tasks_on_the_images_that_have_both(root):
    data = VocFolder(root)

    assert [ref.id for ref in data.images()] == ["a", "b"]
    assert data.tasks == ("detection", "segmentation", "fidelity")
    assert "2 images have masks, 3 have boxes; the 2 with both are taken" in data.notice
    assert (data.classes, data.labels) == (VOC, ("background", *VOC))  # XML names VOC's alone
    assert (data.name, data.named) == ("My", True)


@pytest.mark.parametrize(
    ("split", "ids", "tasks"),
    [
        ("Main", "abc", ("detection", "fidelity")),
        ("Main/val", "abc", ("detection", "fidelity")),
        ("Segmentation/val", "ab", ("segmentation", "fidelity")),
        ("val", "ab", ("detection", "segmentation", "fidelity")),
        ("Main/few", "c", ("detection", "fidelity")),
        ("few", "c", ("detection", "fidelity")),
    ],
)
def test_a_split_chooses_images_and_tasks(root, split, ids, tasks):
    (root / "ImageSets" / "Main" / "few.txt").write_text("c -1\n\n")
    data = VocFolder(root, split=split)

    assert "".join(ref.id for ref in data.images()) == ids
    assert data.tasks == tasks
    assert data.notice == "" or split == "val"


def test_lists_that_are_not_there_are_asked_for(root):
    with pytest.raises(UserError, match=r"no list of images 'test': name one with --split, of val"):
        VocFolder(root, split="test")
    with pytest.raises(UserError, match=r"--split Action/val: the folder before the list is Segm"):
        VocFolder(root, split="Action/val")
    for kind in ("Main", "Segmentation"):
        lists = root / "ImageSets" / kind
        (lists / "val.txt").rename(lists / "train.txt")
    assert len(VocFolder(root).images()) == 2  # the only one
    for kind in ("Main", "Segmentation"):
        shutil.copy(root / "ImageSets" / kind / "train.txt", root / "ImageSets" / kind / "x.txt")
    with pytest.raises(UserError, match=r"'val': name one with --split, of train, x\."):
        VocFolder(root)
    (root / "ImageSets" / "Main" / "x.txt").write_text("\n")
    with pytest.raises(UserError, match=r"x\.txt is empty"):
        VocFolder(root, split="x")
    shutil.rmtree(root / "SegmentationClass")
    with pytest.raises(UserError, match=r"there is no folder .*/SegmentationClass"):
        VocFolder(root, split="Segmentation")


def test_without_lists_every_annotated_image_is_taken(root):
    shutil.rmtree(root / "ImageSets")
    xml(root / "Annotations" / "gone.xml", [])
    assert [ref.id for ref in VocFolder(root, split="Main").images()] == ["a", "b", "c"]
    assert [ref.id for ref in VocFolder(root).images()] == ["a", "b"]

    shutil.rmtree(root / "SegmentationClass")
    assert VocFolder(root).tasks == ("detection", "fidelity")
    shutil.rmtree(root / "Annotations")
    assert not VocFolder.accepts(root, {})
    (root / "Annotations").mkdir()
    with pytest.raises(UserError, match="No image in .* has a mask or an annotation file"):
        VocFolder(root)


def test_images_without_both_kinds_in_common_need_a_choice(root):
    (root / "ImageSets" / "Main" / "val.txt").write_text("c\n")
    with pytest.raises(UserError, match="has both a mask and boxes: choose with --split Segment"):
        VocFolder(root)


def test_names_come_from_a_file_or_the_boxes(root):
    for path in (root / "Annotations").iterdir():
        xml(path, [("screw", 1, 1, 5, 5, 0), ("bolt", 2, 2, 9, 9, 0)])
    data = VocFolder(root)
    assert (data.classes, data.named, data.labels) == (("bolt", "screw"), False, ())
    assert data.highest == 15

    (root / "labelmap.txt").write_text("background:0,0,0::\nscrew:1,1,1::\nbolt:1,2,1::\n")
    data = VocFolder(root)
    assert (data.classes, data.named) == (("screw", "bolt"), True)
    assert data.labels == ("background", "screw", "bolt")
    with pytest.raises(UserError, match="holds the value 15, and there are 3 class names"):
        data.images()

    names = root.parent / "names.txt"
    names.write_text("__background__\nbolt\nscrew\n")
    assert VocFolder(root, classes=str(names)).labels == ("__background__", "bolt", "screw")
    assert VocFolder(root, classes=str(names)).classes == ("bolt", "screw")
    names.write_text("nail\n")
    with pytest.raises(UserError, match=r"a\.xml: an object is of the class 'screw', which is"):
        VocFolder(root, split="Main", classes=str(names)).images()


@pytest.mark.parametrize(
    ("things", "sentence"),
    [
        ([("dog", 9, 9, 8, 20, 0)], r"box of a dog has no area: xmin 9, ymin 9, xmax 8, ymax 20"),
        ([("dog", 41, 9, 50, 20, 0)], r"lies outside the image of 40×30: xmin 41"),
        ([("dog", "x", 9, 50, 20, 0)], r"box of a dog needs the numbers xmin, ymin, xmax and ymax"),
        ([("dog", "nan", 9, 50, 20, 0)], r"box of a dog needs the numbers"),
        ([("", 1, 9, 50, 20, 0)], r"an object has no name"),
    ],
)
def test_bad_boxes_are_one_sentence(voc2012, things, sentence):
    xml(voc2012 / "Annotations" / "b.xml", things)
    with pytest.raises(UserError, match=rf"Annotations/b\.xml: .*{sentence}"):
        Voc2012Detection().images()


def test_what_is_no_xml_says_so(voc2012):
    (voc2012 / "Annotations" / "b.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"b\.xml is not XML: no element found"):
        Voc2012Detection().images()


def test_masks_are_compared_with_their_images_before_a_run(voc2012):
    palette(voc2012 / "SegmentationClass" / "b.png", np.zeros((40, 30)))
    with pytest.raises(UserError, match=r"1 of 2 masks .*/b\.png first: it is 30×40, and"):
        Voc2012().images()
    Voc2012().available(1)


def test_images_of_other_kinds_than_jpeg_are_found(root):
    (root / "JPEGImages" / "a.jpg").unlink()
    picture(root / "JPEGImages" / "a.png")
    assert VocFolder(root).images()[0].path.name == "a.png"


@pytest.mark.parametrize("suffix", ["txt", "xml", "json"])
def test_a_file_beside_an_image_is_no_image(root, suffix):
    (root / "JPEGImages" / f"a.{suffix}").write_text("no image")
    (root / "JPEGImages" / f"e.{suffix}").write_text("no image")
    assert [ref.path.name for ref in VocFolder(root).images()] == ["a.jpg", "b.jpg"]

    shutil.rmtree(root / "ImageSets")
    xml(root / "Annotations" / "e.xml", [])
    assert [ref.id for ref in VocFolder(root, split="Main").images()] == ["a", "b", "c"]


def test_two_images_of_one_id_are_refused(root):
    picture(root / "JPEGImages" / "d.png")
    assert len(VocFolder(root).images()) == 2  # d is in no list

    picture(root / "JPEGImages" / "a.png")
    with pytest.raises(UserError, match=r"JPEGImages/a\.jpg and a\.png are two images of one id"):
        VocFolder(root).images()


@pytest.mark.parametrize("option", [True, False])
def test_names_of_masks_begin_with_the_background(root, option):
    assert set(np.unique(VocFolder(root).mask("a"))) == {0, 15, 255}
    file = root.parent / "names.txt" if option else root / "classes.txt"
    given = {"classes": str(file)} if option else {}

    file.write_text("\n".join(VOC))
    with pytest.raises(
        UserError,
        match=r"\.txt begins with 'aeroplane', and in VOC's layout value 0 of a mask "
        r"is the background: put background in the first line; for the boxes alone, name --split "
        r"Main; if value 0 is 'aeroplane', open it as --dataset .*/JPEGImages --masks .*Class\.$",
    ):
        VocFolder(root, **given)
    with pytest.raises(UserError, match=r"first line; if value 0 is"):
        VocFolder(root, split="Segmentation", **given)
    assert VocFolder(root, split="Main", **given).classes == VOC
    shutil.copytree(root / "JPEGImages", root / "images")
    for stem in "cd":
        (root / "images" / f"{stem}.jpg").unlink()
    masks = str(root / "SegmentationClass")
    folder = MaskFolder(root / "images", masks=masks, classes=str(file))
    assert folder.labels[15] == "pottedplant"
    assert "mask value 0 is 'aeroplane', 1 is 'bicycle'" in folder.notice

    file.write_text("\n".join(["background", *VOC]))
    folder = MaskFolder(root / "images", masks=masks, classes=str(file))
    for data in (VocFolder(root, **given), folder):
        assert (data.labels[15], data.classes) == ("person", VOC)
        assert "mask value" not in data.notice


def test_the_fingerprint_is_of_images_and_annotations(root):
    before = VocFolder(root).fingerprint()
    assert VocFolder(root).fingerprint() == before
    xml(root / "Annotations" / "c.xml", [("cat", 1, 1, 5, 5, 0)])
    assert VocFolder(root).fingerprint() == before  # c is not among them
    xml(root / "Annotations" / "b.xml", [("cat", 1, 1, 5, 5, 0)])
    assert VocFolder(root).fingerprint() != before


def test_real_palette_masks_are_read_as_indices(tmp_path):
    if not VOC2012.exists():
        pytest.skip("no voc2012 beside the repository")
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        (tmp_path / folder).mkdir()
        for path in VOC2012.glob(f"*.{suffix}"):
            shutil.copy(path, tmp_path / folder)
    data = VocFolder(tmp_path)

    assert [ref.id for ref in data.images()] == ["2011_000003", "2011_000006", "2011_000025"]
    assert (data.highest, data.named) == (18, False)  # nobody says that it is VOC
    bottles_and_people = set(np.unique(data.mask("2011_000003")))
    assert bottles_and_people == {0, VOC.index("bottle") + 1, VOC.index("person") + 1, 255}
