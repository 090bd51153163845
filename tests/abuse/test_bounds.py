"""Files that are small to write and large to read, and numbers that are no usual numbers."""

import json
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
import yaml
from field import Oracle, run, score
from made_data import coco, instances, note, picture, xml
from model_tools import DETECTOR, opened
from PIL import Image

from harness.assets.cards import read_card
from harness.assets.reading import (
    DEEPEST,
    MOST_ALIASES,
    MOST_PIXELS,
    PIXELS_VARIABLE,
    load_json,
    load_yaml,
    read_regular,
)
from harness.errors import ImageError, UserError
from harness.images.jpeg import Jpeg
from harness.plugins.image_files import read_image, upright_size
from harness.study.recipe import read_recipe
from harness.study.study import read_study
from restorers.checkpoints.format import read_header
from tasks.datasets.coco.annotation_file import MOST_CATEGORIES
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.voc.annotation_file import read_annotation

pytestmark = pytest.mark.abuse

DEEP = 100_000
LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 10)
)
YAML = {
    "lists": ("task: " + "[" * DEEP + "]" * DEEP, "nested more than 30 deep"),
    "mappings": ("{a: " * DEEP + "}" * DEEP, "nested more than 30 deep"),
    "indents": ("\n".join(f"{' ' * k}a:" for k in range(300)), "nested more than 30 deep"),
    "laughs": (LAUGHS, "more than 20 aliases"),
    "itself": ("task: &a [*a]", "holds itself"),
    "long": ("task: " + "x" * (5 << 20), "more than 4194304 bytes"),
}


@pytest.mark.parametrize("kind", YAML)
@pytest.mark.parametrize(
    "read", [lambda path: read_study(path, {}), read_recipe, read_card]
)  # fmt: skip
def test_yaml_is_read_within_bounds_and_the_file_is_named(tmp_path, kind, read):
    text, sentence = YAML[kind]
    path = tmp_path / "file.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(UserError, match=sentence) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("kind", YAML)
def test_a_study_and_a_card_are_refused_by_the_command_in_one_line(harness, tmp_path, kind):
    text, sentence = YAML[kind]
    (tmp_path / "file.yaml").write_text(text)
    for options in (("--study", "file.yaml"), ("--task", "detection", "--model", "file.yaml")):
        code, _, out = harness("run", *options, "--dataset", "scenes", "--qf", 10)
        assert code == 2
        assert sentence in out
        assert "file.yaml" in out
        assert out.count("\n") == 1


def test_yaml_within_its_bounds_is_read_as_ever(tmp_path):
    text = "base: &b {x: 1}\n" + "".join(f"k{n}: *b\n" for n in range(MOST_ALIASES))
    text += "deep: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1) + "\n"
    (tmp_path / "a.yaml").write_text(text)
    assert load_yaml(tmp_path / "a.yaml") == yaml.safe_load(text)
    assert opened(tmp_path, DETECTOR).name == "found"


def test_json_that_is_too_deep_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * DEEP + "]" * DEEP)
    path = tmp_path / "notes.json"
    path.write_text('{"images": ' + "[" * DEEP + "]" * DEEP + "}")
    with pytest.raises(UserError, match=r"notes\.json is not JSON \(it is nested too deeply\)"):
        CocoFile(path)
    header = ('{"a": ' * DEEP).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert read_header(tmp_path / "a.safetensors") is None


def test_xml_that_defines_entities_is_refused(tmp_path):
    lines = ['<!ENTITY a0 "x">', *(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 9))]
    thing = "<annotation><object><name>&a8;</name></object></annotation>"
    text = f"<!DOCTYPE x [{''.join(lines)}]>{thing}"
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "a.xml").write_bytes(text.encode(encoding))
        with pytest.raises(UserError, match=r"a\.xml is not XML: it defines entities"):
            read_annotation(tmp_path / "a.xml")
    text = f'<?xml version="1.0" encoding="gbk"?>{text}'
    (tmp_path / "a.xml").write_bytes(text.encode("gbk"))
    with pytest.raises(UserError, match="defines entities"):
        read_annotation(tmp_path / "a.xml")


