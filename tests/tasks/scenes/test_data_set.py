import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from harness.errors import UserError
from tasks.scenes import CLASSES, COUNTS, cache
from tasks.scenes.data_set import Scenes, ScenesTrain
from tasks.scenes.render import SPLITS, render


@pytest.fixture(autouse=True)
def cache_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_rendering(monkeypatch):
    """Call it, and rendering anything from then on fails the test."""

    def forbid():
        def refuse(*_):
            raise AssertionError("rendered again")

        monkeypatch.setattr(cache, "_render_all", refuse)

    return forbid


@pytest.mark.slow
def test_images_are_the_rendered_pixels_as_png(cache_directory):
    data_set = Scenes(count=3)
    references = data_set.images()
    assert [r.id for r in references] == [f"evaluation-{k:05d}" for k in range(3)]
    for k, reference in enumerate(references):
        assert reference.path.is_relative_to(cache_directory)
        with Image.open(reference.path) as file:
            assert file.format == "PNG"
            assert np.array_equal(np.asarray(file), render("evaluation", k).image)
        assert np.array_equal(data_set.mask(reference.id), render("evaluation", k).mask)


def test_a_second_use_renders_nothing_and_agrees(no_rendering):
    first = Scenes(count=2)
    fingerprint = first.fingerprint()
    no_rendering()
    assert Scenes(count=2).fingerprint() == fingerprint
    with pytest.raises(AssertionError):
        Scenes(count=3).images()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["index", "image", "mask", "missing", "annotations"])
def test_a_damaged_cache_is_rendered_again(damage):
    whole = Scenes(count=2)
    fingerprint, image = whole.fingerprint(), whole.images()[1].path
    original = image.read_bytes()
    index = image.with_name("index.json")
    if damage == "index":
        index.write_text(index.read_text()[:100])
    elif damage == "annotations":
        content = json.loads(index.read_text())
        content["images"][0]["boxes"][0][0] += 1
        index.write_text(json.dumps(content))
    elif damage == "image":
        image.write_bytes(original[:-9] + b"?" + original[-8:])
    elif damage == "mask":
        image.with_suffix(".mask.png").write_bytes(b"")
    else:
        image.unlink()
    again = Scenes(count=2)
    assert again.fingerprint() == fingerprint
    assert image.read_bytes() == original
    assert not list(image.parent.parent.glob(".scenes*"))


def test_a_kill_while_rendering_leaves_nothing_that_looks_finished(monkeypatch, cache_directory):
    def killed(job):
        if job[1] == 1:
            raise KeyboardInterrupt
        return real(job)

    real = cache._render_one
    monkeypatch.setattr(cache, "_render_one", killed)
    with pytest.raises(KeyboardInterrupt):
        Scenes(count=2).images()
    assert not list(cache_directory.glob("scenes*"))
    monkeypatch.setattr(cache, "_render_one", real)
    assert len(Scenes(count=2).images()) == 2


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="Set HARNESS_CACHE to a directory that can be written"):
        Scenes(count=2).images()


def test_the_cache_is_in_the_home_directory_by_default(monkeypatch):
    monkeypatch.delenv("HARNESS_CACHE")
    assert cache.cache_root() == Path.home() / ".cache" / "restoration-harness"


def test_coco_is_what_pycocotools_reads():
    from pycocotools.coco import COCO

    data_set = Scenes(count=3)
    ids = [reference.id for reference in data_set.images()]
    truth = data_set.coco(ids[1:])
    coco = COCO()
    coco.dataset = truth
    coco.createIndex()
    assert [image["harness_id"] for image in truth["images"]] == ids[1:]
    assert sorted(coco.getCatIds()) == list(range(1, len(CLASSES) + 1))
    numbers = [note["id"] for note in truth["annotations"]]
    assert len(set(numbers)) == len(numbers)
    scene = render("evaluation", 1)
    notes = coco.imgToAnns[truth["images"][0]["id"]]
    assert [note["category_id"] for note in notes] == scene.labels.tolist()
    assert [note["area"] for note in notes] == scene.areas.tolist()
    x0, y0, x1, y1 = scene.boxes[0].tolist()
    assert notes[0]["bbox"] == [x0, y0, x1 - x0, y1 - y0]
    json.dumps(truth)
    with pytest.raises(KeyError):
        data_set.coco(["evaluation-99999"])


def test_the_number_of_an_image_does_not_depend_on_the_selection():
    data_set = Scenes(count=3)
    last = data_set.images()[2].id
    alone = data_set.coco([last])
    among = data_set.coco([r.id for r in data_set.images()])
    assert alone["images"][0] == among["images"][2]


def test_splits_differ_and_are_large_enough():
    assert SPLITS.keys() == COUNTS.keys()
    assert COUNTS["evaluation"] >= 96
    assert len(set(SPLITS.values())) == len(SPLITS)
    assert Scenes(count=1).fingerprint() != ScenesTrain(count=1).fingerprint()


def test_importing_the_package_is_light():
    code = (
        "import sys, tasks.scenes; "
        "print(sorted({'torch', 'scipy', 'cv2', 'PIL', 'tasks.scenes.render'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
def test_rendering_in_parallel_is_rendering_one_by_one(monkeypatch):
    monkeypatch.setattr(cache.os, "cpu_count", lambda: 2)
    parallel = Scenes(count=9)
    alone = [
        cache._render_one(("evaluation", k, str(parallel.images()[0].path.parent))) for k in (4,)
    ]
    assert parallel._data()[1].images[4] == alone[0]


def test_rendering_says_that_it_goes_on_and_how_far_it_is(monkeypatch, caplog):
    monkeypatch.setattr(cache, "SECONDS_BETWEEN_LINES", -1.0)
    caplog.set_level("INFO", "tasks.scenes.cache")

    Scenes(count=2).images()
    first = [record.getMessage() for record in caplog.records]
    Scenes(count=2).images()

    assert first[0].startswith("Rendering 2 scenes into ")
    assert first[1].startswith("1/2 scenes rendered, ")
    assert len(caplog.records) == len(first)
