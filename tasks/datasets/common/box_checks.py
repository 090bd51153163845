"""What all boxes of a data set together give away: other units, another origin, other images.

One box may well be strange. What most or all of them have in common is somebody's convention, and
is told or refused; no box is ever moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UserError

ROUNDING = 1.0
"""Pixels by which a box may reach over the border without a word."""


@dataclass(frozen=True)
class PlacedBox:
    """A box as its file has it, and where it lies.

    Attributes:
        label: what messages call it.
        written: the four numbers of the file, whatever they mean.
        corners: x0, y0, x1, y1 in pixels from 0.
        size: width and height of its image; None: unknown.
    """

    label: str
    written: tuple[float, float, float, float]
    corners: tuple[float, float, float, float]
    size: tuple[int, int] | None


def check_fractions(source: str, boxes: Sequence[PlacedBox], form: str) -> str:
    """Refuse boxes that are fractions of their images' sizes.

    Args:
        source: the file or data set, for messages.
        boxes: all there are.
        form: what the four numbers should be.

    Returns:
        What to tell where only some of them look so, or nothing.

    Raises:
        UserError: all numbers of all boxes lie within 0 and 1.
    """
    small = [box for box in boxes if all(abs(number) <= 1 for number in box.written)]
    if not small:
        return ""
    numbers = ", ".join(f"{number:g}" for number in small[0].written)
    if len(small) == len(boxes):
        raise UserError(
            f"{source}: the numbers of all {len(boxes)} boxes lie within 0 and 1, {small[0].label} "
            f"first: {numbers}. They are fractions of the image's size, and should be {form}: "
            "multiply them by width and height."
        )
    return (
        f"{source}: the numbers of {len(small)} of {len(boxes)} boxes lie within 0 and 1, "
        f"{small[0].label} first: {numbers}; they count as pixels. If they are fractions of the "
        "image's size, multiply them by width and height."
    )


def beyond_notice(source: str, boxes: Sequence[PlacedBox], hint: str = "") -> str:
    """What to tell about boxes that reach over the border of their image, or nothing.

    Args:
        source: the file or data set, for messages.
        boxes: all there are.
        hint: a convention that reaches out of most images, told where more than half do.
    """
    reaching = [box for box in boxes if box.size is not None and _reaches_out(box, box.size)]
    if not reaching:
        return ""
    return (
        f"{source}: {len(reaching)} of {len(boxes)} boxes reach more than a pixel beyond their "
        f"image, {reaching[0].label} first; they count as they are"
        + (hint if 2 * len(reaching) > len(boxes) else "")
        + "."
    )


def _reaches_out(box: PlacedBox, size: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = box.corners
    return min(x0, y0) < -ROUNDING or x1 > size[0] + ROUNDING or y1 > size[1] + ROUNDING
