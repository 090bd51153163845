import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_tools import awake, inputs, jpeg, locate_file, picture
from PIL import Image
from torch.nn import functional as F

from harness.errors import UserError
from harness.images.jpeg import SUBSAMPLINGS
from restorers.architectures.qgac import PRESETS, QGAC, QGACConfig
from restorers.architectures.qgac.layers import RRDB, FilterManifold, FrequencyNet, joined
from restorers.architectures.qgac.network import (
    QGACNetwork,
    correction_loss,
    restore,
    similarity,
)
from restorers.jpeg.dct import stack

TINY = QGACConfig(manifold=8, blocks=6, latent=2, frequency=1, colour=3)
SIDES = st.integers(16, 60)


@pytest.fixture(scope="module")
def qgac():
    torch.manual_seed(0)
    return awake(QGACNetwork(TINY))


# --- size -----------------------------------------------------------------------------------


def test_the_published_size_costs_what_table_iii_says():
    cost = QGAC.cost("published", 512, 512)
    parameters, macs = cost.parameters, cost.macs
    assert macs / 1e9 == pytest.approx(249.9, rel=0.001)
    assert parameters / 1e6 == pytest.approx(259.9, rel=0.001)  # Table III prints 0.0


def test_the_small_size_is_small():
    cost = QGAC.cost("small", 240, 320)
    assert 4 * cost.parameters < 6e6
    assert cost.macs < 5e9


def test_presets_are_frozen_and_light():
    with pytest.raises(FrozenInstanceError):
        PRESETS["small"].blocks = 1
    code = "import sys, restorers.architectures.qgac; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the whole ------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(height=SIDES, width=SIDES, subsampling=st.sampled_from(SUBSAMPLINGS))
def test_an_untrained_network_returns_the_decoded_image(height, width, subsampling):
    compressed = jpeg(height, width, 10, subsampling)
    planes, image = inputs(compressed)
    network = QGACNetwork(TINY).eval()
    with torch.inference_mode():
        assert torch.equal(network(planes, image), image)
    assert np.array_equal(restore(network, compressed), compressed.pixels)


@settings(max_examples=15, deadline=None)
@given(height=SIDES, width=SIDES, subsampling=st.sampled_from(SUBSAMPLINGS))
def test_any_size_goes_through_and_comes_out_changed(qgac, height, width, subsampling):
    planes, image = inputs(jpeg(height, width, 10, subsampling))
    with torch.inference_mode():
        restored = qgac(planes, image)
        luma, chroma = qgac.changes(planes)
    assert restored.shape == image.shape and torch.isfinite(restored).all()
    assert not torch.equal(restored, image)
    assert luma.any() and luma.shape == planes.luma.shape
    assert chroma.any() and chroma.shape == (1, 2, *planes.luma.shape[1:])


def test_a_grey_file_is_restored_too(qgac):
    grey = Image.fromarray(picture(24, 40)).convert("L")
    restored = restore(qgac, locate_file(grey, format="JPEG", quality=20))
    assert restored.shape == (24, 40, 3) and restored.dtype == np.uint8


def test_a_file_without_coefficients_is_refused(qgac):
    with pytest.raises(UserError, match="writes no JPEG file"):
        restore(qgac, locate_file(Image.fromarray(picture(16, 16)), format="WEBP"))


def test_a_batch_of_several_qualities_is_as_good_as_each_alone(qgac):
    # Each image's filters are made of its own tables.
    files = [inputs(jpeg(24, 40, qf, seed=qf)) for qf in (5, 40, 90)]
    with torch.inference_mode():
        together = qgac(stack([f[0] for f in files]), torch.cat([f[1] for f in files]))
        for index, (planes, image) in enumerate(files):
            torch.testing.assert_close(together[index : index + 1], qgac(planes, image))


@pytest.mark.parametrize("component", [0, 1, 2])
def test_the_tables_decide_what_is_changed(qgac, component):
    planes, _ = inputs(jpeg(32, 48))
    tables = planes.tables.clone()
    tables[:, component] = tables[:, component] * 2
    with torch.inference_mode():
        luma, chroma = qgac.changes(planes)
        other = qgac.changes(replace(planes, tables=tables))
    # Luma's table guides everything; a chroma table its own component only.
    assert torch.equal(luma, other[0]) == (component != 0)
    for index in (0, 1):
        same = torch.allclose(chroma[:, index], other[1][:, index], atol=1e-6)
        assert same == (component not in (0, index + 1))


def test_chroma_is_guided_by_luma_and_not_the_other_way(qgac):
    planes, _ = inputs(jpeg(32, 48))
    with torch.inference_mode():
        luma, chroma = qgac.changes(planes)
        darker = qgac.changes(replace(planes, luma=planes.luma * 0.5))
        paler = qgac.changes(replace(planes, chroma=planes.chroma * 0.5))
    assert not torch.allclose(chroma, darker[1])
    assert torch.equal(luma, paler[0]) and not torch.allclose(chroma, paler[1])


