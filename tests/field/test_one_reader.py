"""One reader, one set of rules: evaluation, training, masks and panels see the same pixels.

Training clipped 16-bit grey to white and did not turn photographs upright; a TIFF's size was taken
for turned twice.
"""

import numpy as np
import pytest
from field_models import Flat, table_text
from pictures import textured
from PIL import Image

from harness.images.io import write_png
from harness.plugins import read_image, upright_size
from restorers.training.batches import Images
from restorers.training.data import pairs, read_rgb
from tasks.datasets.folders.mask_files import check_pairs, read_mask

ORIENTATION = 0x0112


def tagged(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def write(path, kind):
    """An odd file of a kind, 24×18 as stored."""
    pixels = textured(4, 18, 24)
    image = Image.fromarray(pixels)
    if kind == "grey16":
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(path)
    elif kind == "colour16":
        import cv2

        cv2.imwrite(str(path), pixels[..., ::-1].astype(np.uint16) * 257)
    elif kind.startswith("turned"):
        image.save(path, exif=tagged(int(kind[-1])))
    elif kind == "palette":
        image.quantize(16).save(path, transparency=0)
    elif kind == "cmyk":
        image.convert("CMYK").save(path)
    else:
        image.convert(kind).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("grey16", ".png"), ("grey16", ".tif"), ("colour16", ".png"), ("turned6", ".jpg"),
        ("turned3", ".png"), ("turned8", ".tif"), ("turned5", ".tif"), ("turned7", ".webp"),
        ("palette", ".png"), ("cmyk", ".jpg"), ("LA", ".png"), ("RGBA", ".png"), ("1", ".png"),
    ],
)  # fmt: skip
def test_training_reads_what_evaluation_reads(kind, suffix, tmp_path):
    path = write(tmp_path / f"a{suffix}", kind)
    evaluated = read_image(path)

    assert np.array_equal(read_rgb(path), evaluated)
    assert np.array_equal(Images([path], 1e9)[0], evaluated)
    assert np.array_equal(pairs([path], 90)[0].clean, evaluated)
    assert upright_size(path) == evaluated.shape[1::-1]


def test_16_bit_grey_is_not_clipped_to_white(tmp_path):
    values = textured(4, 18, 24)[..., 0]

    assert np.array_equal(read_rgb(write(tmp_path / "a.png", "grey16"))[..., 0], values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_masks_own_tag_is_applied_as_its_images(orientation, tmp_path):
    values = np.arange(18 * 24, dtype=np.uint8).reshape(18, 24) % 7
    Image.fromarray(values).save(tmp_path / "mask.png", exif=tagged(orientation))
    Image.fromarray(np.dstack([values] * 3)).save(tmp_path / "image.png", exif=tagged(orientation))

    assert np.array_equal(
        read_mask(tmp_path / "mask.png"), read_image(tmp_path / "image.png")[..., 0]
    )
    check_pairs([(tmp_path / "image.png", tmp_path / "mask.png")])


def test_a_turned_photograph_and_its_turned_mask_are_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, pixels in (
        ("images", textured(0, 20, 30)),
        ("masks", np.eye(20, 30, dtype=np.uint8)),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "a.png", exif=tagged(6))
    (tmp_path / "classes.txt").write_text("background\ncat\n")

    text = table_text("images", Flat(["cat"]), masks="masks", classes="classes.txt")

    assert "failed" not in text
    write_png(np.zeros((30, 20), np.uint8), tmp_path / "masks" / "a.png")
    assert "failed" not in table_text(
        "images", Flat(["cat"]), masks="masks", classes="classes.txt", output="again"
    )


def test_a_damaged_training_image_is_named_with_the_reason(tmp_path):
    from harness.errors import UserError

    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(
        UserError, match=r"Cannot read the training image .*bad.png: .*damaged|format"
    ):
        read_rgb(tmp_path / "bad.png")
