import pickle
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import LIVE1
from PIL import Image

from harness.errors import ImageError, UserError
from harness.images.jpeg import Jpeg
from harness.plugins import checked_qf

# ITU-T T.81 Annex K, tables K.1 and K.2, in natural order.
LUMA = """16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56
14 17 22 29 51 87 80 62  18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92
49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99"""
CHROMA = """17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99
47 66 99 99 99 99 99 99""" + (" 99" * 32)


def textured(height, width, seed=0):
    """Smooth colour, edges and noise: something a photograph would recognise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([128 + 90 * np.sin(x / 9 + y / 17), x % 256, (x * 2 + y * 3) % 256], -1)
    return np.clip(base + rng.normal(0, 12, base.shape), 0, 255).astype(np.uint8)


def opencv_jpeg(image, qf):
    cv2 = pytest.importorskip("cv2")
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, qf])
    assert done
    return data.tobytes(), cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def assert_opencv_agrees(image, qf):
    compressed = Jpeg().compress(image, qf)
    data, pixels = opencv_jpeg(image, qf)
    assert compressed.data == data
    assert np.array_equal(compressed.pixels, pixels)


@pytest.mark.parametrize("qf", [10, 20, 30, 40, 50])
def test_pillow_and_opencv_write_the_same_bytes(qf):
    for shape in ((240, 320), (33, 47)):
        assert_opencv_agrees(textured(*shape), qf)


@pytest.mark.parametrize("qf", [10, 20, 30, 40, 50])
def test_pillow_and_opencv_write_the_same_bytes_of_a_photograph(qf):
    if not LIVE1.is_dir():
        pytest.skip("LIVE1 is not at ../shared/data/live1")
    with Image.open(LIVE1 / "parrots.png") as file:
        assert_opencv_agrees(np.array(file.convert("RGB")), qf)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_pure_colour_keeps_its_channel(channel):
    image = np.zeros((32, 48, 3), np.uint8)
    image[..., channel] = 255
    pixels = Jpeg().compress(image, 90).pixels.astype(int)
    others = [c for c in range(3) if c != channel]
    assert pixels[..., channel].min() > 240
    assert pixels[..., others].max() < 15


def test_red_is_encoded_as_red():
    # The file itself, not only the way there and back, in which two swaps would cancel: BT.601
    # gives red a luma of 76 and blue one of 29.
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 255
    with Image.open(BytesIO(Jpeg().compress(image, 95).data)) as file:
        file.draft("L", file.size)
        assert abs(int(np.asarray(file.convert("L")).mean()) - 76) <= 2


sizes = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 100), st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]))
def test_the_product_is_complete(height, width, qf, subsampling):
    image = textured(height, width, seed=height)
    codec = Jpeg(subsampling)
    first, second = codec.compress(image, qf), codec.compress(image, qf)
    assert first.data == second.data
    assert first.pixels.shape == image.shape
    assert first.pixels.dtype == np.uint8
    assert first.pixels.flags.writeable
    with Image.open(BytesIO(first.data)) as file:
        assert np.array_equal(np.asarray(file), first.pixels)
    assert first.bpp == pytest.approx(8 * len(first.data) / (height * width))
    assert (first.codec, first.qf) == ("jpeg", qf)


@given(st.integers(1, 100))
def test_tables_are_the_standard_ones_scaled(qf):
    tables = Jpeg().compress(textured(8, 8), qf).tables
    scale = 5000 // qf if qf < 50 else 200 - 2 * qf
    for slot, text in enumerate((LUMA, CHROMA)):
        standard = np.array(text.split(), dtype=int).reshape(8, 8)
        expected = np.clip((standard * scale + 50) // 100, 1, 255)
        assert tables[slot].dtype == np.uint16
        assert np.array_equal(tables[slot], expected)


def test_tables_are_in_natural_order():
    # At QF 50 the tables are the standard's: 55 ends the second row, 72 begins the last.
    luma = Jpeg().compress(textured(8, 8), 50).tables[0]
    assert luma[1, 7] == 55
    assert luma[7, 0] == 72


def test_a_higher_qf_costs_more_bytes_and_less_error():
    image = textured(96, 128)
    products = [Jpeg().compress(image, qf) for qf in (5, 10, 20, 40, 60, 80, 95)]
    lengths = [len(product.data) for product in products]
    errors = [np.square(product.pixels.astype(float) - image).mean() for product in products]
    assert lengths == sorted(set(lengths))
    assert errors == sorted(set(errors), reverse=True)


def test_subsampling_matters_and_is_in_the_fingerprint():
    image = textured(64, 64)
    half, full = Jpeg(), Jpeg("4:4:4")
    assert half.compress(image, 30).data != full.compress(image, 30).data
    assert half.fingerprint() != full.fingerprint()
    assert half.fingerprint() == Jpeg("4:2:0").fingerprint()
    assert set(half.fingerprint()) == {"codec", "subsampling", "libjpeg", "pillow"}
    assert half.fingerprint()["libjpeg"].startswith("libjpeg")


@settings(max_examples=30, deadline=None)
@given(sizes, sizes, st.integers(1, 100))
def test_a_grey_file_has_one_component(height, width, qf):
    plane = textured(height, width, seed=width)[..., 0]
    image = np.repeat(plane[..., None], 3, axis=2)
    product = Jpeg().as_grey().compress(image, qf)
    plain = BytesIO()
    Image.fromarray(plane).save(plain, "JPEG", quality=qf)

    assert product.data == plain.getvalue()  # as the deblocking literature compresses
    assert product.grey
    assert not Jpeg().compress(image, qf).grey
    assert list(product.tables) == [0]
    assert product.pixels.shape == image.shape
    assert product.pixels.flags.writeable
    with Image.open(BytesIO(product.data)) as file:
        assert file.mode == "L"
        assert (product.pixels == np.asarray(file)[..., None]).all()


def test_grey_is_in_the_fingerprint_and_needs_a_grey_image():
    assert Jpeg().as_grey().fingerprint() == {**Jpeg().fingerprint(), "subsampling": "grey"}
    with pytest.raises(ValueError, match="three equal channels"):
        Jpeg().as_grey().compress(textured(8, 8), 10)


def test_an_unknown_subsampling_is_refused():
    with pytest.raises(UserError, match="4:1:0"):
        Jpeg("4:1:0")


@pytest.mark.parametrize("qf", [0, -1, 101, 50.0, True, "10", None])
def test_a_qf_outside_1_to_100_is_refused(qf):
    with pytest.raises(UserError, match="1 to 100"):
        Jpeg().compress(textured(8, 8), qf)


def test_any_integer_type_is_a_qf():
    assert checked_qf(np.int64(30)) == 30
    assert type(Jpeg().compress(textured(8, 8), np.int32(7)).qf) is int


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_image_is_refused(image):
    with pytest.raises(ValueError, match="height, width, 3"):
        Jpeg().compress(image, 10)


def test_an_image_beyond_the_format_is_an_image_error():
    with pytest.raises(ImageError, match="70000×1"):
        Jpeg().compress(np.zeros((1, 70000, 3), np.uint8), 10)


def test_a_view_is_compressed_like_its_copy():
    image = textured(40, 60)
    view = image[::2, ::-1]
    assert Jpeg().compress(view, 20).data == Jpeg().compress(view.copy(), 20).data


def test_codec_and_product_travel_between_processes():
    product = Jpeg().compress(textured(16, 24), 20)
    copy = pickle.loads(pickle.dumps(product))
    assert copy.data == product.data
    assert np.array_equal(copy.pixels, product.pixels)
    assert np.array_equal(copy.tables[1], product.tables[1])
    assert pickle.loads(pickle.dumps(Jpeg("4:4:4"))) == Jpeg("4:4:4")
