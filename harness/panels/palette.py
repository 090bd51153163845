"""Colours that differ for any colour vision, by lightness as well as by hue."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

FOUND: Colour = (0x56, 0xB4, 0xE9)
MISSED: Colour = (0xF0, 0xE4, 0x42)
FALSE: Colour = (0xD5, 0x5E, 0x00)
"""Okabe and Ito, "Color Universal Design", 2008: sky blue, yellow, vermilion."""

KINDS = {"found": FOUND, "missed": MISSED, "false": FALSE}
"""By the kind of a marked box."""

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
        text = _FIXED[index]
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
    number = index - len(_FIXED)
    lightness = (0.35, 0.55, 0.75)[number % 3]
    red, green, blue = colorsys.hls_to_rgb((number * _GOLDEN) % 1.0, lightness, 0.65)
    return round(255 * red), round(255 * green), round(255 * blue)


def hex_colour(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on the colour (by WCAG's relative luminance)."""
    linear = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in colour)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
