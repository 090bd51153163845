import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.scenes.batches import (
    LEAST_VISIBLE,
    SceneBatches,
    View,
    recoloured,
    turned,
    turned_boxes,
)
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


def test_boxes_are_where_a_view_shows_their_pixels():
    image = np.zeros((120, 160, 3), np.uint8)
    boxes = np.asarray([[30, 20, 70, 60], [90, 80, 130, 110]], np.float32)
    for k, (x0, y0, x1, y1) in enumerate(boxes.astype(int)):
        image[y0:y1, x0:x1, k] = 255
    dice = np.random.default_rng(3)
    seen = 0
    for _ in range(60):
        view = View.drawn(dice, 120, 160)
        shown = view.of(image)
        kept, places = view.of_boxes(boxes)
        for k, place in zip(kept, places, strict=True):
            rows, columns = np.nonzero(shown[:, :, k] > 127)
            extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            # A reduced image is pasted at a whole pixel, and its side is rounded.
            assert np.abs(np.subtract(extent, place)).max() <= 1.5
            seen += 1
        for k in {0, 1} - set(kept):
            share = (shown[:, :, k] > 127).sum() / (1200 + 400 * (k == 0)) / view.scale**2
            assert share < LEAST_VISIBLE + 0.1
    assert seen > 60


def test_a_view_of_the_mask_ignores_the_ground_and_has_no_new_class():
    mask = np.full((120, 160), 7, np.uint8)
    small = View(0.75, -20.0, -10.0, 160, 120)
    shown = small.of_mask(mask)
    assert set(np.unique(shown)) == {7, 255}
    assert (shown == 7).sum() == 120 * 90
    assert (View(1.5, 10.0, 10.0, 160, 120).of_mask(mask) == 7).all()


def test_a_view_of_everything_and_new_colours_keep_the_finest_detail():
    """No blur, noise or compression: every pixel's new value depends on its old one alone."""
    image = np.random.default_rng(0).integers(90, 160, (48, 64, 3)).astype(np.uint8)
    image[::2] = image[0]
    whole = View(1.0, 0.0, 0.0, 64, 48).of(image)
    assert np.array_equal(whole, image)
    coloured = recoloured(whole, np.random.default_rng(5))
    assert np.array_equal(coloured[::2], np.broadcast_to(coloured[0], coloured[::2].shape))
    design = np.c_[image.reshape(-1, 3), np.ones(48 * 64)]
    values = coloured.reshape(-1, 3)
    inside = ((values > 0) & (values < 1)).all(1)
    fit = design @ np.linalg.lstsq(design[inside], values[inside], rcond=None)[0]
    assert inside.sum() > 1000
    assert np.abs(fit - values)[inside].max() < 1e-6
    assert np.abs(coloured - image / 255.0).mean() > 0.01
