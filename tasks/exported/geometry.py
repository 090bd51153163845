"""Where an image lies in what a network is given, and the way back from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from tasks.exported.fields import Input, InputSize

_LARGEST_FRACTION = 4.0
"""Boxes may reach out of the image, but not by several images."""


@dataclass(frozen=True)
class Placement:
    """An image of ``original`` pixels, resized to ``resized``, on a canvas of ``canvas``.

    Attributes:
        original: height and width.
        resized: height and width.
        canvas: height and width of what the network is given.
        top: of the resized image on the canvas; negative where it is cropped.
        left: likewise.
    """

    original: tuple[int, int]
    resized: tuple[int, int]
    canvas: tuple[int, int]
    top: int = 0
    left: int = 0

    def boxes_back(self, boxes: NDArray[np.float64], units: str) -> NDArray[np.float64]:
        """Boxes in pixels of the original image, cut off at its borders.

        Coordinates are continuous, 0 the left border of the first pixel, so that resizing is a
        multiplication, an axis each.

        Args:
            boxes: (N, 4), x1 y1 x2 y2.
            units: see `BoxesOutput`.

        Raises:
            UserError: they are said to be fractions of the sides, and are many times the sides.
        """
        (height, width), (rows, columns) = self.original, self.resized
        if units == "fraction":
            if boxes.size and np.abs(boxes).max() > _LARGEST_FRACTION:
                raise UserError(
                    f"The model's card says box_units: fraction, and the network gives the "
                    f"coordinate {np.abs(boxes).max():.1f}: those are pixels, input or original."
                )
            boxes = boxes * (self.canvas[::-1] * 2)
        if units != "original":
            offset = (self.left, self.top) * 2
            boxes = (boxes - offset) * ((width / columns, height / rows) * 2)
        return np.clip(boxes, 0, (width, height) * 2)


def placement(height: int, width: int, wanted: Input) -> Placement:
    """Where an image of a size lies in what the network is given."""
    size = wanted.size
    rows, columns = _resized(height, width, wanted)
    if size and size.crop:
        # As torchvision's center_crop: half of what is cut, rounded half to even.
        top, left = -round((rows - size.crop) / 2), -round((columns - size.crop) / 2)
        return Placement(
            original=(height, width),
            resized=(rows, columns),
            canvas=(size.crop, size.crop),
            top=top,
            left=left,
        )
    side = size.letterbox if size else None
    canvas = tuple(_up(side or pixels, wanted.multiple_of) for pixels in (rows, columns))
    both = wanted.pad_at == "both" or (wanted.pad_at is None and side is not None)
    top, left = ((canvas[0] - rows) // 2, (canvas[1] - columns) // 2) if both else (0, 0)
    return Placement(
        original=(height, width),
        resized=(rows, columns),
        canvas=(canvas[0], canvas[1]),
        top=top,
        left=left,
    )


def _resized(height: int, width: int, wanted: Input) -> tuple[int, int]:
    size = wanted.size
    if size is None:
        return height, width
    if size.height and size.width:
        return size.height, size.width
    if size.crop and size.short:  # torchvision's Resize: the short side exactly, the long one cut
        short, long = min(height, width), max(height, width)
        other = int(size.short * long / short)
        return (size.short, other) if height <= width else (other, size.short)
    scale = _scale(height, width, size)
    # torchvision's detectors round down; detectron2, mmcv and letterboxes round to the nearest.
    down = size.letterbox is None and wanted.resize_with == "torch"
    rows, columns = (int(side * scale + (0 if down else 0.5)) for side in (height, width))
    return max(1, rows), max(1, columns)


def _scale(height: int, width: int, size: InputSize) -> float:
    if size.letterbox:
        return size.letterbox / max(height, width)
    assert size.short is not None
    scale = size.short / min(height, width)
    return min(scale, size.long / max(height, width)) if size.long else scale


def _up(pixels: int, multiple: int) -> int:
    return -(-pixels // multiple) * multiple
