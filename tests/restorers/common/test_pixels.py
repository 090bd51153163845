import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from restorers.common.pixels import to_pixels, to_tensor

IMAGES = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3))
)


@given(IMAGES)
def test_an_image_survives_the_way_there_and_back(image):
    tensor = to_tensor(image)

    assert tensor.shape == (1, 3, *image.shape[:2])
    assert np.array_equal(to_pixels(tensor), image)


def test_channels_stay_in_order_and_values_are_clamped_and_rounded():
    image = torch.tensor([1.7, -0.2, 0.4999])[None, :, None, None]

    assert to_pixels(image).tolist() == [[[255, 0, 127]]]
    assert to_tensor(np.array([[[255, 0, 51]]], np.uint8)).flatten().tolist() == [
        1.0,
        0.0,
        np.float32(51) / np.float32(255),
    ]
