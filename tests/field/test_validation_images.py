"""Validation on images that tell something: no copies of training images, none of one colour."""

import math
import shutil

import numpy as np
import pytest
from PIL import Image
from training_tools import common, stage, tinted

from harness.assets.cards import read_card
from harness.errors import UserError
from restorers.training import arcnn, single
from restorers.training.batches import Pool
from restorers.training.data import without_held_out
from restorers.training.recipe import ImageSource


@pytest.fixture
def folders(tmp_path):
    """Six images to train on and one to validate on, which is a copy of one of them."""
    for folder in ("train", "held"):
        (tmp_path / folder).mkdir()
    for seed in range(6):
        Image.fromarray(tinted(seed)).save(tmp_path / "train" / f"{seed}.png")
    shutil.copy(tmp_path / "train" / "3.png", tmp_path / "held" / "other-name.png")
    return tmp_path / "train", tmp_path / "held"


def one_colour(path, level=128):
    Image.fromarray(np.full((96, 96, 3), level, np.uint8)).save(path)


def recipe(train, held, **changes):
    size = {"widths": [4, 6, 8, 10], "blocks": 1, "qf_width": 8}
    parts = {"trainer": "fbcnn", "size": size, "validation": {"path": str(held)}}
    return {**common(train), **stage(2, float32_steps=1), **parts, **changes}


def test_copies_of_validation_images_are_not_trained_on_and_that_is_said(folders, tmp_path):
    train, held = folders
    lines = []

    single.train(recipe(train, held), tmp_path / "out", lines.append)

    assert "tiny: 5 training images" in lines
    [said] = [line for line in lines if "left out" in line]
    assert "1 training image is a byte copy of validation images, such as" in said
    assert said.endswith("train/3.png of other-name.png")
    pool = Pool([ImageSource(path=str(train))], [held / "other-name.png"])
    assert {path.name for path in pool.copies} == {"3.png"}


def test_files_of_one_size_that_differ_are_no_copies(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1234")
    (tmp_path / "b.png").write_bytes(b"1235")

    assert without_held_out([tmp_path / "a.png"], [tmp_path / "b.png"]) == (
        [tmp_path / "a.png"],
        {},
    )


def test_an_image_of_one_colour_makes_no_gain_infinite(folders, tmp_path):
    train, held = folders
    one_colour(held / "flat.png")
    lines = []

    card = read_card(single.train(recipe(train, held), tmp_path / "out", lines.append))

    assert all(math.isfinite(float(value)) for value in card.measured.values())
    assert "left out: 1 of 2 images to validate on, such as" in card.notes
    assert any("flat.png: JPEG changes nothing in it" in line for line in lines)
    assert not any("inf" in line.replace("infinite", "") or "nan" in line for line in lines)


def test_validation_on_images_of_one_colour_alone_is_refused(tmp_path, folders):
    train, held = folders
    (held / "other-name.png").unlink()
    one_colour(held / "flat.png")

    with pytest.raises(UserError, match=r"JPEG changes nothing in the 1 images .*one colour"):
        single.train(recipe(train, held), tmp_path / "out", lambda line: None)


def test_arcnns_own_training_likewise(folders, tmp_path):
    train, held = folders
    one_colour(held / "flat.png")
    lines = []
    asked = {
        "trainer": "arcnn", "name": "tiny", "qf": 10, "steps": 2, "batch_size": 2,
        "patch_size": 32, "lr": 1e-4, "seed": 1, "float32_steps": 1,
        "images": [{"path": str(train)}], "validation": {"path": str(held)},
    }  # fmt: skip

    card = read_card(arcnn.train(asked, tmp_path / "out", lines.append))

    assert "tiny: 5 training images compressed" in lines
    assert sum("left out" in line for line in lines) == 2
    assert all(math.isfinite(float(value)) for value in card.measured.values())
