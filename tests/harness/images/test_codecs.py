"""The codecs besides JPEG 4:2:0, and what every codec promises."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import DOCS, LIVE1
from PIL import Image, features

from harness.errors import ImageError, UserError
from harness.images.codecs import Avif, Jpeg2000, WebP
from harness.images.jpeg import Jpeg, Jpeg422, Jpeg444
from harness.plugins import registry

JPEGS = (Jpeg, Jpeg444, Jpeg422)
OTHERS = (WebP, Avif, Jpeg2000)
HAS_AVIF = "avif" in features.modules and features.check("avif")
needs_avif = pytest.mark.skipif(
    not HAS_AVIF, reason=f"Pillow {PIL.__version__} here has no AVIF (wheels have it from 11.3 on)"
)
WORKING = tuple(codec for codec in OTHERS if HAS_AVIF or codec is not Avif)
EACH_OTHER = [pytest.param(codec, marks=needs_avif if codec is Avif else ()) for codec in OTHERS]
FORMATS = {WebP: "WEBP", Avif: "AVIF", Jpeg2000: "JPEG2000"} | dict.fromkeys(JPEGS, "JPEG")


def textured(height, width, seed=0):
    """Smooth colour, edges and noise: something a photograph would recognise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([128 + 90 * np.sin(x / 9 + y / 17), x % 256, (x * 2 + y * 3) % 256], -1)
    return np.clip(base + rng.normal(0, 12, base.shape), 0, 255).astype(np.uint8)


def colourful(side):
    """Luma is flat; red and green take turns every few pixels, as in woven cloth."""
    y, x = np.mgrid[:side, :side]
    red = (x // 3 + y // 3) % 2 == 0
    return np.where(red[..., None], [170, 60, 90], [60, 116, 90]).astype(np.uint8)


def mean_squared_error(first, second):
    return np.square(first.astype(float) - second).mean()


def psnr(first, second):
    return 10 * np.log10(255**2 / mean_squared_error(first, second))


@pytest.mark.parametrize("codec", [*JPEGS, *EACH_OTHER], ids=lambda codec: codec.name)
def test_every_codec_is_registered_under_its_name_and_says_what_its_number_means(codec):
    assert registry.codecs().get(codec.name) is codec
    assert codec.jpeg == (codec in JPEGS)
    assert ("QF" in codec.quality) or ("quality of lib" in codec.quality)
    assert codec().fingerprint()["codec"] == codec.name
    assert codec().fingerprint()["pillow"] == PIL.__version__
    assert pickle.loads(pickle.dumps(codec())) == codec()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 100),
    st.sampled_from([Jpeg444, Jpeg422, *WORKING]),
)  # fmt: skip
def test_the_product_is_complete_at_any_size(height, width, qf, codec):
    image = textured(height, width, seed=height)
    first, second = codec().compress(image, qf), codec().compress(image, qf)
    assert first.data == second.data
    assert first.pixels.shape == image.shape
    assert first.pixels.dtype == np.uint8
    assert first.pixels.flags.writeable
    with Image.open(BytesIO(first.data)) as file:
        assert file.format == FORMATS[codec]
        assert np.array_equal(np.asarray(file), first.pixels)
    assert first.bpp == pytest.approx(8 * len(first.data) / (height * width))
    assert (first.codec, first.qf, first.grey) == (codec.name, qf, False)
    assert bool(first.tables) == codec.jpeg


@pytest.mark.parametrize("codec", [*JPEGS, *EACH_OTHER], ids=lambda codec: codec.name)
def test_a_higher_quality_costs_more_bytes_and_less_error(codec):
    image = textured(96, 128)
    products = [codec().compress(image, qf) for qf in (1, 10, 25, 45, 65, 85, 100)]
    lengths = [len(product.data) for product in products]
    errors = [mean_squared_error(product.pixels, image) for product in products]
    assert lengths == sorted(set(lengths))
    assert errors == sorted(set(errors), reverse=True)
    # The scale is used: tiny files at one end, nearly the original at the other.
    assert products[-1].bpp > 5 * products[0].bpp
    grey = np.repeat(image[..., :1], 3, axis=2)  # 4:2:0 never gives back the colours of noise
    assert mean_squared_error(codec().compress(grey, 100).pixels, grey) < 2


