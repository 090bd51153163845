"""Batches are what JPEG leaves of the images, and a function of seed, step and process alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from training_tools import noise, tinted, write

from harness.errors import UserError
from harness.images.jpeg import Jpeg
from restorers.jpeg.dct import decode
from restorers.training.batches import MARGIN, Images, PatchBatches, Pool, QualityFactors
from restorers.training.recipe import ImageSource

LIMIT = 3.001 / 255
"""How far `decode` may be from libjpeg where chroma is subsampled (restorers/jpeg/dct.py)."""
ALL = QualityFactors(5, 95)


def pool(folder, **source):
    return Pool([ImageSource(path=str(folder), **source)])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Images of noise, some smaller than a patch with its margins."""
    sizes = [(70, 90), (33, 80), (1, 1), (64, 64), (20, 30)]
    folder = tmp_path_factory.mktemp("batches") / "small"
    return write(folder, [noise(i, *size) for i, size in enumerate(sizes)])


@pytest.fixture(scope="module")
def smooth(tmp_path_factory):
    """Images whose chroma does not clip, so that `decode` has nothing to lose."""
    return write(tmp_path_factory.mktemp("batches") / "smooth", [tinted(i) for i in range(3)])


def equal(one, two):
    parts = ("compressed", "clean", "qf")
    same = all(torch.equal(getattr(one, part), getattr(two, part)) for part in parts)
    if one.planes is None or two.planes is None:
        return same and one.planes is two.planes
    tensors = ("luma", "chroma", "tables")
    return same and all(
        torch.equal(getattr(one.planes, part), getattr(two.planes, part)) for part in tensors
    )


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    step=st.integers(0, 10**6),
    rank=st.integers(0, 7),
    coefficients=st.booleans(),
)
def test_a_batch_is_a_function_of_seed_step_and_process(small, seed, step, rank, coefficients):
    images = pool(small)

    def made(seed):
        return PatchBatches(
            pool=images, side=32, qf=ALL, seed=seed, on_grid=0.5, coefficients=coefficients
        )

    used, fresh = made(seed), made(seed)
    used.batch(step + 1, 3, rank)  # what was asked for before does not matter
    found = fresh.batch(step, 2, rank)

    assert equal(found, used.batch(step, 2, rank))
    assert not equal(found, fresh.batch(step + 1, 2, rank))
    assert not equal(found, fresh.batch(step, 2, rank + 1))
    assert not equal(found, made(seed + 1).batch(step, 2))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(step=st.integers(0, 10**6), low=st.integers(1, 100), more=st.integers(0, 99))
def test_shapes_ranges_and_quality_factors(small, step, low, more):
    high = min(100, low + more)
    found = PatchBatches(pool(small), 24, QualityFactors(low, high), 0).batch(step, 3)

    assert found.planes is None
    assert found.qf.dtype == torch.int64
    assert all(low <= qf <= high for qf in found.qf.tolist())
    for part in (found.compressed, found.clean):
        assert part.shape == (3, 3, 24, 24)
        assert part.dtype == torch.float32
        assert 0 <= part.min() <= part.max() <= 1
        assert torch.equal(part * 255, (part * 255).round())
        assert part.is_contiguous(memory_format=torch.channels_last)


def drawn(qf):
    random = np.random.default_rng(3)
    return np.bincount([qf.draw(random) for _ in range(20000)], minlength=101)[1:]


def test_quality_factors_are_drawn_evenly():
    counts = drawn(QualityFactors(8, 96))
    assert not counts[:7].any()
    assert not counts[96:].any()
    assert chisquare(counts[7:96]).pvalue > 0.01


def test_some_quality_factors_come_more_often_as_in_the_released_training():
    often = (10, 20, 30, 40, 50, 60)
    counts = drawn(QualityFactors(8, 96, often, 0.75))
    expected = np.zeros(100)
    expected[7:96] = 0.25 / 89
    expected[np.array(often) - 1] += 0.75 / 6
    assert chisquare(counts[7:96], 20000 * expected[7:96]).pvalue > 0.01


class Recorded(Jpeg):
    """A codec that keeps what it was given and what it made of it."""

    def __init__(self, kept):
        super().__init__()
        self._kept = kept

    def compress(self, image, qf):
        file = super().compress(image, qf)
        self._kept.append((image.copy(), file))
        return file


@pytest.fixture
def files(monkeypatch):
    """The regions that batches compress, with their files."""
    kept = []
    monkeypatch.setattr("restorers.training.batches.jpeg", lambda: Recorded(kept))
    return kept


def places(patch, image):
    """Where in an image a patch is."""
    windows = np.lib.stride_tricks.sliding_window_view(image, patch.shape)
    return [tuple(place[:2]) for place in np.argwhere((windows == patch).all(axis=(3, 4, 5)))]


