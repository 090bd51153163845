import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.scenes.batches import SceneBatches, turned, turned_boxes
from tasks.scenes.data_set import ScenesTrain

BOOLS = st.booleans()


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        scenes = ScenesTrain(count=8)
        scenes.images()
        yield scenes


@given(
    st.integers(4, 30), st.integers(4, 30), st.data(), st.tuples(BOOLS, BOOLS, BOOLS)
)  # fmt: skip
def test_boxes_turn_with_the_pixels(height, width, data, transform):
    x0, y0 = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    image = np.zeros((height, width), np.uint8)
    image[y0:y1, x0:x1] = 1
    rows, columns = np.nonzero(turned(image, transform))
    expected = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    assert turned_boxes([[x0, y0, x1, y1]], (height, width), transform).tolist() == expected


def test_no_boxes_turn_into_no_boxes():
    assert turned_boxes([], (3, 4), (True, True, True)).shape == (0, 4)


@pytest.mark.slow
def test_a_batch_depends_on_seed_and_step_alone(data_set):
    batches = SceneBatches(data_set, 2, seed=5, masks=True)
    batches(3)
    late, fresh = batches(7), SceneBatches(data_set, 2, seed=5, masks=True)(7)
    assert np.array_equal(late.images, fresh.images)
    assert np.array_equal(late.masks, fresh.masks)
    assert not np.array_equal(SceneBatches(data_set, 2, seed=6)(7).images[0], late.images[0])


def test_a_batch_is_what_a_network_wants(data_set):
    shapes = set()
    for step in range(12):
        batch = SceneBatches(data_set, 3, seed=1, masks=True)(step)
        assert batch.images.dtype == np.float32 and batch.images.shape[::3] == (3, 3)
        assert batch.images.min() >= 0 and batch.images.max() <= 1
        assert batch.masks.shape == batch.images.shape[:3]
        assert batch.images.shape[1] <= batch.images.shape[2]
        for boxes, labels, mask in zip(batch.boxes, batch.labels, batch.masks, strict=True):
            assert boxes.dtype == np.float32 and labels.dtype == np.int64
            for (x0, y0, x1, y1), label in zip(boxes.astype(int), labels, strict=True):
                assert np.isin(mask[y0:y1, x0:x1], (label, 255)).any()
        shapes.add(batch.images.shape[1:3])
    assert len(shapes) > 1


@pytest.mark.slow
def test_augmentation_keeps_the_finest_detail(data_set):
    """No blur, noise or compression: turned back, an image is the original times a gain."""
    batch = SceneBatches(data_set, 1, seed=2)(0)
    image = batch.images[0]
    originals = [np.asarray(_read(r.path)) / 255.0 for r in data_set.images()]
    best = min(_distance(image, original) for original in originals)
    assert best < 2e-3


def _read(path):
    from PIL import Image

    with Image.open(path) as file:
        return file.copy()


def _distance(image, original):
    """Largest difference after the best turn and per-channel gain; infinite for another size."""
    found = np.inf
    for transform in np.ndindex(2, 2, 2):
        other = turned(original, tuple(bool(t) for t in transform))
        if other.shape == image.shape:
            usable = (other.max(2) < 0.7) & (other.min(2) > 0.05)
            gain = np.median(image[usable] / other[usable], axis=0)
            found = min(found, np.abs(image - other * gain)[usable].max())
    return found
