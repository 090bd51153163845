"""Where memory runs out: tiles where they change nothing, and then smaller ones, or a sentence."""

import numpy as np
import pytest
from fakes import FakeRestorer

from harness.analysis.metrics import CellResult
from harness.engine import local
from harness.errors import HarnessError
from harness.images.jpeg import Jpeg
from harness.plugins import Record, Restored
from harness.records.run_directory import RunDirectory
from harness.report.tables.notes import _tiled
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.swinir import PRESETS, SwinIR


@pytest.fixture
def image():
    """As large as SwinIR's default tile, and a little."""
    rows = np.random.default_rng(0).integers(0, 256, (15, 115, 3), dtype=np.uint8)
    return Jpeg().compress(np.kron(rows, np.ones((4, 4, 1), np.uint8)), 10)


class Starved:
    """Lets a restorer run in tiles of so many pixels at most; remembers what it tried."""

    def __init__(self, restorer, most, error):
        self.tried, self._run, self._most, self._error = [], restorer.run, most, error
        restorer.run = self

    def __call__(self, network, compressed, tile):
        self.tried.append(None if tile is None else tile.side)
        if tile is None or tile.side > self._most:
            raise self._error
        return self._run(network, compressed, tile)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
    ],
)
def test_an_image_is_restored_in_smaller_and_smaller_tiles_and_it_is_said(image, error):
    whole = SwinIR(tile=0).restore(image)
    restorer = SwinIR()
    starved = Starved(restorer, 224, error)

    restored = restorer.restore(image)

    assert starved.tried == [None, 448, 336, 224]
    assert restored.tile == 224
    differing = np.abs(restored.pixels.astype(int) - np.asarray(whole).astype(int))
    assert differing.max() <= 1 and (differing > 0).mean() < 0.01


def test_without_want_nothing_is_said(image):
    assert not isinstance(SwinIR().restore(image), Restored)


def test_below_the_smallest_tiles_that_change_nothing_it_has_failed(image):
    restorer = SwinIR()
    starved = Starved(restorer, 0, MemoryError())

    with pytest.raises(HarnessError, match=r"restored in tiles of 112 .* --tile 56.*--workers 1"):
        restorer.restore(image)
    assert starved.tried == [None, 448, 336, 224, 168, 112]


@pytest.mark.parametrize("tile", [0, 256])
def test_who_asks_for_tiles_gets_these_or_a_sentence(image, tile):
    restorer = SwinIR(tile=tile)
    starved = Starved(restorer, 0, MemoryError())

    with pytest.raises(HarnessError, match="Memory ran out"):
        restorer.restore(image)
    assert len(starved.tried) == 1


def test_what_tiles_would_change_fails_and_says_what_to_ask_for(image):
    restorer = FBCNN()
    starved = Starved(restorer, 2000, MemoryError())

    with pytest.raises(HarnessError, match="take smaller tiles with --tile 512"):
        restorer.restore(image)
    assert starved.tried == [None]


def test_another_failure_is_no_want_of_memory(image):
    restorer = SwinIR()
    starved = Starved(restorer, 0, RuntimeError("shapes do not fit"))

    with pytest.raises(RuntimeError, match="shapes"):
        restorer.restore(image)
    assert starved.tried == [None]


def test_tiles_to_try_keep_the_border_that_is_spoiled_out_of_what_counts():
    published = SwinIR.build(PRESETS["published"])
    assert SwinIR().spoiled_border(published) == 133
    assert SwinIR.tiling.smaller(2000, 2000, None, 133) == []

    tiles = DMCNN.tiling.smaller(2000, 2000, DMCNN.tiling.choose(2000, 2000, None), 93)
    assert [tile.side for tile in tiles] == [576]
    assert all(tile.margin >= 93 for tile in tiles)


class InTiles(FakeRestorer):
    def restore(self, compressed):
        self.calls += 1
        return Restored(compressed.pixels, tile=224 if self.calls == 2 else None)


def test_tiles_are_in_the_record_and_counted_below_the_table(world, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    plan = world.plan(qfs=(10,), restorers=[InTiles()])
    local.run(plan, directory, workers=1)

    [cell] = plan.cells
    records = directory.records(cell)
    assert {image: record.tile for image, record in records.items()} == {
        "0.png": None,
        "1.png": 224,
        "2.png": None,
        "3.png": None,
    }
    entry = directory.manifest().cells[0]
    result = CellResult(entry, {}, 4, {}, 4, 1.0, tiled=("1.png",))
    [note] = _tiled([result])
    assert note.startswith(
        "tiles: memory ran out for 1 of 4 images of detection/fake-q10, such as 1.png: "
    )
    assert Record.from_json(records["1.png"].to_json()) == records["1.png"]


def test_a_restorer_that_has_no_tiles_has_failed_on_that_image(world, tmp_path):
    def starved(compressed):
        raise MemoryError

    world.fake.restore = starved
    outcome = local.run(world.plan(qfs=(10,)), RunDirectory(tmp_path / "run"), workers=1)

    assert outcome.failed["0.png"] == (
        "restorer fake failed on 0.png: MemoryError: memory ran out; --workers 1 needs the least"
    )