def test_xml_of_many_elements_in_one_another_is_read(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation>" + "<a>" * DEEP + "</a>" * DEEP + "</annotation>")
    assert read_annotation(tmp_path / "a.xml").things == ()
    assert len(read_annotation(xml(tmp_path / "b.xml", [("dog", 1, 1, 9, 9, 0)])).things) == 1


def test_a_file_of_more_bytes_than_are_read_is_not_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read_regular(tmp_path / "sparse", 1000)
    (tmp_path / "sparse").rename(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: it has more than \d+ bytes"):
        read_image(tmp_path / "a.png")


def bomb(path, width, height):
    """A PNG that says it has so many pixels; a few rows of them are there."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * (width + 1))
    data = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def test_an_image_of_too_many_pixels_is_not_decoded_and_the_option_is_named(tmp_path):
    path = bomb(tmp_path / "a.png", 20_000, 10_000)
    with pytest.raises(
        ImageError, match=rf"20000×10000 pixels, more than the {MOST_PIXELS} .*--max-pixels"
    ):
        read_image(path)
    assert upright_size(path) is None


def test_max_pixels_moves_the_limit_both_ways(harness, tmp_path):
    picture(tmp_path / "photos" / "a.png", (60, 50))
    picture(tmp_path / "photos" / "b.png", (40, 30))
    options = ("run", "--task", "fidelity", "--dataset", "photos", "--qf", "10")
    options += ("--restorers", "jpeg", "--output", "out")
    code, _, out = harness(*options, "--max-pixels", "1200")
    assert code == 2
    assert "60×50 pixels, more than the 1200 that are read" in out
    assert "1 of 2 images failed" in out
    assert harness(*options, "--retry-failed", "--max-pixels=3000")[0] == 0
    for value in ("x", "-1", "", "1e6"):
        code, _, out = harness(*options, f"--max-pixels={value}")
        assert code == 2
        assert "--max-pixels" in out
        assert out.count("\n") == 1
    assert "--max-pixels" in harness("--help")[1]


def test_large_images_are_read_compressed_and_decoded_without_pillows_own_word(
    tmp_path, monkeypatch
):
    """Pillow warns of half of what is allowed here, and the JPEG of a large image is large too."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = picture(tmp_path / "a.png", (40, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = read_image(path)
        assert np.array_equal(Jpeg().compress(pixels, 90).pixels.shape, (30, 40, 3))
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setenv(PIXELS_VARIABLE, "1199")
    with pytest.raises(ImageError, match="40×30 pixels"):
        read_image(path)
    monkeypatch.setenv(PIXELS_VARIABLE, "0")
    assert read_image(path).shape == (30, 40, 3)


def numbered(category=(18, 1), image=7, first=1):
    """One image with a dog and a person; their ids are these."""
    made = instances()
    made["images"] = [{**made["images"][0], "id": image}]
    made["categories"] = [
        {"id": category[0], "name": "dog"}, {"id": category[1], "name": "person"},
    ]  # fmt: skip
    made["annotations"] = [
        note(first, image, category[0], [2, 3, 10, 12]),
        note(first + 1, image, category[1], [20, 10, 10, 12]),
    ]
    return made


IDS = {
    "usual": {},
    "zero": {"category": (0, 1), "image": 0, "first": 0},
    "negative category": {"category": (-7, 1)},
    "both negative": {"category": (-7, -1)},
    "minus one": {"category": (-1, 0)},
    "category beyond 64 bits": {"category": (2**70, 1)},
    "category of 63 bits": {"category": (2**63 - 1, 1)},
    "category of 64 bits": {"category": (2**64 - 1, 2**63)},
    "negative image": {"image": -3},
    "image beyond 64 bits": {"image": 2**64 + 1},
    "image of 64 bits": {"image": 2**63},
    "negative annotations": {"first": -1},
    "annotations beyond 64 bits": {"first": 2**70},
    "text image": {"image": "seven"},
    "large float": {"image": 1e20},
    "float category": {"category": (3.0, -2.0)},
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_names_whatever_numbers_they_are(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    found = Oracle(["dog", "person"], [[2, 3, 12, 15], [20, 10, 30, 22]], [1, 2])
    finished = run(coco(tmp_path, numbered(**IDS[kind])), found)
    assert score(finished) == pytest.approx(100)


def test_images_of_ids_beyond_64_bits_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = instances()
    ids = {7: 2**63 + 1, 3: -1, 5: 2**63 + 2}
    for entry in made["images"]:
        entry["id"] = ids[entry["id"]]
    box = [2, 3, 10, 12]
    made["annotations"] = [note(k, number, 18, box) for k, number in enumerate(ids.values())]
    finished = run(coco(tmp_path, made), Oracle(["dog", "person"], [[2, 3, 12, 15]], [1]))
    assert score(finished) == pytest.approx(100)


@pytest.mark.parametrize("part", ["images", "categories"])
def test_true_is_no_id(tmp_path, part):
    made = numbered(category=(1, 2), image=1)
    made[part][0]["id"] = True
    with pytest.raises(UserError, match="needs an( integer)? id"):
        CocoFile(coco(tmp_path, made))


@pytest.mark.parametrize("name", ["image_id", "category_id"])
def test_true_refers_to_nothing(tmp_path, name):
    made = numbered(category=(1, 2), image=1)
    made["annotations"][0][name] = True
    with pytest.raises(UserError, match="annotations are of no"):
        CocoFile(coco(tmp_path, made))


def test_a_data_set_of_a_program_with_negative_categories_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data_set = CocoFile(coco(tmp_path, numbered()))
    monkeypatch.setattr(CocoFile, "categories", property(lambda self: (-7, 1)))
    with pytest.raises(UserError, match="outside 0 to"):
        run(data_set, Oracle(["dog", "person"]))


def test_too_many_categories_are_refused(tmp_path):
    made = numbered()
    made["categories"] += [
        {"id": 100 + k, "name": f"c{k}"} for k in range(MOST_CATEGORIES)
    ]  # fmt: skip
    path = tmp_path / "notes.json"
    path.write_text(json.dumps(made))
    picture(tmp_path / "0007.jpg")
    with pytest.raises(UserError, match=f"lists {MOST_CATEGORIES + 2} categories"):
        CocoFile(path)
