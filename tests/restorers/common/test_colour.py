import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.images.fidelity import to_luma
from restorers.common.colour import on_luma, to_pixels, to_tensor

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))
IMAGES = arrays(np.uint8, SHAPES)

# BT.601's Cb and Cr, studio range, per level of R, G, B; Matlab's rgb2ycbcr.
CHROMA = np.array([[-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255


def grey_image(height=6, width=7, seed=0):
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return np.repeat(plane[..., None], 3, axis=2)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(IMAGES, st.booleans())
def test_a_network_that_changes_nothing_changes_no_pixel(image, grey):
    if grey:
        image = np.repeat(image[..., :1], 3, axis=2)
    before = image.copy()

    restored = on_luma(image, grey, lambda plane: plane)

    assert np.array_equal(restored, before)
    assert np.array_equal(image, before)


@settings(max_examples=100, deadline=None)
@given(IMAGES)
def test_the_network_sees_the_luma_that_the_harness_scores(image):
    image[0, 0] = (10, 20, 30)  # so that it is no grey image, whose luma is itself
    seen = []
    on_luma(image, False, lambda plane: (seen.append(plane), plane)[1])

    assert seen[0].dtype == np.float32
    assert seen[0].min() >= 16 / 255 - 1e-6
    assert seen[0].max() <= 235 / 255 + 1e-6
    assert np.abs(255 * seen[0] - to_luma(image)[..., 0]).max() <= 0.5 + 1e-3


def test_a_grey_image_is_luma_itself():
    image = grey_image()

    restored = on_luma(image, True, lambda plane: plane + np.float32(3 / 255))

    assert np.array_equal(restored, np.minimum(image.astype(int) + 3, 255))


@pytest.mark.parametrize("strength", [0.0, 3.0, 40.0])
def test_luma_moves_by_what_the_network_says_and_chroma_not_at_all(strength):
    rng = np.random.default_rng(1)
    image = rng.integers(60, 190, (20, 30, 3), dtype=np.uint8)
    change = strength * rng.uniform(-1, 1, (20, 30)).astype(np.float32)

    restored = on_luma(image, False, lambda plane: plane + change / 255)

    moved = restored.astype(float) - image
    luma = moved @ np.array([65.481, 128.553, 24.966]) / 255
    assert (luma - change).mean() == pytest.approx(0, abs=0.05)
    assert np.abs(luma - change).max() <= 0.5  # what rounding may do
    assert np.abs(moved @ CHROMA.T).max() <= 0.5


def test_what_leaves_the_range_is_clipped():
    image = np.full((4, 5, 3), (250, 3, 128), np.uint8)

    assert on_luma(image, False, lambda plane: plane + 1).max() == 255
    assert on_luma(image, False, lambda plane: plane - 1).min() == 0
    assert (on_luma(grey_image(), True, lambda plane: plane * 0 - 3) == 0).all()


# --- tensors ---

ANY_SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3))
)


@given(ANY_SIZE)
def test_an_image_survives_the_way_there_and_back(image):
    tensor = to_tensor(image)

    assert tensor.shape == (1, 3, *image.shape[:2])
    assert np.array_equal(to_pixels(tensor, image), image)


def test_channels_stay_in_order_and_values_are_clamped_and_rounded():
    image = torch.tensor([1.7, -0.2, 0.4999])[None, :, None, None]

    assert to_pixels(image, np.array([[[255, 0, 127]]], np.uint8)).tolist() == [[[255, 0, 127]]]
    assert to_tensor(np.array([[[255, 0, 51]]], np.uint8)).flatten().tolist() == [
        1.0,
        0.0,
        np.float32(51) / np.float32(255),
    ]
