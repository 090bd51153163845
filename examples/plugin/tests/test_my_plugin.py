"""What every plugin should show of itself."""

import numpy as np
import pytest
from my_plugin.detector import Blobs
from my_plugin.restorer import Bilateral

from harness.errors import UserError
from harness.plugins import registry

IMAGE = np.full((64, 96, 3), 90, np.uint8)
IMAGE[10:40, 20:32] = 220


def compressed(qf=10):
    return registry.codecs().get("jpeg")().compress(IMAGE, qf)


def test_it_is_found_by_name():
    assert registry.restorers().get("bilateral") is Bilateral
    assert registry.models("detection").get("blobs") is Blobs


def test_an_image_comes_back_smoother_and_of_the_same_size():
    given = compressed()

    restored = Bilateral.make("strong").restore(given)

    assert restored.shape == IMAGE.shape and restored.dtype == np.uint8
    flat = (slice(45, 60), slice(50, 90))
    assert restored[flat].std() <= given.pixels[flat].std()


def test_what_changes_a_pixel_changes_the_fingerprint():
    assert Bilateral.make().fingerprint(10) != Bilateral.make("strong").fingerprint(10)


def test_an_unknown_variant_is_one_sentence():
    with pytest.raises(UserError, match=r"no variant .huge.\. Variants: weak, strong"):
        Bilateral.make("huge")


def test_a_box_is_in_the_images_pixels():
    found = Blobs().predict(IMAGE)

    assert found.boxes.tolist() == [[20, 10, 32, 40]]
    assert found.labels.tolist() == [1]


def test_an_empty_image_has_no_box():
    assert len(Blobs().predict(np.zeros((32, 32, 3), np.uint8))) == 0
