"""PNG files with long texts, as editors and generators write them, are images like any other."""

import numpy as np
import pytest
from made_data import picture
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from harness.errors import ImageError
from harness.images.io import read_image
from tasks.datasets.common.files import upright_size
from tasks.datasets.folders.mask_files import check_pairs, read_mask


def texts(packed):
    """Three megabytes of a workflow."""
    info = PngInfo()
    info.add_text("workflow", '{"node": 1}' * 280_000, zip=packed)
    info.add_itxt("history", "h\u00f6r" * 1_000_000, zip=packed)
    return info


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("deep", [False, True])
def test_an_image_with_three_megabytes_of_text_is_read(tmp_path, packed, deep):
    values = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    image = Image.fromarray(values[..., 0].astype(np.uint16) * 257 if deep else values)
    image.save(tmp_path / "a.png", pnginfo=texts(packed))
    read = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(read, values[..., :1].repeat(3, -1) if deep else values)
    assert upright_size(tmp_path / "a.png") == (40, 30)


def test_a_mask_with_three_megabytes_of_text_is_read(tmp_path):
    values = np.arange(1200, dtype=np.uint8).reshape(30, 40)
    Image.fromarray(values).save(tmp_path / "m.png", pnginfo=texts(True))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)
    check_pairs([(picture(tmp_path / "x.jpg"), tmp_path / "m.png")])


def test_a_damaged_one_with_text_is_still_damaged(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png", pnginfo=texts(True))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:-40])
    with pytest.raises(ImageError, match="the file is damaged"):
        read_image(tmp_path / "a.png")
