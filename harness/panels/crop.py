"""The detail of a picture that is shown enlarged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError

Crop = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

AUTO, NONE = "auto", "none"

_PART = 4
_SMALLEST = 16


def parse(text: str) -> Crop | str | None:
    """What ``--crop`` says: `AUTO`, None, or a crop.

    Raises:
        UserError: it is none of them.
    """
    plain = text.strip().lower()
    if plain in (AUTO, NONE):
        return AUTO if plain == AUTO else None
    try:
        x, y, width, height = (int(part) for part in plain.split(","))
    except ValueError:
        x, y, width, height = -1, -1, 0, 0
    if min(x, y) < 0 or min(width, height) < 1:
        raise UserError(
            f"--crop {text}: it is auto, none, or x,y,width,height in pixels, such as 100,60,80,60."
        )
    return x, y, width, height


def check_inside(crop: Crop, width: int, height: int, image: str) -> None:
    """Refuse a crop that goes beyond the picture.

    Raises:
        UserError: it does.
    """
    if crop[0] + crop[2] > width or crop[1] + crop[3] > height:
        raise UserError(
            f"--crop {','.join(map(str, crop))} goes beyond the image {image}, "
            f"which is {width}×{height} pixels."
        )


def window(width: int, height: int) -> tuple[int, int]:
    """The size of an automatic crop: a quarter of the sides, not higher than wide."""
    wide = min(max(round(width / _PART), _SMALLEST), width)
    high = min(max(round(height / _PART), _SMALLEST), height)
    return wide, min(high, wide)


def most_different(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Crop:
    """The window where two pictures differ most, by the sum of absolute differences.

    Of equal sums the one nearest to the middle of the picture.

    Args:
        a: (height, width, 3) uint8.
        b: likewise.
    """
    height, width = a.shape[:2]
    wide, high = window(width, height)
    change = np.abs(a.astype(np.int64) - b.astype(np.int64)).sum(axis=2)
    total = np.pad(change.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    rows, columns = np.nonzero(sums == sums.max())
    middle = ((height - high) / 2, (width - wide) / 2)
    best = int(((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2).argmin())
    return int(columns[best]), int(rows[best]), wide, high
