"""Large images in overlapping tiles, blended where they overlap.

A network that sees a tile has to invent what lies beyond its borders, which spoils the pixels next
to them. So neighbouring tiles share `Tile.overlap` pixels, of which the outer ones, `Tile.margin`
from each side, do not count; in the middle one tile fades into the next. Where the margin is at
least what an output pixel of the network sees to one side, tiles change nothing.
`docs/guides/tiling.md` says for which networks it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from restorers.common.tiling import Tile

if TYPE_CHECKING:
    from torch import Tensor


class Box(NamedTuple):
    """A rectangle of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Tensor) -> Tensor:
        """That part of an image, (..., H, W)."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width]


class Span(NamedTuple):
    """A tile along one axis: it counts from the middle of its fade on, until the next one's.

    Attributes:
        start: first pixel.
        stop: behind the last.
        fade: from where to where it takes over from the tile before; nothing for the first.
    """

    start: int
    stop: int
    fade: tuple[int, int]


def spans(length: int, tile: Tile, multiple: int = 8, scale: int = 1) -> list[Span]:
    """The tiles along one axis: as few as possible, of one length, the last one up to the end.

    Args:
        length: of the image, pixels.
        tile: how to cut.
        multiple: all tiles start at multiples of it, and all but the last end there. A tile is at
            least two of it long, and one longer than its overlap.
        scale: fades begin and end at multiples of it; a divisor of ``multiple``.

    Raises:
        ValueError: it is no divisor.
    """
    if multiple % scale:
        raise ValueError(f"tiles at multiples of {multiple} do not fit maps at 1/{scale}")
    side = max(tile.side // multiple, 2) * multiple
    if length <= max(side, tile.side):
        return [Span(0, length, (0, 0))]
    shared = min(-(-tile.overlap // multiple) * multiple, side - multiple)
    count = -(-(length - shared) // (side - shared))
    stride = -(-(length - shared) // (count * multiple)) * multiple
    last = -(-(length - shared - stride) // multiple) * multiple
    starts = [*range(0, last, stride), last]
    stops = [start + shared + stride for start in starts[:-1]] + [length]
    tiles = [Span(0, stops[0], (0, 0))]
    for start, stop, before in zip(starts[1:], stops[1:], stops[:-1], strict=True):
        middle, half = (start + before) // 2 // scale * scale, tile.fade // scale * scale
        tiles.append(Span(start, stop, (middle - half, middle + half)))
    return tiles


def tiled(
    apply: Callable[[Tensor], Tensor],
    image: Tensor,
    tile: Tile | None,
    multiple: int = 8,
    scale: int = 1,
) -> Tensor:
    """``apply(image)``, tile by tile; without gradients.

    Args:
        apply: (1, C, h, w) to (1, C', ceil(h / scale), ceil(w / scale)).
        image: (1, C, H, W).
        tile: how to cut; None: not at all.
        multiple: see `spans`: the grid that ``apply`` works on. Tiles at the image's lower and
            right borders may have any height and width, if the image has.
        scale: how much smaller than its input ``apply``'s output is.

    Returns:
        (1, C', ceil(H / scale), ceil(W / scale)).

    Raises:
        ValueError: see `spans`.
    """
    if tile is None:
        return apply(image)
    size = (image.shape[2], image.shape[3])
    return blended(lambda box: apply(box.cut(image)), size, tile, multiple, scale)


def blended(
    restore: Callable[[Box], Tensor],
    size: tuple[int, int],
    tile: Tile,
    multiple: int = 8,
    scale: int = 1,
) -> Tensor:
    """As `tiled`, for what a tensor of pixels is not all of the input.

    Memory: the result, a row of tiles of it, and what ``restore`` takes for one.

    Args:
        restore: a rectangle of the image to (1, C', ceil(h / scale), ceil(w / scale)).
        size: H and W of the image.
        tile: how to cut.
        multiple: see `tiled`.
        scale: see `tiled`.

    Raises:
        ValueError: see `spans`.
    """
    columns = spans(size[1], tile, multiple, scale)
    whole = None
    for row in spans(size[0], tile, multiple, scale):
        strip = None
        for column in columns:
            box = Box(row.start, column.start, row.stop - row.start, column.stop - column.start)
            strip = _laid(strip, restore(box), column, 3, -(-size[1] // scale), scale)
        assert strip is not None
        whole = _laid(whole, strip, row, 2, -(-size[0] // scale), scale)
    assert whole is not None
    return whole


def _laid(
    canvas: Tensor | None, part: Tensor, span: Span, axis: int, length: int, scale: int
) -> Tensor:
    """A tile laid over those before it along an axis; None: there is none before it."""
    import torch

    if canvas is None:
        if part.shape[axis] == length:
            return part
        shape = list(part.shape)
        shape[axis] = length
        canvas = part.new_empty(shape)
    start, begin, end = (place // scale for place in (span.start, *span.fade))
    stop = start + part.shape[axis]
    if end > begin:
        ramp = (torch.arange(end - begin, dtype=part.dtype, device=part.device) + 0.5) / (
            end - begin
        )
        weight = ramp.reshape([-1 if i == axis else 1 for i in range(part.ndim)])
        # Interpolation, unlike a weighted sum, gives equal values back bit for bit.
        canvas.narrow(axis, begin, end - begin).lerp_(
            part.narrow(axis, begin - start, end - begin), weight
        )
    canvas.narrow(axis, end, stop - end).copy_(part.narrow(axis, end - start, stop - end))
    return canvas