def levels(patch):
    return (patch * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_patches_are_cut_from_the_compressed_file_at_every_offset_to_its_grid(tmp_path, files):
    images = pool(write(tmp_path / "one", [noise(0, 70, 90)]))
    batches, offsets = PatchBatches(images, 16, QualityFactors(30, 30), 1, 0), set()
    for step in range(30):
        files.clear()
        found = batches.batch(step, 4)
        assert found.qf.tolist() == [30] * 4
        for index, (region, file) in enumerate(files):
            assert region.shape == (16 + 2 * MARGIN,) * 2 + (3,)
            clean = places(levels(found.clean[index]), region)
            (place,) = set(clean) & set(places(levels(found.compressed[index]), file.pixels))
            # True neighbours of half a margin at least, all around.
            assert all(MARGIN // 2 <= corner <= MARGIN * 3 // 2 for corner in place)
            offsets.add((place[0] % 8, place[1] % 8))
    assert len(offsets) > 40  # of 64


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_patches_begins_on_the_grid(tmp_path, files, share):
    images = pool(write(tmp_path / "one", [noise(0, 70, 90)]))
    batches, on_grid = PatchBatches(images, 16, QualityFactors(30, 30), 1, share), 0
    for step in range(30):
        files.clear()
        found = batches.batch(step, 4)
        for index, (region, _) in enumerate(files):
            ((top, left),) = places(levels(found.clean[index]), region)
            on_grid += top % 8 == 0 and left % 8 == 0
    expected = share + (1 - share) / 64  # one in 64 of the others is on the grid by chance
    assert abs(on_grid / 120 - expected) <= 4 * math.sqrt(expected * (1 - expected) / 120)


def test_coefficients_are_those_of_the_pixels(smooth, files):
    batches = PatchBatches(pool(smooth), 32, ALL, 1, coefficients=True)
    for step in range(8):
        files.clear()
        found = batches.batch(step, 2)
        inner = slice(MARGIN, MARGIN + 32)
        for index, (region, file) in enumerate(files):
            assert np.array_equal(levels(found.clean[index]), region[inner, inner])
            assert np.array_equal(levels(found.compressed[index]), file.pixels[inner, inner])
            assert file.qf == found.qf[index]
        # At the patch's border the decoder saw chroma that the patch does not hold.
        error = (decode(found.planes) - found.compressed).abs()
        assert error[..., 2:-2, 2:-2].max() <= LIMIT
        assert found.planes.size == (32, 32)


def test_a_small_image_is_continued_by_its_mirror_image(tmp_path, files):
    image = noise(0, 20, 30)
    PatchBatches(pool(write(tmp_path / "one", [image])), 32, QualityFactors(50, 50), 0).batch(0, 1)

    region = files[0][0]
    whole = np.pad(image, ((0, 44), (0, 34), (0, 0)), mode="symmetric")
    turned = [np.rot90(m, turns) for m in (whole, whole[:, ::-1]) for turns in range(4)]
    assert any(np.array_equal(region, one) for one in turned)


def test_patches_come_in_all_eight_orientations(tmp_path, files):
    image = noise(0, 48, 48)
    batches = PatchBatches(pool(write(tmp_path / "one", [image])), 16, QualityFactors(50, 50), 0)
    batches.batch(0, 60)

    turned = [np.rot90(m, turns) for m in (image, image[:, ::-1]) for turns in range(4)]
    counts = [sum(np.array_equal(region, one) for region, _ in files) for one in turned]
    assert sum(counts) == 60
    assert min(counts) > 0


def test_sources_are_drawn_by_their_shares(tmp_path):
    dark = write(tmp_path / "dark", [np.zeros((48, 48, 3), np.uint8)] * 5)
    light = write(tmp_path / "light", [np.full((48, 48, 3), 255, np.uint8)])
    sources = [ImageSource(path=str(dark), share=3), ImageSource(path=str(light), share=1)]
    images, random = Pool(sources), np.random.default_rng(0)

    bright = np.mean([images.draw(random).any() for _ in range(2000)])

    assert len(images) == 6
    assert abs(bright - 0.25) < 0.04  # four standard deviations


def test_images_held_out_are_never_drawn(small):
    held = [small / "0.png", small / "sub" / ".." / "3.png"]
    images = Pool([ImageSource(path=str(small))], held)
    random = np.random.default_rng(0)
    shapes = {images.draw(random).shape[:2] for _ in range(100)}

    assert shapes == {(33, 80), (1, 1), (20, 30)}


def test_a_limit_takes_the_same_images_whatever_is_held_out(small):
    images = Pool([ImageSource(path=str(small), limit=2)])
    assert len(images) == 2


def test_decoded_images_are_kept_up_to_a_limit(small, monkeypatch):
    from restorers.training import batches

    reads = []
    read = batches.read_rgb
    monkeypatch.setattr(batches, "read_rgb", lambda path: reads.append(path.name) or read(path))
    files = [small / "0.png", small / "3.png"]

    for kept, expected in ((1e6, 2), (64 * 64 * 3, 4), (0, 4)):
        reads.clear()
        images = Images(files, kept)
        for index in (0, 1, 0, 1):
            assert np.array_equal(images[index], read(files[index]))
        assert len(reads) == expected
        assert images._bytes <= max(kept, 70 * 90 * 3)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_a_damaged_training_image_is_named(tmp_path, content):
    folder = write(tmp_path / "one", [])
    (folder / "bad.png").write_bytes(content)

    with pytest.raises(UserError, match=r"training image .*bad\.png"):
        PatchBatches(pool(folder), 16, QualityFactors(50, 50), 0).batch(0, 1)


def test_coefficients_want_whole_units(small):
    with pytest.raises(UserError, match="patch_size 24 is no multiple of 16"):
        PatchBatches(pool(small), 24, ALL, 0, coefficients=True)
