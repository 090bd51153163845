"""What a vision model says of a picture, drawn on a transparent sheet laid over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.panels.labels import (
    BACKGROUND,
    KINDS,
    PALE,
    Area,
    Colour,
    class_colour,
    extent,
    font,
    hex_colour,
    ink_on,
    place_label,
)  # fmt: skip
from harness.plugins.drawing import Drawing, MarkedBox

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

ClassMap = NDArray[np.uint8]
"""(height, width) index of the class."""

VERSION = "1"
"""Bumped whenever the same drawing gives another overlay: kept ones are then drawn again."""

IGNORED = 255
"""In a class map: pixels that do not count, and are not drawn."""

_LONG = 640  # pixels of the longer side of an overlay, at least
_MOST = 4  # times the picture's size, at most
_OPACITY = 128
_NAMED_AREA = 0.015  # of the picture: smaller regions have no name on them
_ORDER = ("missed", "false", "found")  # who gets the best places for labels


def overlay_size(width: int, height: int) -> tuple[int, int]:
    """The size of a picture's overlay: a whole multiple, so that small pictures' labels read."""
    times = min(max(-(-_LONG // max(width, height)), 1), _MOST)
    return times * width, times * height


def overlay(
    drawing: Drawing, width: int, height: int, truth: Drawing | None = None
) -> Image | None:
    """The boxes or the class map on nothing.

    Found boxes are solid, missed ones dotted, false ones dashed. Classes are half-transparent;
    what differs from the truth is hatched.

    Returns:
        RGBA, of `overlay_size` of the picture's width and height in pixels; None where there is
        nothing to draw on a picture.
    """
    from PIL import Image, ImageDraw

    size = overlay_size(width, height)
    if drawing.class_map is not None:
        right = None if truth is None else truth.class_map
        sheet = Image.fromarray(_coloured(drawing.class_map, drawing.names, right, size))
        _write_names(ImageDraw.Draw(sheet), drawing.class_map, drawing.names, size)
        return sheet
    if not drawing.boxes:
        return None
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    _draw_boxes(ImageDraw.Draw(sheet), drawing.boxes, size, size[0] / width)
    return sheet


def map_legend(drawing: Drawing) -> tuple[tuple[str, str], ...]:
    """The classes of a class map that are in the picture, each with its colour ``#rrggbb``."""
    if drawing.class_map is None:
        return ()
    present = _classes_on(drawing.class_map, drawing.names)
    return tuple((drawing.names[index], hex_colour(class_colour(index))) for index in present)


def mark_area(draw: ImageDraw, area: Area, width: int) -> None:
    """A white frame with dark edges, seen on any picture."""
    outer = (area[0] - width, area[1] - width, area[2] - 1 + width, area[3] - 1 + width)
    draw.rectangle(outer, outline=(0, 0, 0), width=3 * width)
    inner = (area[0], area[1], area[2] - 1, area[3] - 1)
    draw.rectangle(inner, outline=(255, 255, 255), width=width)


