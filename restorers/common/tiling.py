"""When large images are cut into tiles, how large these are, and what is said when memory ends.

`restorers.common.blending` cuts, and lays the tiles together again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import HarnessError, UserError

SMALLEST = 32
"""Tiles of fewer pixels a side are hardly more than the borders that do not count."""

_NO_MEMORY = ("allocate memory", "out of memory", "not enough memory", "bad_alloc")


@dataclass(frozen=True)
class Tile:
    """How an image is cut.

    Attributes:
        side: height and width of a tile at most, pixels, its share of the overlaps included.
        overlap: pixels that neighbouring tiles share, or more; limits: see `blending.spans`.
    """

    side: int
    overlap: int

    @property
    def fade(self) -> int:
        """Half of the width over which a tile fades into the next, pixels."""
        return self.overlap // 16

    @property
    def margin(self) -> int:
        """Pixels next to an inner border of a tile that do not count, at least."""
        return self.overlap // 2 - self.fade


@dataclass(frozen=True)
class Tiling:
    """When a restorer cuts images, and how: the same on every machine, so it can be cited.

    Attributes:
        above: images of more pixels are cut without being asked to.
        side: of the tiles then, pixels.
        overlap: pixels that neighbouring tiles share; half a side of tiles smaller than twice that.
        least: side of the tiles that are taken where smaller ones are asked for. Networks that see
            far need large tiles to restore as if there were none.
    """

    above: int = 1 << 20
    side: int = 1024
    overlap: int = 256
    least: int = SMALLEST

    def choose(self, height: int, width: int, asked: int | None) -> Tile | None:
        """How to cut an image; None: not at all.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.
            asked: side of the tiles the user wants; 0: none; None: as the restorer thinks best.

        Raises:
            UserError: such tiles are too small.
        """
        tile = self._tile(asked)
        if tile is None or (asked is None and height * width <= self.above):
            return None
        return tile if max(height, width) > tile.side else None

    def smaller(self, height: int, width: int, tile: Tile | None, border: int) -> list[Tile]:
        """Tiles to try where memory ran out, in turn: those that change no more than sums' order.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.
            tile: how it was cut; None: not at all.
            border: pixels that a border of a tile spoils, at most.
        """
        below = min(max(height, width), tile.side if tile else self.side + 1)
        sides = [self.side * quarter // 8 for quarter in (8, 6, 4, 3, 2)]
        tiles = [Tile(side, min(self.overlap, side // 2)) for side in sides]
        return [t for t in tiles if self.least <= t.side < below and t.margin >= border]

    def describe(self, asked: int | None) -> str:
        """For fingerprints; arguments and errors as `choose`'s."""
        tile = self._tile(asked)
        if tile is None:
            return "none"
        tiles = f"tiles of {tile.side}, overlap {tile.overlap}"
        return tiles if asked else f"above {self.above} pixels, {tiles}"

    def _tile(self, asked: int | None) -> Tile | None:
        if asked == 0:
            return None
        if asked is not None and asked < SMALLEST:
            raise UserError(
                f"Tiles of {asked} pixels a side are too small: "
                f"ask for {SMALLEST} or more, or for 0 to restore images whole."
            )
        side = max(asked or self.side, self.least)
        return Tile(side, min(self.overlap, side // 2))


@dataclass(frozen=True)
class Unneeded(Tiling):
    """Of a restorer that needs a bounded amount of memory and never cuts, whatever it is asked."""

    def choose(self, height: int, width: int, asked: int | None) -> Tile | None:
        """None."""
        return None

    def describe(self, asked: int | None) -> str:
        """For fingerprints: the same whatever was asked, as the pixels are."""
        return "none needed"


def ran_out(error: BaseException) -> bool:
    """Whether it says that there was not enough memory."""
    if isinstance(error, MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(reason in said for reason in _NO_MEMORY)


@contextmanager
def enough_memory(tile: Tile | None) -> Iterator[None]:
    """Turn a failed allocation into a sentence that says what helps.

    Args:
        tile: how the image is cut; None: not at all.

    Raises:
        HarnessError: memory ran out inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        side = max(SMALLEST, (tile.side if tile else 1024) // 2)
        whole = f"in tiles of {tile.side} pixels" if tile else "whole"
        raise HarnessError(
            f"Memory ran out while the image was restored {whole}: "
            f"take smaller tiles with --tile {side}, or fewer workers with --workers 1."
        ) from error
