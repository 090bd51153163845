"""Ground truth of one class alone: 100 % of it says nothing, and that is said."""

import json

import numpy as np
import pytest
from field_models import Blind, Flat, Sure, table_text
from made_data import coco, note
from pictures import textured
from PIL import Image

from harness.images.io import write_png


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def masks(folder, *values):
    """Images and their masks, the left half of each of one value and the right of another."""
    for index, (left, right) in enumerate(values):
        write_png(textured(index, 20, 24), folder / "images" / f"{index}.png")
        mask = np.full((20, 24), right, np.uint8)
        mask[:, :12] = left
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(folder / "masks" / f"{index}.png")
    (folder / "classes.txt").write_text("background\ncat\n")


def test_masks_of_background_alone_in_a_subset(tmp_path):
    """Masks of 0 and 255 with the names background, cat, and --limit 2: mIoU 100.0."""
    masks(tmp_path, (0, 255), (0, 255), (0, 1))

    text = table_text("images", Flat(["cat"]), masks="masks", classes="classes.txt", limit=2)

    assert "100.0" in text
    assert (
        "segmentation: one class: the masks of these 2 images hold background alone, of 2 classes"
        in text
    )
    assert "50.0 % of the pixels have the value 255, not counted" in text


def test_masks_of_two_classes_are_no_such_case(tmp_path):
    masks(tmp_path, (0, 1), (0, 255))

    text = table_text("images", Flat(["cat"]), masks="masks", classes="classes.txt")

    assert "one class" not in text


@pytest.mark.parametrize(("limit", "said"), [(2, True), (3, False)])
def test_labels_of_the_first_class_folder_alone(limit, said, tmp_path):
    for name in ("cat/a", "cat/b", "dog/c"):
        write_png(textured(len(name), 20, 24), tmp_path / "pets" / f"{name}.png")

    text = table_text("pets", Sure(["cat", "dog"]), limit=limit)

    assert ("labels of these 2 images hold cat alone, of 2 classes" in text) == said


@pytest.mark.parametrize("categories", [1, 2])
def test_annotations_of_one_class(categories, tmp_path):
    names = ["cat", "dog"][:categories]
    path = coco(
        tmp_path,
        {
            "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
            "annotations": [note(1, 1, 1, [2, 3, 10, 12])],
            "categories": [{"id": k, "name": name} for k, name in enumerate(names, 1)],
        },
    )
    assert json.loads(path.read_text())["images"]

    text = table_text(str(path), Blind(names), images="val2017")

    # A data set of one class is what it is.
    assert ("annotations of the image hold cat alone, of 2" in text) == (categories == 2)