def test_the_fusion_sees_the_coefficients_even_if_the_nets_are_silent(qgac):
    luma, table = torch.randn(1, 64, 4, 4, requires_grad=True), torch.full((1, 64), 16.0)
    hooks = [
        part.register_forward_hook(lambda module, args, out: 0 * out)
        for part in (qgac.luma.first, qgac.luma.frequencies, qgac.luma.second)
    ]
    qgac.luma(luma, table)[0, 5, 1, 1].backward()
    for hook in hooks:
        hook.remove()
    # Of its own frequency only, from the neighbouring blocks.
    assert luma.grad[0].abs().sum((1, 2)).nonzero().flatten().tolist() == [5]
    assert luma.grad[0, 5].all()


# --- the layers -----------------------------------------------------------------------------


def test_a_filter_manifold_is_the_8x8_convolution_of_stride_8_it_stands_for():
    torch.manual_seed(0)
    layer = FilterManifold(2 * 64, 5, 4)
    table = torch.randint(1, 255, (1, 64)).float()
    pixels = torch.randn(1, 2, 24, 16)  # two maps of coefficients laid out as pixels
    grid = pixels.view(1, 2, 3, 8, 2, 8).permute(0, 3, 5, 1, 2, 4)
    ours = layer(grid.reshape(1, 128, 3, 2), table)
    made = layer.filters(layer.embed(table.log2() / 8)).view(5, 8, 8, 2).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours, F.conv2d(pixels, made, stride=8), atol=1e-4, rtol=1e-4)


def test_made_filters_keep_the_scale_of_what_they_filter():
    torch.manual_seed(0)
    for inputs_ in (64, 256):
        layer = FilterManifold(inputs_, 128, 64)
        for qf in (5, 20, 60):
            table = inputs(jpeg(16, 16, qf))[0].tables[:, 0]
            spread = layer(torch.randn(1, inputs_, 8, 8), table).std()
            assert 0.3 < spread < 3


def test_frequencies_do_not_mix_in_their_net():
    torch.manual_seed(0)
    network = awake(FrequencyNet(3, 2))
    maps = torch.randn(1, 64 * 3, 5, 4, requires_grad=True)
    network(maps)[:, 3 * 10 : 3 * 11].sum().backward()
    touched = maps.grad.unflatten(1, (64, 3)).abs().sum((0, 2, 3, 4)) > 0
    assert touched.nonzero().flatten().tolist() == [10]


def test_joining_keeps_groups_together():
    a, b = torch.arange(4.0).view(1, 4, 1, 1), torch.arange(10.0, 12).view(1, 2, 1, 1)
    assert joined([a, b], 2).flatten().tolist() == [0, 1, 10, 2, 3, 11]


def test_dense_blocks_start_as_plain_shortcuts_and_grow():
    torch.manual_seed(0)
    block, maps = RRDB(8), torch.randn(1, 8, 6, 6)
    # Two shortcuts, the outer one's branch scaled by 0.2.
    assert 0 < (block(maps) - 1.2 * maps).abs().max() < 0.2
    assert [layer.in_channels for layer in block.blocks[0].layers] == [8, 16, 24, 32, 40]


# --- learning -------------------------------------------------------------------------------


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = awake(QGACNetwork(TINY)).train()
    planes, image = inputs(jpeg(40, 40, 10))
    correction_loss(network(planes, image), torch.rand_like(image)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_similarity_is_one_for_equals_and_falls_with_noise():
    image = torch.rand(1, 3, 24, 24)
    torch.testing.assert_close(similarity(image, image), torch.tensor(1.0))
    a, b = (similarity(image, image + s * torch.randn_like(image)) for s in (0.05, 0.3))
    assert 1 > a > b
    # Constant images: only the term of the means is left.
    dark, light = torch.full((1, 1, 11, 11), 0.2), torch.full((1, 1, 11, 11), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    # Loosely, as in float32 the variances of a constant are not quite zero.
    found = similarity(dark, light)
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=0)
    torch.testing.assert_close(correction_loss(dark, light), 0.4 - 0.05 * found)


@pytest.mark.slow
def test_a_few_steps_restore_what_compression_took_at_two_qualities():
    torch.manual_seed(0)
    network = QGACNetwork(replace(TINY, blocks=16, latent=4))
    files = [inputs(jpeg(48, 48, qf)) for qf in (10, 30)]
    planes, image = stack([f[0] for f in files]), torch.cat([f[1] for f in files])
    target = torch.from_numpy(picture(48, 48)).permute(2, 0, 1)[None].float() / 255
    target = target.expand_as(image)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(30):
        optimizer.zero_grad()
        F.l1_loss(network(planes, image), target).backward()
        optimizer.step()
    with torch.inference_mode():
        restored = network(planes, image)
    for index in (0, 1):
        before = F.mse_loss(image[index], target[index])
        assert F.mse_loss(restored[index], target[index]) < 0.9 * before
