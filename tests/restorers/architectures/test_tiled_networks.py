from dataclasses import asdict

import dagn_tools
import jpeg_tools
import numpy as np
import pytest
import torch
from jpeg_tools import inputs, jpeg, locate_file, picture
from pictures import textured
from PIL import Image
from torch.utils._pytree import tree_leaves

from harness.errors import HarnessError
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from restorers.architectures import dmcnn as dmcnn_config
from restorers.architectures import fbcnn as fbcnn_config
from restorers.architectures import swinir as swinir_config
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.dagn import DAGN
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.fbcnn.network import restore_tiled, told
from restorers.architectures.ipt import IPT
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.checkpoints.format import Header, save
from restorers.common.tiling import Tile

TINY = {
    FBCNN: fbcnn_config.FBCNNConfig((6, 8, 10, 12), blocks=2, qf_width=16),
    DAGN: dagn_tools.TINY,
    DMCNN: dmcnn_config.DMCNNConfig(
        dmcnn_config.Branch((6, 8), (1,), (1, 2)), dmcnn_config.Branch((4, 6, 8), (1, 1), (1, 2))
    ),
    QGAC: {"manifold": 4, "blocks": 6, "latent": 2, "frequency": 2, "colour": 4},
    SwinIR: swinir_config.SwinIRConfig(12, depths=(2, 2), heads=(2, 2), image=56),
}
"""Networks that restore in tiles, and a size each to run by the dozen."""


@pytest.fixture(scope="module", params=TINY, ids=lambda restorer: restorer.name)
def restorer(request):
    return request.param


@pytest.fixture(scope="module")
def network(restorer):
    return awake(restorer)


def awake(restorer):
    """The tiny network, random where an untrained one says nothing."""
    torch.manual_seed(0)
    return jpeg_tools.awake(restorer.build(TINY[restorer]))


def restored(restorer, network, compressed, tile=None):
    result = restorer().run(network, compressed, tile)
    return result if isinstance(result, Restored) else Restored(result)


def levels(a, b):
    """The greatest difference of two images, of 255."""
    return int(np.abs(a.pixels.astype(int) - b.pixels).max())


# --- tiles and the whole ------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "tile"), [((136, 200), (96, 64)), ((141, 197), (128, 64))])
def test_tiles_differ_from_the_whole_by_a_level_at_most(restorer, network, size, tile):
    compressed = jpeg(*size)
    whole = restored(restorer, network, compressed)
    assert levels(whole, Restored(compressed.pixels)) > 20
    tiles = restored(restorer, network, compressed, Tile(*tile))
    assert tiles.pixels.shape == compressed.pixels.shape
    assert levels(whole, tiles) <= 1
    if whole.predicted_qf is not None:
        assert tiles.predicted_qf == pytest.approx(whole.predicted_qf, abs=0.1)


def test_tiles_without_overlap_differ_by_more(restorer, network):
    """Or the test above would show nothing."""
    compressed = jpeg(200, 264)
    whole = restored(restorer, network, compressed)
    assert levels(whole, restored(restorer, network, compressed, Tile(128, 0))) > 1


@pytest.mark.parametrize("size", [(40, 56), (33, 47)])
def test_one_tile_is_the_whole(restorer, network, size):
    compressed = jpeg(*size)
    whole = restored(restorer, network, compressed)
    tile = restored(restorer, network, compressed, Tile(64, 32))
    assert np.array_equal(whole.pixels, tile.pixels)
    assert tile.predicted_qf == whole.predicted_qf


@pytest.mark.parametrize("size", [(24, 200), (200, 9)])
def test_an_image_may_be_smaller_than_a_tile_in_one_direction(restorer, network, size):
    compressed = jpeg(*size)
    whole = restored(restorer, network, compressed)
    assert levels(whole, restored(restorer, network, compressed, Tile(96, 64))) <= 1


@pytest.mark.parametrize("restorer", [DMCNN, QGAC])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "grey"])
def test_coefficients_are_cut_along_with_the_pixels(restorer, subsampling):
    size = (137, 203)
    if subsampling == "grey":
        grey = Image.fromarray(picture(*size)[..., 0])
        compressed = locate_file(grey, format="JPEG", quality=10)
    else:
        compressed = jpeg(*size, subsampling=subsampling)
    network = awake(restorer)
    whole = restored(restorer, network, compressed)
    assert levels(whole, restored(restorer, network, compressed, Tile(96, 64))) <= 1


# --- what is known of the whole image ---------------------------------------------------------


def halves():
    """Compressed hard on the left, hardly on the right."""
    image = textured(1, 128, 512)
    hard = Jpeg().compress(image, 5).pixels
    return Jpeg().compress(np.concatenate([hard[:, :256], image[:, 256:]], axis=1), 95)


def of_two_minds(network, parts):
    """Make FBCNN predict about QF 27 for one part and 73 for the other, and heed it."""
    with torch.no_grad():
        low, high = (float(torch.logit(network(part)[1])) for part in parts)
        last = network.qf_pred[-2]
        last.bias.sub_((low + high) / 2)
        for parameter in (last.weight, last.bias):
            parameter.mul_(2 / (high - low))
        network.qf_embed[0].weight.mul_(20)
        for scale in (1, 2, 3):
            getattr(network, f"to_gamma_{scale}")[0].weight.mul_(10)