@pytest.mark.parametrize("codec", [Jpeg444, Jpeg422, *EACH_OTHER], ids=lambda codec: codec.name)
def test_red_stays_red(codec):
    image = np.zeros((32, 48, 3), np.uint8)
    image[..., 0] = 255
    pixels = codec().compress(image, 90).pixels
    assert pixels[..., 0].min() > 240
    assert pixels[..., 1:].max() < 15


@pytest.mark.parametrize("codec", EACH_OTHER, ids=lambda codec: codec.name)
def test_what_a_codec_cannot_compress_is_refused(codec):
    with pytest.raises(ImageError, match=rf"1×{codec.longest + 1}.*{codec.longest} pixels"):
        codec().compress(np.zeros((codec.longest + 1, 1, 3), np.uint8), 10)
    with pytest.raises(ValueError, match="height, width, 3"):
        codec().compress(np.zeros((8, 8), np.uint8), 10)
    for qf in (0, 101, 50.0, None):
        with pytest.raises(UserError, match="1 to 100"):
            codec().compress(textured(8, 8), qf)
    with pytest.raises(UserError, match="luma alone"):
        codec().as_grey()


@pytest.mark.parametrize("codec", EACH_OTHER, ids=lambda codec: codec.name)
def test_the_longest_side_is_still_written_and_read(codec):
    image = np.full((1, codec.longest, 3), 77, np.uint8)
    assert codec().compress(image, 10).pixels.shape == image.shape


@pytest.mark.parametrize("codec", EACH_OTHER, ids=lambda codec: codec.name)
def test_several_threads_at_once_write_the_same_bytes(codec):
    image = textured(64, 80)
    alone = codec().compress(image, 30).data
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: codec().compress(image, 30).data, range(8)))
    assert together == [alone] * 8


@needs_avif
def test_avif_does_not_depend_on_the_machines_cores(monkeypatch):
    from PIL import AvifImagePlugin

    image = textured(256, 320)
    bytes_of = []
    for cores in (1, 2, 8):
        monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", cores)
        bytes_of.append(Avif().compress(image, 30).data)
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]


@pytest.mark.parametrize("qf", [1, 10, 40, 90])
@pytest.mark.parametrize("size", [(64, 64), (97, 131), (240, 320)])
def test_jpeg_2000_takes_as_many_bytes_as_jpeg(size, qf):
    image = textured(*size)
    jpeg, other = Jpeg().compress(image, qf), Jpeg2000().compress(image, qf)
    assert abs(len(other.data) - len(jpeg.data)) <= 20 + 0.03 * len(jpeg.data)
    assert "4:2:0" in Jpeg2000().fingerprint()["size"]


def test_the_jpegs_are_jpeg_with_that_subsampling():
    image = textured(33, 47)
    for codec, subsampling in ((Jpeg444, "4:4:4"), (Jpeg422, "4:2:2")):
        product, plain = codec().compress(image, 20), Jpeg(subsampling).compress(image, 20)
        assert product.data == plain.data
        assert np.array_equal(product.tables[1], plain.tables[1])
        expected = {**Jpeg(subsampling).fingerprint(), "codec": codec.name}
        assert codec().fingerprint() == expected
        assert codec().as_grey() == Jpeg().as_grey()


def test_444_keeps_the_colours_that_420_loses():
    image = colourful(96)
    full, half, quarter = (codec().compress(image, 40).pixels for codec in (Jpeg444, Jpeg422, Jpeg))
    assert psnr(full, image) > psnr(half, image) + 0.3 > psnr(quarter, image) + 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("qf", "gain"), [(10, 0.27), (20, 0.39), (30, 0.47), (40, 0.54)])
