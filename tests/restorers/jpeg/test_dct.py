import subprocess
import sys
import tempfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jpeg_tools import inputs, jpeg, libjpegs_planes, locate_file, picture
from paths import LIVE1
from PIL import Image

from harness.errors import ImageError, UserError
from harness.images.jpeg import SUBSAMPLINGS
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import (
    dct,
    decode,
    deviations,
    idct,
    on_chroma_grid,
    on_luma_grid,
    render,
    stack,
    tensors,
    to_rgb,
    upsample,
)

SIDES = st.integers(1, 70)
QFS = st.integers(1, 100)


def levels(image):
    """(1, 3, H, W) in 0..1 to (H, W, 3) in whole levels."""
    return (image[0].permute(1, 2, 0) * 255).round().int().numpy()


# --- reading --------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, qf=QFS, subsampling=st.sampled_from(SUBSAMPLINGS))
@example(height=16, width=16, qf=10, subsampling="4:2:0")
@example(height=17, width=9, qf=10, subsampling="4:2:0")
def test_coefficients_are_the_files_and_give_libjpegs_luma(height, width, qf, subsampling):
    compressed = jpeg(height, width, qf, subsampling)
    coefficients = read(compressed)
    assert (coefficients.height, coefficients.width) == (height, width)
    luma, *chroma = coefficients.components
    np.testing.assert_array_equal(luma.table, compressed.tables[0])
    for part in chroma:
        np.testing.assert_array_equal(part.table, compressed.tables[1])
    for part in coefficients.components:
        whole = part.dequantised
        np.testing.assert_array_equal(np.rint(whole / part.table), part.quantised)
        assert not (whole % part.table).any()
    assert luma.quantised.shape == (-(-height // 8), -(-width // 8), 8, 8)

    samples = idct(tensors(coefficients).luma)[0, :height, :width] + 128
    decoded = samples.clamp(0, 255).round().numpy()
    assert np.abs(decoded - libjpegs_planes(compressed.data)[:, :, 0]).max() <= 1


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, qf=QFS, subsampling=st.sampled_from(SUBSAMPLINGS))
@example(height=33, width=17, qf=1, subsampling="4:2:0")
@example(height=9, width=4, qf=1, subsampling="4:2:0")  # so narrow that libjpeg repeats chroma
@example(height=9, width=5, qf=1, subsampling="4:2:0")
@example(height=9, width=2, qf=1, subsampling="4:2:2")
def test_the_colour_image_is_libjpegs_within_rounding(height, width, qf, subsampling):
    compressed = jpeg(height, width, qf, subsampling)
    difference = levels(decode(tensors(read(compressed)))) - compressed.pixels.astype(int)
    # libjpeg rounds Y, Cb and Cr, 4:2:0 chroma once more, and the sum: 1.77 levels and two halves.
    assert np.abs(difference).max() <= (2 if subsampling == "4:4:4" else 3)


def test_over_many_pixels_the_colour_image_has_no_bias():
    compressed = jpeg(160, 200, 30)
    difference = levels(decode(tensors(read(compressed)))) - compressed.pixels.astype(int)
    assert np.abs(difference.mean((0, 1))).max() < 0.1
    assert np.abs(difference).mean() < 0.5


@settings(max_examples=15, deadline=None)
@given(height=SIDES, width=SIDES, qf=QFS)
def test_a_grey_file_has_one_component_and_decodes_to_equal_channels(height, width, qf):
    grey = Image.fromarray(picture(height, width)).convert("L")
    compressed = locate_file(grey, format="JPEG", quality=qf)
    coefficients = read(compressed)
    assert len(coefficients.components) == 1
    planes = tensors(coefficients)
    assert not planes.chroma.any()
    assert (planes.chroma[:, 0].shape, planes.ratio) == (planes.luma.shape, (1, 1))
    with Image.open(BytesIO(compressed.data)) as image:
        expected = np.array(image).astype(int)
    decoded = levels(decode(planes))
    assert (decoded == decoded[:, :, :1]).all()
    assert np.abs(decoded[:, :, 0] - expected).max() <= 1


def test_frequencies_are_in_natural_order():
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[::2] = 255  # the highest vertical frequency: row 7, column 0
    planes = tensors(read(locate_file(Image.fromarray(stripes), format="JPEG", quality=100)))
    assert planes.luma[0, 1:].abs().sum((1, 2)).argmax() + 1 == 8 * 7 + 0


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_file_that_is_no_jpeg_is_refused_in_one_sentence(kind):
    compressed = locate_file(Image.fromarray(picture(16, 16)), format=kind)
    with pytest.raises(
        UserError, match=rf"^The codec {kind.lower()} writes no JPEG file"
    ) as raised:
        read(compressed)
    assert str(raised.value).count(". ") == 0 and not isinstance(raised.value, ImageError)


def test_cmyk_and_odd_subsampling_are_refused():
    cmyk = locate_file(Image.new("CMYK", (16, 16)), format="JPEG")
    with pytest.raises(UserError, match="4 components in CMYK"):
        read(cmyk)
    compressed = jpeg(64, 64)
    assert compressed.data.count(b"\x03\x01\x22\x00") == 1
    patched = compressed.data.replace(b"\x03\x01\x22\x00", b"\x03\x01\x41\x00")
    with pytest.raises(UserError, match=r"sampling factors \[\(1, 4\), \(1, 1\), \(1, 1\)\]"):
        read(replace(compressed, data=patched))


def test_nothing_is_left_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compressed = jpeg(32, 32)
    read(compressed)
    with pytest.raises(ImageError, match="damaged"):
        read(replace(compressed, data=compressed.data[:200]))
    assert not list(tmp_path.iterdir())


def test_reading_needs_no_torch():
    code = "import sys, restorers.jpeg.coefficients; "
    code += "assert not {'torch', 'jpeglib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- transforms -----------------------------------------------------------------------------


def test_the_transform_is_scipys_and_its_inverse_undoes_it():
    samples = torch.randn((2, 3, 24, 40), generator=torch.Generator().manual_seed(0)).double()
    blocks = dct(samples)
    block = samples[1, 2, 8:16, 32:40].numpy()
    expected = scipy.fft.dctn(block, norm="ortho").reshape(64)
    np.testing.assert_allclose(blocks[1, 2, :, 1, 4].numpy(), expected, atol=1e-5)
    torch.testing.assert_close(idct(blocks), samples, atol=1e-5, rtol=0)
    torch.testing.assert_close(blocks.pow(2).sum(), samples.pow(2).sum(), rtol=1e-5, atol=0)


def test_rendering_is_linear_and_its_gradient_right():
    generator = torch.Generator().manual_seed(0)
    shapes = (1, 64, 3, 3), (1, 2, 64, 2, 2)
    a, b = ([10 * torch.randn(s, generator=generator).double() for s in shapes] for _ in "ab")
    both = render(a[0] + 2 * b[0], a[1] + 2 * b[1], (2, 2), (19, 21))
    apart = render(*a, (2, 2), (19, 21)) + 2 * render(*b, (2, 2), (19, 21))
    torch.testing.assert_close(both, apart)
    for part in a:
        part.requires_grad_()
    weights = torch.randn((1, 3, 19, 21), generator=generator).double()
    (render(*a, (2, 2), (19, 21)) * weights).sum().backward()
    for part, change in zip(a, b, strict=True):
        zero = [torch.zeros_like(p) for p in a]
        zero[0 if part is a[0] else 1] = change
        slope = (render(*zero, (2, 2), (19, 21)) * weights).sum()
        torch.testing.assert_close((part.grad * change).sum(), slope)


def test_unclipped_coefficients_decode_to_what_is_rendered():
    planes, _ = inputs(jpeg(37, 53, 50))
    soft = replace(planes, luma=planes.luma * 0.3, chroma=planes.chroma * 0.3)
    expected = render(soft.luma, soft.chroma, soft.ratio, soft.size) + 128 / 255
    torch.testing.assert_close(decode(soft), expected)


def test_colours_are_jfifs():
    ycc = np.random.default_rng(0).integers(60, 190, (16, 16, 3), np.uint8)
    expected = np.array(Image.fromarray(ycc, "YCbCr").convert("RGB")).astype(int)
    offset = torch.from_numpy(ycc).permute(2, 0, 1)[None].float() - torch.tensor(
        [0.0, 128, 128]
    ).view(3, 1, 1)
    ours = to_rgb(offset)[0].permute(1, 2, 0).clamp(0, 255).round().numpy()
    assert np.abs(ours - expected).max() <= 1


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    ratio=st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2)]),
)
def test_upsampling_keeps_means_and_never_sees_padding(height, width, ratio):
    real = [-(-side // r) for side, r in zip((height, width), ratio, strict=True)]
    samples = torch.full((1, 1, real[0] + 3, real[1] + 2), 1000.0)
    samples[:, :, : real[0], : real[1]] = 7
    result = upsample(samples, ratio, (height, width))
    assert result.shape == (1, 1, height, width)
    torch.testing.assert_close(result, torch.full_like(result, 7))


# --- grids, cuts, batches -------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(height=SIDES, width=SIDES, subsampling=st.sampled_from(SUBSAMPLINGS))
def test_what_goes_to_the_luma_grid_and_back_is_unchanged_inside(height, width, subsampling):
    planes, _ = inputs(jpeg(height, width, subsampling=subsampling))
    maps = torch.rand((1, 2, *planes.chroma.shape[3:]))
    there = on_luma_grid(maps, planes)
    assert there.shape[2:] == planes.luma.shape[2:]
    torch.testing.assert_close(on_chroma_grid(there, planes), maps)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_cut_is_that_part_of_the_image(subsampling):
    planes, _ = inputs(jpeg(70, 90, 30, subsampling))
    part = planes.cut(16, 32, 32, 48)
    assert part.size == (32, 48)
    # Away from the cut's edges, where the chroma filter does not see beyond.
    whole, piece = decode(planes), decode(part)
    torch.testing.assert_close(piece[:, :, 1:-1, 1:-1], whole[:, :, 17:47, 33:79])


def test_a_cut_may_reach_the_files_end_but_not_leave_its_grid():
    planes, _ = inputs(jpeg(70, 90))
    corner = planes.cut(48, 80, 32, 16)
    assert corner.size == (22, 10)
    torch.testing.assert_close(decode(corner)[:, :, 1:, 1:], decode(planes)[:, :, 49:, 81:])
    for bad in ((8, 0, 16, 16), (0, 0, 16, 8), (64, 0, 32, 16), (-16, 0, 16, 16), (0, 0, 0, 16)):
        with pytest.raises(ValueError, match="no part of the blocks' grid"):
            planes.cut(*bad)


def test_a_batch_holds_its_files_and_only_of_one_kind():
    first, second = (inputs(jpeg(40, 24, qf))[0] for qf in (10, 30))
    both = stack([first, second])
    assert both.tables.shape == (2, 3, 64)
    torch.testing.assert_close(decode(both)[1:], decode(second))
    for other in (inputs(jpeg(40, 32))[0], inputs(jpeg(40, 24, 10, "4:4:4"))[0]):
        with pytest.raises(ValueError, match="several sizes or subsamplings"):
            stack([first, other])


@pytest.mark.skipif(not LIVE1.is_dir(), reason="needs LIVE1 in ../shared/data/live1")
def test_normalised_coefficients_of_photographs_have_a_spread_of_about_one():
    spread = []
    for path in sorted(LIVE1.glob("*.png"))[:8]:
        with Image.open(path) as image:
            planes = tensors(read(locate_file(image.convert("RGB"), format="JPEG", quality=95)))
        spread.append(planes.luma[0].flatten(1).std(1) / deviations()[0])
    mean = torch.stack(spread).mean(0)
    assert mean.min() > 1 / 4 and mean.max() < 4