def test_fbcnns_tiles_go_by_the_quality_factor_of_the_whole_image():
    network, compressed, tile = awake(FBCNN), halves(), Tile(256, 128)
    _, image = inputs(compressed)
    of_two_minds(network, image.chunk(2, dim=3))
    with torch.inference_mode():
        whole, predicted = network(image)
        tiles, together = restore_tiled(network, image, None, tile)
        left, right = (network(part) for part in image.chunk(2, dim=3))
    assert min(left[1], right[1]) + 0.1 < predicted < max(left[1], right[1]) - 0.1
    assert together == pytest.approx(float(predicted), abs=1e-3)
    assert (whole - tiles).abs().max() < 1 / 255
    # Each by its own, tiles would not fit together.
    assert (whole[..., :160] - left[0][..., :160]).abs().max() > 2 / 255


def test_fbcnn_told_is_told_in_every_tile():
    network, (_, image) = awake(FBCNN), inputs(jpeg(100, 200))
    with torch.inference_mode():
        some, other = (
            restore_tiled(network, image, told(torch.tensor([qf])), Tile(96, 64)) for qf in (1, 99)
        )
        assert (some[0] - network(image, told(torch.tensor([1])))[0]).abs().max() < 1 / 255
    assert not torch.equal(some[0], other[0])
    assert torch.equal(some[1], other[1])


@pytest.mark.parametrize("variant", ["baseline", "csgm", "cfm", "dagn"])
def test_dagns_tiles_go_by_the_guidance_of_the_whole_image(variant, monkeypatch):
    torch.manual_seed(0)
    network = jpeg_tools.awake(DAGN.build(dagn_tools.of(variant)))
    _, image = inputs(halves())
    guided, decode = [], network.decode

    def spy(part, guidance):
        guided.append(guidance)
        return decode(part, guidance)

    monkeypatch.setattr(network, "decode", spy)
    with torch.inference_mode():
        whole, tiles = network(image), network.tiled(image, None, Tile(128, 64))
        assert (whole.image - tiles.image).abs().max() < 1 / 255
        expected, first, *others = guided
        assert others
        assert all(each is first for each in others)
        of_a_tile = network.guidance(image[..., :256])
    for one, other, its_own in zip(*map(numbers, (expected, first, of_a_tile)), strict=True):
        assert (one - other).abs().max() < 0.1 * (one - its_own).abs().max()


def numbers(guidance):
    """All tensors of a guidance, in one list."""
    parts = [guidance.insensitive, guidance.sensitive, guidance.fusion, guidance.qf_logits]
    return [leaf for leaf in tree_leaves(parts) if leaf is not None]


# --- shipped networks and files -----------------------------------------------------------------


@pytest.mark.parametrize("qf", [10, 40])
def test_shipped_networks_do_not_notice_their_tiles(restorer, qf):
    compressed = Jpeg().compress(textured(0, 80, 328), qf)
    whole, tiles = (restorer.make(tile=tile).restore(compressed) for tile in (0, 256))
    if isinstance(whole, Restored):
        assert tiles.predicted_qf == pytest.approx(whole.predicted_qf, abs=0.1)
        whole, tiles = whole.pixels, tiles.pixels
    assert np.abs(whole.astype(int) - tiles).max() <= 1


def test_a_file_of_weights_is_restored_in_tiles_from_end_to_end(restorer, network, tmp_path):
    path, size = tmp_path / "own.safetensors", TINY[restorer]
    save(path, network, Header(restorer.name, size if isinstance(size, dict) else asdict(size)))
    compressed = jpeg(64, 296)
    made = {tile: restorer.make(str(path), tile=tile) for tile in (0, 256, 272, None)}
    prints = {tile: each.fingerprint(20) for tile, each in made.items()}
    assert prints[256]["tiling"].startswith("tiles of 256, overlap 12")
    assert prints[0]["tiling"] == "none"
    assert len({tuple(each.items()) for each in prints.values()}) == len(made)
    results = {tile: each.restore(compressed) for tile, each in made.items()}
    if isinstance(results[0], Restored):
        results = {tile: result.pixels for tile, result in results.items()}
    assert np.abs(results[0].astype(int) - results[256]).max() <= 1
    assert not np.array_equal(results[0], compressed.pixels)
    # Small images are not cut without being asked to.
    assert np.array_equal(results[0], results[None])


def test_restorers_that_bound_their_memory_themselves_never_cut():
    for restorer in (ARCNN, IPT):
        assert restorer.tiling.choose(9000, 9000, 64) is None
        assert restorer.tiling.describe(64) == restorer.tiling.describe(None)


def test_running_out_of_memory_says_what_helps(restorer, monkeypatch):
    greedy = awake(restorer)
    greedy.forward = lambda *inputs: torch.empty(1 << 60)
    monkeypatch.setattr(restorer, "load", lambda self, path: greedy)
    with pytest.raises(HarnessError, match="--tile 512"):
        restorer().restore(jpeg(40, 40))
