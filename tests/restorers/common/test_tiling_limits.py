"""How far networks see, and how much memory they take: what the limits of tiling rest on."""

from dataclasses import replace

import jpeg_tools
import pytest
import torch
from jpeg_tools import inputs, jpeg
from memory_tools import Activations

from restorers.architectures import dmcnn as dmcnn_config
from restorers.architectures import fbcnn as fbcnn_config
from restorers.architectures import swinir as swinir_config
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn import config as dagn_config
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.fbcnn.network import restore_tiled, told
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.architectures.swinir.network import restore as swinir_restore
from restorers.common.tiling import Tile
from restorers.jpeg.dct import Planes

# --- how far networks see -----------------------------------------------------------------------


def reach(network, grid, channels=3, width=784):
    """How many pixels of a tile a border spoils: those that what lies beyond has a way to.

    Not-a-numbers beyond the border go wherever numbers can.
    """
    image = torch.zeros(1, channels, 4 * grid, grid + width)
    image[..., :grid] = torch.nan
    with torch.inference_mode():
        row = network(image)[0].isnan().any(0).any(0)[grid:]
    return int((~row).nonzero()[0])


def narrow(config, **changes):
    """A network that sees as far, of few channels."""
    return replace(config, widths=(4,) * len(config.widths), **changes)


def test_what_the_pixel_branch_of_dmcnn_sees_lies_within_the_margin():
    for size in dmcnn_config.PRESETS.values():
        config = dmcnn_config.DMCNNConfig(size.spectral, narrow(size.pixel))
        network = jpeg_tools.awake(DMCNN.build(config))
        seen = reach(lambda x, n=network: n.outputs[0](n.pixel(x)[0]), 8, 6)
        assert 64 < seen <= DMCNN.tiling.choose(2000, 2000, None).margin


def test_what_the_shipped_networks_see_lies_within_the_margin():
    fbcnn = jpeg_tools.awake(FBCNN.build(narrow(fbcnn_config.SMALL, qf_width=4)))
    known = told(torch.tensor([10]))
    seen = reach(lambda x: fbcnn(x, known)[0], 8)
    assert 64 < seen <= FBCNN.tiling.choose(2000, 2000, None).margin

    small = narrow(dagn_config.SMALL, encoder_width=2, guider=(4, 4))
    dagn = jpeg_tools.awake(DAGN.build(small))
    guidance = dagn.guidance(torch.zeros(1, 3, 32, 32))
    seen = reach(lambda x: dagn.decode(x, guidance), 16)
    assert 64 < seen <= DAGN.tiling.choose(2000, 2000, None).margin

    small = replace(swinir_config.SMALL, width=6, heads=(1, 1))
    seen = reach(jpeg_tools.awake(SwinIR.build(small)), 7)
    assert 14 < seen <= SwinIR.tiling.choose(2000, 2000, None).margin


@pytest.mark.slow
@pytest.mark.parametrize("restorer", [FBCNN, DAGN, DMCNN, QGAC, SwinIR])
def test_in_tiles_as_large_as_they_are_by_default_nothing_changes(restorer):
    """At the size that ships; the strip is as wide as two tiles."""
    torch.manual_seed(0)
    network = jpeg_tools.awake(restorer.build(restorer.presets()["small"]))
    side, overlap = restorer.tiling.side, restorer.tiling.overlap
    files, image = inputs(jpeg(16, 2 * side - overlap))
    tile = Tile(side, overlap)
    with torch.inference_mode():
        if restorer is SwinIR:
            whole, tiles = (swinir_restore(network, image, each) for each in (None, tile))
        elif restorer in (FBCNN, DAGN):
            tiles = restores(restorer, network, image, tile)[0]
            whole = network(image)[0]
        else:
            tiles, whole = network.tiled(files, image, tile), network(files, image)
            whole = whole.image if restorer is DMCNN else whole
    assert (whole - image).abs().max() > 0.1
    assert (whole - tiles).abs().max() * 255 < 1e-3


# --- how much memory they take ------------------------------------------------------------------


def planes(height, width):
    h, w = height // 8, width // 8
    shapes = (1, 64, h, w), (1, 2, 64, h // 2, w // 2), (1, 3, 64)
    return Planes(*map(torch.empty, shapes), (2, 2), (height, width))


def restores(restorer, network, image, tile):
    if restorer is FBCNN:
        return network(image) if tile is None else restore_tiled(network, image, None, tile)
    if restorer is DAGN:
        return network.tiled(image, None, tile)
    files = planes(*image.shape[2:])
    return network(files, image) if tile is None else network.tiled(files, image, tile)


@pytest.mark.slow
@pytest.mark.parametrize("restorer", [FBCNN, DAGN, DMCNN, QGAC])
def test_published_networks_take_two_gigabytes_at_most(restorer):
    """Activations alone, in decimal gigabytes."""
    with torch.device("meta"), torch.inference_mode():
        network = restorer.build(restorer.presets()["published"]).eval()
        side = round(restorer.tiling.above**0.5)
        sizes = [(side, side), (2000, 3008)]
        tiles = [restorer.tiling.choose(*size, None) for size in sizes]
        assert [tile is None for tile in tiles] == [True, False]
        for size, tile in zip(sizes, tiles, strict=True):
            with Activations() as activations:
                restores(restorer, network, torch.empty(1, 3, *size), tile)
            assert 1e9 < activations.peak < 2.2e9


def test_swinir_takes_about_one_gigabyte_at_most():
    """All its layers take the same, one after the other: one is enough, on a small image."""
    config = replace(swinir_config.PUBLISHED, depths=(2,), heads=(6,))
    network = SwinIR.build(config).eval()
    with torch.inference_mode(), Activations() as activations:
        network(torch.rand(1, 3, 70, 70))
    assert 0.8e9 < activations.peak / 70**2 * SwinIR.tiling.above < 1.2e9
    assert SwinIR.tiling.side**2 <= SwinIR.tiling.above