def draw_frame(draw: ImageDraw, area: Area, kind: str, width: int) -> None:
    """The frame of a box: ``found`` (solid), ``missed`` (dotted) or ``false`` (dashed).

    It is inside the area, ``width`` pixels wide, each stroke with a thin dark edge.
    """
    x1, y1, x2, y2 = area
    period = {"found": (1, 0), "missed": (width, 3 * width // 2), "false": (5 * width, 3 * width)}[
        kind
    ]
    strokes: list[Area] = []
    for start, end in _strokes(x1, x2, kind, period):
        strokes += [(start, y1, end, y1 + width), (start, y2 - width, end, y2)]
    for start, end in _strokes(y1, y2, kind, period):
        strokes += [(x1, start, x1 + width, end), (x2 - width, start, x2, end)]
    for grown, colour in ((1, (0, 0, 0, 190)), (0, (*KINDS[kind], 255))):
        for left, top, right, bottom in strokes:
            draw.rectangle(
                (left - grown, top - grown, right - 1 + grown, bottom - 1 + grown), fill=colour
            )


def draw_sign(draw: ImageDraw, area: Area, sign: str | None, width: int) -> None:
    """What stands in a legend: a frame of a kind, a colour ``#rrggbb``, or None for hatching."""
    if sign in KINDS:
        draw_frame(draw, area, sign, width)
        return
    draw.rectangle(area, fill=(190, 190, 190) if sign is None else sign, outline=PALE)
    for y in range(area[1], area[3]) if sign is None else ():
        for x in range(area[0], area[2]):
            stripe = (x + y) // width % 6
            if stripe < 2:
                draw.point((x, y), (255, 255, 255) if stripe == 0 else (0, 0, 0))


def _strokes(low: int, high: int, kind: str, period: tuple[int, int]) -> list[tuple[int, int]]:
    if kind == "found":
        return [(low, high)]
    on, off = period
    on = min(on, max((high - low) // 3, 1))  # a small box is broken too
    # The pattern is stretched so that it ends with a whole stroke in the corner.
    count = max(round((high - low + off) / (on + off)), 2)
    step = (high - low - on) / (count - 1)
    return [(low + round(n * step), low + round(n * step) + on) for n in range(count)]


def _draw_boxes(
    draw: ImageDraw, boxes: Sequence[MarkedBox], size: tuple[int, int], scale: float
) -> None:
    width = max(round(max(size) / 180), 2)
    areas = [_fit_box(box.box, scale, size, 2 * width) for box in boxes]
    # Found ones first: what is wrong is never hidden by what is right.
    for kind in reversed(_ORDER):
        for box, area in zip(boxes, areas, strict=True):
            if box.kind == kind:
                draw_frame(draw, area, kind, width)
    taken: list[Area] = []
    for kind in _ORDER:
        for box, area in zip(boxes, areas, strict=True):
            if box.kind == kind:
                _draw_label(draw, area, box.label, KINDS[kind], size, taken)


def _fit_box(box: Sequence[float], scale: float, size: tuple[int, int], least: int) -> Area:
    """A box in the overlay's pixels, in the picture and large enough to have a frame."""
    x1, y1, x2, y2 = (value * scale for value in box)
    left, right = _fit(x1, x2, size[0], least)
    top, bottom = _fit(y1, y2, size[1], least)
    return left, top, right, bottom


def _fit(low: float, high: float, end: int, least: int) -> tuple[int, int]:
    start = min(max(round(low), 0), max(end - least, 0))
    return start, min(max(round(high), start + least), end)


def _draw_label(
    draw: ImageDraw,
    area: Area,
    text: str,
    colour: Colour,
    size: tuple[int, int],
    taken: list[Area],
) -> None:
    """Write a name at a box, where there is room."""
    height = max(round(max(size) / 32), 9)
    pad = max(height // 6, 1)
    wide, high = extent(text, height)
    spot = place_label(area, (wide + 2 * pad, high), size, taken)
    if spot is None:
        return
    taken.append(spot)
    draw.rectangle((spot[0], spot[1], spot[2] - 1, spot[3] - 1), fill=(*colour, 225))
    draw.text((spot[0] + pad, spot[1]), text, fill=(*ink_on(colour), 255), font=font(height))


def _classes_on(class_map: ClassMap, names: Sequence[str]) -> list[int]:
    """The classes in a picture, without the background."""
    present = np.unique(class_map).tolist()
    return [index for index in present if index < len(names) and names[index] != BACKGROUND]


def _coloured(
    class_map: ClassMap, names: Sequence[str], truth: ClassMap | None, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The colours of a class map, (height, width, 4) uint8, of the overlay's size."""
    table = np.zeros((256, 4), np.uint8)
    for index in _classes_on(class_map, names):
        table[index] = (*class_colour(index), _OPACITY)
    times = size[0] // class_map.shape[1]
    classes = _enlarged(class_map, times)
    sheet = table[classes]
    if truth is not None:
        right = _enlarged(truth, times)
        wrong = (classes != right) & (right != IGNORED)
        step = max(round(max(size) / 300), 2)
        down, across = np.indices(classes.shape)
        stripe = (down + across) // step % 6
        sheet[wrong & (stripe == 0)] = (255, 255, 255, 200)
        sheet[wrong & (stripe == 1)] = (0, 0, 0, 200)
    return sheet


def _enlarged(values: ClassMap, times: int) -> ClassMap:
    return values.repeat(times, axis=0).repeat(times, axis=1)


def _write_names(
    draw: ImageDraw, class_map: ClassMap, names: Sequence[str], size: tuple[int, int]
) -> None:
    """The names of the classes in the middle of their largest regions."""
    import cv2

    taken: list[Area] = []
    scale = size[0] / class_map.shape[1]
    height = max(round(max(size) / 32), 9)
    for index in _classes_on(class_map, names):
        inside = (class_map == index).astype(np.uint8)
        if inside.mean() < _NAMED_AREA:
            continue
        # The point farthest from the region's edge; the picture's own edge counts as one.
        away = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(away.argmax()), away.shape)
        wide, high = extent(names[index], height)
        x, y = (int(column) + 0.5) * scale - wide / 2, (int(row) + 0.5) * scale + high / 2
        area = (round(x), round(y), round(x) + wide, round(y))
        _draw_label(draw, area, names[index], class_colour(index), size, taken)