def test_444_gains_on_photographs(qf, gain):
    """The mean over LIVE1 that `docs/reference/codecs.md` gives."""
    if not LIVE1.is_dir():
        pytest.skip("LIVE1 is not at ../shared/data/live1")
    gains = []
    for path in sorted(LIVE1.glob("*.png")):
        with Image.open(path) as file:
            image = np.array(file.convert("RGB"))
        full, part = (codec().compress(image, qf).pixels for codec in (Jpeg444, Jpeg))
        gains.append(psnr(full, image) - psnr(part, image))
    assert len(gains) == 29
    assert min(gains) > 0
    assert np.mean(gains) == pytest.approx(gain, abs=0.01)


@pytest.mark.parametrize("codec", OTHERS, ids=lambda codec: codec.name)
def test_a_pillow_built_without_the_library_is_told_in_one_sentence(codec, monkeypatch):
    monkeypatch.setattr(features, "check", lambda feature: feature != codec.feature)
    with pytest.raises(UserError, match=rf"codec {codec.name} needs a Pillow with {codec.title}"):
        codec()
    others = [other() for other in WORKING if other is not codec]
    assert len(others) == len({*WORKING} - {codec}) >= 1


def test_a_pillow_that_has_never_heard_of_avif_is_told_so_too(monkeypatch, recwarn):
    monkeypatch.delitem(features.modules, "avif", raising=False)
    with pytest.raises(UserError, match="AVIF"):
        Avif()
    assert not recwarn.list


@needs_avif
def test_avif_without_its_encoder_is_refused(monkeypatch):
    from PIL import AvifImagePlugin

    monkeypatch.setattr(AvifImagePlugin, "get_codec_version", lambda name: None)
    with pytest.raises(UserError, match="needs the encoder aom"):
        Avif()


def test_the_fingerprint_names_the_library_and_the_settings():
    assert WebP().fingerprint()["library"] == f"libwebp {features.version('webp')}"
    assert Jpeg2000().fingerprint()["library"] == f"OpenJPEG {features.version('jpg_2000')}"
    # What the bytes depend on, and so nothing of an image or a quality.
    assert WebP().fingerprint()["method"] == str(WebP().options(textured(8, 8), 3)["method"])


@needs_avif
def test_the_fingerprint_of_avif_names_its_encoder_and_speed():
    encoder = Avif().fingerprint()["encoder"]
    assert encoder.startswith("aom ") and encoder[4].isdigit()
    assert Avif().fingerprint()["speed"] == str(Avif().options(textured(8, 8), 3)["speed"])


def printed():
    """Bits per pixel and PSNR by codec and quality, as the document has them."""
    lines = (DOCS / "reference" / "codecs.md").read_text().splitlines()
    start = lines.index("| codec | 10 | 20 | 30 | 40 | 60 | 80 |")
    for line in lines[start + 2 : start + 8]:
        name, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        values = [tuple(map(float, cell.split(" / "))) for cell in cells]
        yield name, dict(zip((10, 20, 30, 40, 60, 80), values, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "by_quality"), printed(), ids=lambda part: part)
def test_the_documents_table_is_what_live1_gives(name, by_quality):
    if not LIVE1.is_dir():
        pytest.skip("LIVE1 is not at ../shared/data/live1")
    if name == "avif" and not HAS_AVIF:
        pytest.skip(f"Pillow {PIL.__version__} here has no AVIF")
    sizes, scores = [], []
    for path in sorted(LIVE1.glob("*.png")):
        with Image.open(path) as file:
            image = np.array(file.convert("RGB"))
        product = registry.codecs().get(name)().compress(image, 10)
        sizes.append(product.bpp)
        scores.append(psnr(product.pixels, image))
    size, score = by_quality[10]
    assert np.mean(sizes) == pytest.approx(size, abs=0.01)  # other versions, other bytes
    assert np.mean(scores) == pytest.approx(score, abs=0.05)
