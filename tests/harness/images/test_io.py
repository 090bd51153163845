import struct
import subprocess
import warnings
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ImageError, UserError
from harness.images.io import read_image, write_png
from harness.plugins.image_files import upright_size

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7, 4), dtype=np.uint16)
DEEP[0, :4, 0] = (0, 128, 129, 65535)  # both sides of the first rounding, and the ends


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def saved(path, image, **options):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(path, **options)
    return path


def by_value(deep):
    return np.rint(deep / 257).astype(np.uint8)


def three(grey):
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_rgb_is_read_as_it_is(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    image = read_image(saved(tmp_path / f"a.{suffix}", COLOUR, **options))
    assert np.array_equal(image, COLOUR)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable


def test_grey_is_replicated(tmp_path):
    assert np.array_equal(read_image(saved(tmp_path / "a.png", GREY)), three(GREY))
    assert np.array_equal(read_image(saved(tmp_path / "a.pgm", GREY)), three(GREY))


def test_one_bit_is_black_and_white(tmp_path):
    bits = GREY > 127
    path = saved(tmp_path / "a.png", Image.fromarray(bits))
    assert np.array_equal(read_image(path), three(bits * np.uint8(255)))


def test_a_palette_is_looked_up_and_its_transparency_dropped(tmp_path):
    indices = (GREY % 4).astype(np.uint8)
    palette = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.ravel().tolist())
    image.putpalette(palette.ravel().tolist())
    path = saved(tmp_path / "a.png", image, transparency=bytes([0, 85, 170, 255]))
    with Image.open(path) as written:
        assert written.mode == "P"
        assert "transparency" in written.info
    assert np.array_equal(read_image(path), palette[indices])


def test_alpha_is_dropped_not_blended(tmp_path):
    alpha = np.arange(35, dtype=np.uint8).reshape(5, 7)  # nearly and fully transparent
    rgba = np.dstack([COLOUR, alpha])
    assert np.array_equal(read_image(saved(tmp_path / "a.png", rgba)), COLOUR)
    la = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    assert np.array_equal(read_image(saved(tmp_path / "b.png", la)), three(GREY))


def test_cmyk_becomes_rgb(tmp_path):
    flat = np.zeros((16, 16, 3), np.uint8)
    flat[:] = (220, 30, 60)
    cmyk = Image.fromarray(flat).convert("CMYK")
    for path in (
        saved(tmp_path / "a.jpg", cmyk, quality=95),
        saved(tmp_path / "a.tif", cmyk),
    ):
        with Image.open(path) as written:
            assert written.mode == "CMYK"
        difference = read_image(path).astype(int) - flat
        assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_deep_grey_is_scaled_not_clipped(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), DEEP[..., 0])
    image = read_image(path)
    assert np.array_equal(image, three(by_value(DEEP[..., 0])))
    assert image[0, :4, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("suffix", ["png", "ppm"])
def test_deep_colour_is_scaled(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), DEEP[..., 2::-1])
    assert np.array_equal(read_image(path), by_value(DEEP[..., :3]))


def test_deep_alpha_is_dropped(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), DEEP[..., [2, 1, 0, 3]])
    assert np.array_equal(read_image(path), by_value(DEEP[..., :3]))
    path.write_bytes(deep_png(DEEP[..., :2], colour_type=4))  # grey and alpha
    assert np.array_equal(read_image(path), three(by_value(DEEP[..., 0])))


def test_deep_colour_tiff_is_read_by_the_high_byte(tmp_path):
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), DEEP[..., 2::-1])
    image = read_image(path)
    assert np.array_equal(image, DEEP[..., :3] >> 8)
    assert np.abs(image.astype(int) - by_value(DEEP[..., :3])).max() <= 1


def deep_png(values, colour_type):
    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


