"""Colours, fonts, and labels that stay in the picture and off each other.

Colours differ for any colour vision, by lightness as well as by hue.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.figures.style import luminance

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

KINDS: dict[str, Colour] = {
    "found": (0x56, 0xB4, 0xE9),
    "missed": (0xF0, 0xE4, 0x42),
    "false": (0xD5, 0x5E, 0x00),
}
"""By the kind of a marked box: Okabe and Ito's sky blue, yellow and vermilion (2008)."""

PALE: Colour = (90, 90, 90)
"""Of small print and thin edges."""

BACKGROUND = "background"
"""The class that is left as it is on the picture."""

_FIXED = (
    "888888 E69F00 56B4E9 009E73 F0E442 0072B2 D55E00 CC79A7 332288 DDCC77 882255 "
    "88CCEE 117733 AA4499 999933 FFAABB 44BB99 661100 EE8866 6699CC BBCC33"
).split()
"""Okabe and Ito's, then Paul Tol's "muted" and "light" (SRON/EPS/TN/09-002, 2021)."""

_GOLDEN = 0.618033988749895


def class_colour(index: int) -> Colour:
    """The colour of a class: of the first 21 a fixed one, beyond a generated one."""
    if index < len(_FIXED):
        red, green, blue = bytes.fromhex(_FIXED[index])
        return red, green, blue
    number = index - len(_FIXED)
    lightness = (0.35, 0.55, 0.75)[number % 3]
    channels = colorsys.hls_to_rgb((number * _GOLDEN) % 1.0, lightness, 0.65)
    red, green, blue = (round(255 * channel) for channel in channels)
    return red, green, blue


def hex_colour(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on the colour (by WCAG's relative luminance)."""
    return (0, 0, 0) if luminance([part / 255 for part in colour]) > 0.179 else (255, 255, 255)


Area = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels; x2 and y2 are just outside."""

_COVERED = 0.5
"""The share of a label that others may cover; where none has less, it is left out."""


@cache
def font(size: int, bold: bool = False) -> FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, the same on every machine; size in pixels."""
    import matplotlib as mpl
    from PIL import ImageFont

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(folder / name), max(int(size), 6))


def extent(text: str, size: int, bold: bool = False) -> tuple[int, int]:
    """Width and line height of a text, pixels."""
    face = font(size, bold)
    ascent, descent = face.getmetrics()
    return round(face.getlength(text)), ascent + descent


def shorten(text: str, size: int, width: int, bold: bool = False) -> str:
    """The text, its middle an ellipsis where it is wider than ``width`` pixels."""
    if extent(text, size, bold)[0] <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        left = (kept + 1) // 2
        shown = f"{text[:left]}…{text[len(text) - (kept - left) :]}"
        if extent(shown, size, bold)[0] <= width:
            return shown
    return "…"


def wrap(text: str, size: int, width: int, bold: bool = False) -> list[str]:
    """The text in lines of at most ``width`` pixels, broken at spaces."""
    lines: list[str] = []
    for word in text.strip(" ").split(" ") if text.strip(" ") else ():  # a no-break space is none
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and extent(longer, size, bold)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, width, bold))
    return lines


def place_label(
    box: Sequence[float], size: tuple[int, int], within: tuple[int, int], taken: Sequence[Area]
) -> Area | None:
    """Where a box's label goes: near a corner, in the picture, off the labels there already.

    Args:
        box: x1, y1, x2, y2 in pixels.
        size: width and height of the label, pixels.
        within: width and height of the picture, pixels.
        taken: the labels there already.

    Returns:
        Its area, None where other labels would cover half of it wherever it went.
    """
    x1, y1, x2, y2 = (round(value) for value in box)
    width, height = size
    spots = [
        *((x1, y1 - height), (x2 - width, y1 - height), (x1, y1), (x1, y2), (x2 - width, y1)),
        *((x2 - width, y2), (x1, y2 - height), (x2, y1), (x1 - width, y1)),
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
