"""The harness reads a file to the pixels that each reference's own loader gives its model."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from harness.images.io import read_image

pytestmark = pytest.mark.integration

ORIENTATIONS = range(1, 9)


@pytest.fixture(scope="module")
def picture():
    """(37, 52, 3) in which no rotation or reflection, and no swap of channels, goes unseen."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((52, 37), Image.Resampling.BILINEAR))


def write(picture, path, mode="RGB", orientation=None):
    exif = Image.Exif()
    if orientation is not None:
        exif[Base.Orientation] = orientation
    Image.fromarray(picture).convert(mode).save(path, "JPEG", quality=90, exif=exif)
    return path


def cases(picture, folder):
    """Files by what is odd about them."""
    for k in ORIENTATIONS:
        yield f"orientation {k}", write(picture, folder / f"{k}.jpg", orientation=k)
    for mode in ("L", "CMYK"):
        yield mode, write(picture, folder / f"{mode}.jpg", mode)
        yield f"{mode}, turned", write(picture, folder / f"{mode}6.jpg", mode, 6)


def test_detectron2s_loader_gives_the_same_pixels(picture, tmp_path):
    from tasks.detection.models.detectron2_library import need

    try:
        need()
    except Exception as error:
        pytest.skip(f"detectron2 cannot be imported: {error.__cause__}")
    from detectron2.data.detection_utils import read_image as detectron2_read

    for what, path in cases(picture, tmp_path):
        assert np.array_equal(read_image(path), detectron2_read(str(path), format="RGB")), what


def test_torchvisions_loader_gives_the_same_pixels_unless_they_are_turned(picture, tmp_path):
    """Its data sets open files with Pillow and ``convert("RGB")``, which leaves EXIF alone."""
    for what, path in cases(picture, tmp_path):
        with Image.open(path) as image:
            stored = np.asarray(image.convert("RGB"))
        turned = what not in ("orientation 1", "L", "CMYK")
        assert np.array_equal(read_image(path), stored) is not turned, what


def test_every_orientation_is_upright(picture, tmp_path):
    """By the definition of EXIF 2.3: where the stored row 0 and column 0 belong."""
    upright = {  # from the stored image
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a[::-1].transpose(1, 0, 2),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: a[:, ::-1].transpose(1, 0, 2),
    }
    for k in ORIENTATIONS:
        path = write(picture, tmp_path / f"{k}.jpg", orientation=k)
        with Image.open(path) as image:
            stored = np.asarray(image.convert("RGB"))
        assert np.array_equal(read_image(path), upright[k](stored)), k


def test_grey_and_cmyk_become_what_they_look_like(picture, tmp_path):
    grey = read_image(write(picture, tmp_path / "grey.jpg", "L"))
    luma = picture @ [0.299, 0.587, 0.114]
    assert np.ptp(grey, axis=-1).max() == 0
    assert np.abs(grey[..., 0] - luma).mean() < 2
    inks = read_image(write(picture, tmp_path / "inks.jpg", "CMYK"))
    assert np.abs(inks.astype(int) - picture).mean() < 2  # not a negative, channels in order
