import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from harness.errors import HarnessError, UserError
from restorers.common.blending import Box, spans, tiled
from restorers.common.tiling import SMALLEST, Tile, Tiling, Unneeded, enough_memory


@st.composite
def cuts(draw):
    """A tile and the grid it is cut on, with something of the tile left beside its overlap."""
    multiple = draw(st.sampled_from([1, 7, 8, 16]))
    side = draw(st.integers(2 * multiple, 12 * multiple))
    overlap = draw(st.integers(0, max(side // multiple // 2, side // multiple * 2 // 3) * multiple))
    return Tile(side, overlap), multiple


def noise(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


# --- along one axis ---------------------------------------------------------------------------


@given(length=st.integers(1, 1000), cut=cuts())
def test_spans_cover_every_pixel_on_the_grid_with_the_overlap_asked_for(length, cut):
    tile, multiple = cut
    found = spans(length, tile, multiple)
    assert found[0].start == 0
    assert found[-1].stop == length
    assert all(span.start % multiple == 0 for span in found)
    assert all(span.stop % multiple == 0 for span in found[:-1])
    assert all(0 < span.stop - span.start <= tile.side for span in found)
    for before, after in pairwise(found):
        assert before.start < after.start
        assert before.stop < after.stop
        assert before.stop - after.start >= tile.overlap


@given(length=st.integers(1, 1000), cut=cuts())
def test_only_pixels_a_margin_away_from_inner_borders_count(length, cut):
    tile, multiple = cut
    found = spans(length, tile, multiple)
    for before, after in pairwise(found):
        begin, end = after.fade
        assert begin - after.start >= tile.margin
        assert before.stop - end >= tile.margin
        assert end - begin == 2 * tile.fade
        # A tile has taken over before the next one does.
        assert before.fade[1] <= begin


@given(length=st.integers(65, 1000), cut=cuts())
def test_tiles_are_even_and_as_few_as_possible(length, cut):
    tile, multiple = cut
    found = spans(length, tile, multiple)
    most = tile.side // multiple * multiple
    shared = -(-tile.overlap // multiple) * multiple
    assert len(found) <= max(1, -(-(length - shared) // (most - shared)))
    sides = [span.stop - span.start for span in found]
    assert max(sides) - min(sides) < multiple


def test_half_a_kilopixel_is_not_cut_into_nearly_two_of_it():
    assert spans(512, Tile(504, 128)) == [(0, 320, (0, 0)), (192, 512, (248, 264))]


@given(length=st.integers(1, 500), side=st.integers(1, 130), overlap=st.integers(0, 130))
def test_a_wish_that_cannot_be_met_on_the_grid_is_met_as_nearly_as_can_be(length, side, overlap):
    """A network that works on a grid of 56 is not cut into tiles of 64 that share 32."""
    found = spans(length, Tile(side, overlap), 56)
    assert found[-1].stop == length
    assert all(span.start % 56 == 0 for span in found)
    assert all(span.stop - span.start <= max(side, 112) for span in found)
    for before, after in pairwise(found):
        assert before.start < after.start <= after.fade[0] <= after.fade[1] <= before.stop


def test_maps_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match="multiples of 8 do not fit maps at 1/3"):
        spans(100, Tile(64, 8), 8, 3)


# --- images -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(height=st.integers(1, 150), width=st.integers(1, 150), cut=cuts())
def test_what_changes_nothing_gives_the_image_back_bit_for_bit(height, width, cut):
    image = noise(1, 3, height, width)
    assert torch.equal(tiled(lambda part: part, image, *cut), image)
    assert torch.equal(tiled(lambda part: part, image, None), image)


def convolutions(*dilations):
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 2, 3, padding=d, dilation=d) for d in dilations]
    return nn.Sequential(*(layer for conv in layers for layer in (conv, nn.LeakyReLU(0.5))))


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    dilations=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    overlap=st.integers(12, 32),
    side=st.integers(70, 120),
)
def test_a_network_that_sees_no_further_than_the_margin_does_not_notice(
    height, width, dilations, overlap, side
):
    tile = Tile(side, overlap)
    assume(sum(dilations) <= tile.margin)
    network, image = convolutions(*dilations), noise(1, 2, height, width)
    with torch.inference_mode():
        torch.testing.assert_close(tiled(network, image, tile), network(image), atol=1e-6, rtol=0)


def test_one_that_sees_further_does_notice():
    """Or the test above would show nothing."""
    network, image = convolutions(4, 1), noise(1, 2, 64, 200)
    with torch.inference_mode():
        difference = (tiled(network, image, Tile(64, 8)) - network(image)).abs()
    assert difference.max() > 1e-3


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_maps_smaller_than_the_image_are_put_together(height, width):
    """A network at a quarter of the size, whose last column stands for what there is of it."""

    def quarter(part):
        return F.avg_pool2d(part, 4, ceil_mode=True, count_include_pad=False)

    image = noise(1, 2, height, width)
    assert torch.equal(tiled(quarter, image, Tile(64, 24), 8, 4), quarter(image))


def test_a_tile_fades_into_the_next_in_the_middle_of_what_they_share():
    seen = []

    def number(part):
        seen.append(part)
        return torch.full_like(part[:, :1], len(seen) - 1)

    row = tiled(number, noise(1, 3, 8, 112), Tile(64, 16))[0, 0, 0]
    ramp = torch.tensor([0.25, 0.75])
    assert torch.equal(row, torch.cat([torch.zeros(55), ramp, torch.ones(55)]))


def test_no_more_than_a_tile_is_seen_and_a_row_of_tiles_kept():
    seen = []

    def spy(part):
        seen.append(part.shape[2:])
        return part

    tiled(spy, noise(1, 3, 500, 700), Tile(128, 32))
    assert max(height * width for height, width in seen) <= 128 * 128


def test_boxes_cut_any_leading_dimensions():
    image = noise(2, 3, 10, 10)
    assert torch.equal(Box(2, 3, 4, 5).cut(image), image[:, :, 2:6, 3:8])


# --- when -------------------------------------------------------------------------------------


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    asked=st.one_of(st.none(), st.just(0), st.integers(SMALLEST, 3000)),
)
def test_what_is_chosen_depends_on_the_size_and_the_wish_alone(height, width, asked):
    tiling = Tiling(above=1 << 20, side=1024, overlap=256)
    tile = tiling.choose(height, width, asked)
    if asked == 0 or max(height, width) <= (asked or 1024):
        assert tile is None
    elif asked is None:
        assert tile == (Tile(1024, 256) if height * width > 1 << 20 else None)
    else:
        assert tile == Tile(asked, min(256, asked // 2))
    if tile is not None:
        assert f"tiles of {tile.side}, overlap {tile.overlap}" in tiling.describe(asked)


def test_fingerprints_tell_every_tiling_from_the_others():
    tiling = Tiling(above=1000, side=1024, overlap=256)
    told = [tiling.describe(asked) for asked in (None, 0, 64, 128, 512, 1024)]
    assert len(set(told)) == len(told)
    assert tiling.describe(None) == "above 1000 pixels, tiles of 1024, overlap 256"
    assert tiling.describe(300) == "tiles of 300, overlap 150"
    assert tiling.describe(0) == "none"
    assert Tiling(1000, 1024, 128).describe(None) != tiling.describe(None)


def test_a_network_that_sees_far_is_not_given_small_tiles():
    tiling = Tiling(above=1000, side=1024, overlap=256, least=128)
    assert tiling.choose(100, 200, 64) == Tile(128, 64)
    assert tiling.choose(100, 120, 64) is None
    assert tiling.describe(64) == tiling.describe(128) != tiling.describe(129)


def test_a_restorer_that_never_cuts_says_so_whatever_is_asked():
    for asked in (None, 0, 64):
        assert Unneeded().choose(9000, 9000, asked) is None
        assert Unneeded().describe(asked) == "none needed"


@pytest.mark.parametrize("asked", [-1, 1, SMALLEST - 1])
def test_tiles_too_small_are_refused_before_any_image_is_touched(asked):
    for ask in (Tiling().describe, lambda side: Tiling().choose(2000, 2000, side)):
        with pytest.raises(UserError, match=f"Tiles of {asked} pixels a side are too small"):
            ask(asked)


# --- when memory runs out all the same ---------------------------------------------------------


def whole():
    return enough_memory(None)


def small():
    return enough_memory(Tile(512, 64))


def test_too_large_an_allocation_is_told_in_one_sentence():
    with pytest.raises(HarnessError, match="whole: .* --tile 512, .* --workers 1"), whole():
        torch.empty(1 << 60)
    with pytest.raises(HarnessError, match=r"tiles of 512 pixels: .* --tile 256"), small():
        raise MemoryError
    with pytest.raises(HarnessError, match="Memory ran out"), whole():
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="size of tensor"), enough_memory(None):
        torch.ones(2) + torch.ones(3)


def test_the_module_is_light():
    code = "import sys, restorers.common.tiling; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
