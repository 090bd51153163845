"""One picture a thing: the scene's own pixels, one class in sight, all of it or nothing on disk."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from PIL import Image

from harness.errors import UserError
from tasks.classification import crops as module
from tasks.classification.batches import CropBatches
from tasks.classification.crops import LEAST_PIXELS, SMALLEST, UNIT, crops
from tasks.classification.scenes_things import ScenesThings, ScenesThingsTrain
from tasks.scenes import CLASSES

COUNT = 6


@pytest.fixture(scope="module", autouse=True)
def cache_directory(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("HARNESS_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def things():
    return ScenesThings(count=COUNT)


@st.composite
def places(draw):
    """A mask with one filled box of class 1, anywhere, cut by the border or not."""
    height, width = draw(st.integers(100, 250)), draw(st.integers(100, 250))
    x0, y0 = draw(st.integers(0, width - 21)), draw(st.integers(0, height - 21))
    x1, y1 = draw(st.integers(x0 + 20, width)), draw(st.integers(y0 + 20, height))
    mask = np.zeros((height, width), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask, (x0, y0, x1, y1)


@given(places())
def test_a_crop_is_a_square_inside_the_scene_around_its_thing(place):
    mask, (x0, y0, x1, y1) = place
    area = (x1 - x0) * (y1 - y0)
    found = crops(mask, [(x0, y0, x1, y1)], [1], [area])
    whole = min(mask.shape)
    for crop in found:
        assert 0 <= crop.left <= mask.shape[1] - crop.side
        assert 0 <= crop.top <= mask.shape[0] - crop.side
        assert crop.side == whole or (crop.side % UNIT == 0 and crop.side >= SMALLEST)
        if max(x1 - x0, y1 - y0) <= crop.side:
            inside = mask[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
            assert int((inside == 1).sum()) == area
    # Left out only because it fills too little of its picture: a thin thing.
    if 0.3 < (x1 - x0) / (y1 - y0) < 3.0 and area >= LEAST_PIXELS:
        assert len(found) == 1


def test_small_things_and_things_beside_larger_ones_are_left_out():
    mask = np.zeros((100, 100), np.uint8)
    mask[40:60, 30:50], mask[40:60, 50:58] = 1, 2
    big, beside = (30, 40, 50, 60), (50, 40, 58, 60)
    found = crops(mask, [big, beside], [1, 2], [400, 160])
    assert [(crop.label, crop.side) for crop in found] == [(1, 48)]
    mask[40:60, 50:66] = 2
    assert crops(mask, [big], [1], [400]) == []
    mask[mask == 2] = 1  # another of the same class is no rival
    assert len(crops(mask, [big], [1], [400])) == 1


@pytest.mark.slow
def test_pictures_are_pixels_of_the_scenes_and_labels_their_things(things):
    scenes = {image.id: image for image in things.scenes.images()}
    assert len(things.images()) > 2 * COUNT
    for reference in things.images():
        scene, _, number = reference.id.rpartition("-")
        notes = things.scenes.coco([scene])["annotations"]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (note["bbox"] for note in notes)]
        labels = [note["category_id"] for note in notes]
        areas = [note["area"] for note in notes]
        crop = crops(things.scenes.mask(scene), boxes, labels, areas)[int(number)]
        with Image.open(reference.path) as file, Image.open(scenes[scene].path) as whole:
            assert file.format == "PNG"
            box = (crop.left, crop.top, crop.left + crop.side, crop.top + crop.side)
            assert np.array_equal(np.asarray(file), np.asarray(whole.crop(box)))
        assert things.label(reference.id) == crop.label - 1
    assert len({things.label(image.id) for image in things.images()}) >= 6
    with pytest.raises(KeyError):
        things.label("evaluation-99999-0")


@pytest.mark.slow
def test_it_is_a_data_set_of_classification_and_says_it_is_rendered(things):
    assert things.classes == CLASSES and things.tasks == ("classification", "fidelity")
    assert things.default_models["classification"] == "mobilenet_scenes"
    assert "rendered, not photographed" in things.notice
    train = ScenesThingsTrain(count=COUNT)
    assert train.fingerprint() != things.fingerprint()
    assert not {i.id for i in train.images()} & {i.id for i in things.images()}


@pytest.mark.parametrize("damage", ["index", "label", "image", "missing"])
def test_a_damaged_cache_is_cut_again(damage):
    whole = ScenesThings(count=2)
    fingerprint, path = whole.fingerprint(), whole.images()[1].path
    original, index = path.read_bytes(), path.with_name("index.json")
    if damage == "index":
        index.write_text(index.read_text()[:100])
    elif damage == "label":
        content = json.loads(index.read_text())
        content["images"][0]["label"] = 1 + content["images"][0]["label"] % 10
        index.write_text(json.dumps(content))
    elif damage == "image":
        path.write_bytes(original[:-9] + b"?" + original[-8:])
    else:
        path.unlink()
    again = ScenesThings(count=2)
    assert again.fingerprint() == fingerprint
    assert path.read_bytes() == original
    assert not list(path.parent.parent.glob(".scenes-things*"))


def test_a_second_use_cuts_nothing(monkeypatch, things):
    fingerprint = things.fingerprint()

    def refuse(*_):
        raise AssertionError("cut again")

    monkeypatch.setattr(module, "_cut_all", refuse)
    assert ScenesThings(count=COUNT).fingerprint() == fingerprint


def test_a_kill_while_cutting_leaves_nothing_that_looks_finished(monkeypatch, cache_directory):
    def killed(scenes, image, folder):
        if image.id.endswith("1"):
            raise KeyboardInterrupt
        return real(scenes, image, folder)

    real = module._cut
    monkeypatch.setattr(module, "_cut", killed)
    with pytest.raises(KeyboardInterrupt):
        ScenesThings(count=3).images()
    assert not list(cache_directory.glob("*things*-3")) and not list(cache_directory.glob(".*"))


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_cut_all", full)
    with pytest.raises(UserError, match=r"No space left on device\. Set HARNESS_CACHE to"):
        ScenesThings(count=1).images()


def test_a_batch_is_a_function_of_the_step_and_only_turned_and_exposed(things):
    batches = CropBatches(things, 4, 1)
    first = batches(3)
    again = CropBatches(things, 4, 1)(3)
    assert np.array_equal(first.images, again.images) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, CropBatches(things, 4, 2)(3).images)
    assert first.images.dtype == np.float32 and first.images.shape[1] == first.images.shape[2]
    assert first.images.min() >= 0.0 and first.images.max() <= 1.0
    # Exposure is one gain a channel: undone, it is a picture of the data set, turned.
    pictures = {}
    for reference in things.images():
        with Image.open(reference.path) as file:
            pictures[reference.id] = np.asarray(file) / 255.0
    for image, label in zip(first.images, first.labels, strict=True):
        matches = [
            key
            for key, pixels in pictures.items()
            if pixels.shape == image.shape and _same_but_for_gain(pixels, image)
        ]
        assert [things.label(key) for key in matches] == [label]


def _same_but_for_gain(pixels, image):
    for turns in range(4):
        for candidate in (np.rot90(pixels, turns), np.rot90(pixels, turns)[:, ::-1]):
            shown = (candidate > 0.1) & (image < 1.0)
            ratio = [(image / np.maximum(candidate, 0.01))[..., c][shown[..., c]] for c in range(3)]
            if all(values.size and np.ptp(values) < 1e-4 for values in ratio):
                return True
    return False


def test_importing_it_is_light():
    code = (
        "import sys, tasks.classification.scenes_things, tasks.classification.task; "
        "print(sorted({'torch', 'scipy', 'cv2', 'PIL', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