# EXIF 2.3: where the stored first row and first column belong in the upright image.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = np.zeros((32, 48, 3), np.uint8)  # a colour in each quarter, of whole JPEG blocks
    upright[:16, :16, 0] = upright[:16, 16:, 1] = upright[16:, :16, 2] = 255
    stored = np.ascontiguousarray(STORED[orientation](upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({"quality": 95, "subsampling": 0} if suffix == "jpg" else {})
    image = read_image(saved(tmp_path / f"a.{suffix}", stored, **options))
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).max() <= (8 if suffix == "jpg" else 0)


def test_exif_orientation_is_applied_to_deep_colour(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    block = b"eXIf" + exif.tobytes()[6:]  # without JPEG's "Exif\0\0"
    chunk = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
    stored = deep_png(np.ascontiguousarray(STORED[6](DEEP[..., :3])), colour_type=2)
    (tmp_path / "a.png").write_bytes(stored[:33] + chunk + stored[33:])
    assert np.array_equal(read_image(tmp_path / "a.png"), by_value(DEEP[..., :3]))


def test_the_first_frame_is_read(tmp_path):
    frames = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    for name in ("a.tif", "a.png"):
        path = saved(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        assert np.array_equal(read_image(path), COLOUR)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_modes_without_a_range_are_refused_by_name(tmp_path, kind):
    path = saved(tmp_path / "a.tif", GREY.astype(kind))
    mode = "F" if kind is np.float32 else "I"
    with pytest.raises(ImageError, match=rf"a\.tif.*mode {mode}\b.*8-bit PNG"):
        read_image(path)


def refuse(path, *words):
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_files_that_are_no_image_are_refused(tmp_path):
    refuse(tmp_path / "gone.png", "no such file")
    refuse(tmp_path, "folder")
    (tmp_path / "empty.jpg").touch()
    refuse(tmp_path / "empty.jpg", "empty")
    (tmp_path / "text.png").write_text("not a picture\n")
    refuse(tmp_path / "text.png", "not an image")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_a_truncated_file_is_refused(tmp_path, suffix):
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / f"a.{suffix}", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refuse(path)
    if suffix in ("png", "jpg"):
        refuse(path, "damaged", "fetch it again")


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", COLOUR)
    monkeypatch.setenv("HARNESS_MAX_PIXELS", "20")
    refuse(path, "more than the 20 that are read", "shrink")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["png", "jpg", "tif", "gif"]), st.data())
def test_a_damaged_file_is_an_image_or_an_image_error(tmp_path_factory, suffix, data):
    path = saved(tmp_path_factory.mktemp("fuzz") / f"a.{suffix}", COLOUR)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks about corrupt metadata
        try:
            image = read_image(path)
        except ImageError:
            return
    assert image.ndim == 3
    assert image.shape[2] == 3


def test_png_is_written_losslessly_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "new" / "folder" / "a.png"
    for image in (COLOUR, COLOUR[::-1, ::2]):  # the second replaces the first; a view
        write_png(image, path)
        assert np.array_equal(read_image(path), image)
    write_png(GREY, path)
    assert np.array_equal(read_image(path), three(GREY))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_png(COLOUR, path)

    def half(self, target, *args, **kwargs):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(UserError, match=r"a\.png: No space left"):
        write_png(255 - COLOUR, path)
    monkeypatch.undo()
    assert np.array_equal(read_image(path), COLOUR)
    assert list(tmp_path.iterdir()) == [path]


def test_only_images_are_written_and_only_as_png(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        write_png(COLOUR.astype(np.float32), tmp_path / "a.png")
    with pytest.raises(ValueError, match="PNG"):
        write_png(COLOUR, tmp_path / "a.jpg")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        write_png(COLOUR, tmp_path / "file" / "a.png")


def test_a_file_that_would_start_a_program_is_not_opened(tmp_path, monkeypatch):
    """An EPS file under the name of a JPEG makes Pillow run Ghostscript."""
    path = tmp_path / "photograph.jpg"
    Image.new("RGB", (8, 8)).save(path, "EPS")
    ran = []
    monkeypatch.setattr(subprocess, "check_call", lambda *given, **_: ran.append(given))
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **_: ran.append(given))
    with pytest.raises(ImageError, match="not an image of a known format"):
        read_image(path)
    assert upright_size(path) is None
    assert not ran


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA"])
def test_content_decides_whatever_the_name(tmp_path, format):
    path = tmp_path / "photograph.jpg"
    Image.new("RGB", (9, 7), (200, 200, 200)).save(path, format)
    assert read_image(path).shape == (7, 9, 3)
