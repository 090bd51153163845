"""Fonts, and labels that stay in the picture and off each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Area = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels; x2 and y2 are just outside."""

_COVERED = 0.5
"""The share of a label that others may cover; where none has less, it is left out."""


@cache
def font(size: int, bold: bool = False) -> FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, so that every machine draws the same.

    Args:
        size: pixels.
        bold: the bold cut.
    """
    import matplotlib as mpl
    from PIL import ImageFont

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(folder / name, max(int(size), 6))


def extent(text: str, size: int, bold: bool = False) -> tuple[int, int]:
    """Width and line height of a text, pixels."""
    face = font(size, bold)
    ascent, descent = face.getmetrics()
    return round(face.getlength(text)), ascent + descent


def shortened(text: str, size: int, width: int, bold: bool = False) -> str:
    """The text, its middle an ellipsis where it is wider than ``width`` pixels."""
    if extent(text, size, bold)[0] <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        left = (kept + 1) // 2
        shown = f"{text[:left]}…{text[len(text) - (kept - left) :]}"
        if extent(shown, size, bold)[0] <= width:
            return shown
    return "…"


def wrapped(text: str, size: int, width: int, bold: bool = False) -> list[str]:
    """The text in lines of at most ``width`` pixels, broken at spaces."""
    lines: list[str] = []
    text = text.strip(" ")
    if not text:
        return []
    for word in text.split(" "):  # a no-break space is none
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and extent(longer, size, bold)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(shortened(word, size, width, bold))
    return lines


def placed(
    box: Sequence[float], size: tuple[int, int], within: tuple[int, int], taken: Sequence[Area]
) -> Area | None:
    """Where a box's label goes: near a corner, in the picture, off the labels there already.

    Args:
        box: x1, y1, x2, y2 in pixels.
        size: width and height of the label.
        within: width and height of the picture.
        taken: the labels there already.

    Returns:
        Its area, None where other labels would cover half of it wherever it went.
    """
    x1, y1, x2, y2 = (round(value) for value in box)
    width, height = size
    spots = [
        (x1, y1 - height),
        (x2 - width, y1 - height),
        (x1, y1),
        (x1, y2),
        (x2 - width, y1),
        (x2 - width, y2),
        (x1, y2 - height),
        (x2, y1),
        (x1 - width, y1),
        (x2 - width, y2 - height),
    ]
    best, least = None, 1.0
    for x, y in spots:
        left = min(max(x, 0), max(within[0] - width, 0))
        top = min(max(y, 0), max(within[1] - height, 0))
        area = (left, top, left + width, top + height)
        covered = sum(_common(area, other) for other in taken) / (width * height)
        if covered < least:
            best, least = area, covered
        if covered == 0:
            break
    return best if least < _COVERED else None


def _common(a: Area, b: Area) -> int:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0)
