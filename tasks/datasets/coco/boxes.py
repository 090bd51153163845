"""Annotations of COCO instances files: what is wrong with their boxes, areas and crowds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from harness.errors import UserError
from harness.plugins import Json
from tasks.datasets.coco.schema import ImageEntry
from tasks.datasets.common.box_checks import (
    ROUNDING,
    PlacedBox,
    beyond_notice,
    check_fractions,
)

_OUTSIDE = "lie outside their images"

_FORM = "[x, y, width, height] in pixels of the image"

_CORNERS = ". If they are [x1, y1, x2, y2]: COCO's are [x, y, width, height]"
"""Corners read as sizes reach out of most images, and no other mistake does."""

_TIGHT = 0.1
"""Share of a box's longer side by which its outline may miss it, and at least `ROUNDING` twice."""


def check_boxes(
    path: Path,
    notes: Sequence[Json],
    images: Mapping[int | str, ImageEntry],
    image_size: Callable[[str], tuple[int, int] | None],
) -> str:
    """Refuse boxes that make no sense.

    Args:
        path: the file, for messages.
        notes: annotations.
        images: what their ``image_id`` means.
        image_size: width and height of an image by its ``file_name``, None if unknown; asked where
            a box lies outside.

    Returns:
        What to tell about boxes that make little sense, or nothing.

    Raises:
        UserError: boxes that are none, have no area, lie outside their images or are fractions.
    """
    wrong: dict[str, list[Json]] = {}
    for note in notes:
        image = images[note["image_id"]]
        reason = _fault(note, image)
        if reason == _OUTSIDE and not _sized(image, image_size):
            continue
        if reason:
            wrong.setdefault(reason, []).append(note)
    if wrong:
        reason, culprits = next(iter(wrong.items()))
        image = images[culprits[0]["image_id"]]
        raise UserError(
            f"{path}: the boxes of {len(culprits)} of {len(notes)} annotations {reason}, "
            f"{which(culprits[0])} first, on {image.file_name} "
            f"({image.width}×{image.height}): bbox is {culprits[0].get('bbox')}, "
            "and should be [x, y, width, height] in pixels of that image."
        )
    boxes = [_placed(note, images[note["image_id"]]) for note in notes]
    sentences = (
        check_fractions(str(path), boxes, _FORM),
        beyond_notice(path.name, boxes, _CORNERS),
        _loose_notice(path.name, notes),
    )
    return "\n".join(sentence for sentence in sentences if sentence)


def complete(path: Path, notes: Sequence[Json]) -> list[Json]:
    """Annotations with an ``iscrowd`` and an ``area`` that pycocotools counts with.

    It takes the text ``"0"`` for a crowd, so that nothing is left to be found, and stumbles over
    an area that is no number only when everything is computed.

    Args:
        path: the file, for messages.
        notes: annotations whose boxes are in order.

    Returns:
        Copies: ``iscrowd`` is 0 or 1 (0 where it is missing or null), ``area`` that of the box
        where it is missing or null.

    Raises:
        UserError: one of the two is something else.
    """
    for field, kind, holds in (
        ("iscrowd", "0 or 1", _crowd_mark),
        ("area", "a finite number, 0 or more", _area_size),
    ):
        strays = [n for n in notes if n.get(field) is not None and not holds(n[field])]
        if strays:
            raise UserError(
                f"{path}: the {field} of {len(strays)} of {len(notes)} annotations is not {kind}, "
                f"{which(strays[0])} first: it is {brief(strays[0][field])}."
            )
    return [
        {
            **note,
            "iscrowd": int(note.get("iscrowd") or 0),
            "area": _area(note["bbox"]) if note.get("area") is None else note["area"],
        }
        for note in notes
    ]


def ignore_notice(name: str, notes: Sequence[Json]) -> str:
    """What to tell about marks that COCO's metric does not read, or nothing.

    pycocotools overwrites ``ignore`` with ``iscrowd``, whatever it says.
    """
    marked = [note for note in notes if not _unmarked(note.get("ignore")) and not note["iscrowd"]]
    if not marked:
        return ""
    return (
        f"{name}: {len(marked)} of {len(notes)} annotations have an ignore that is not 0, "
        f"{which(marked[0])} first: it is {brief(marked[0]['ignore'])}. COCO's metric does not "
        "read it, so they count as any other; to leave them out of it, write iscrowd 1."
    )


def _unmarked(value: object) -> bool:
    return value in (None, 0) or str(value).casefold() in ("", "0", "0.0", "false", "no")


def which(note: Json) -> str:
    """An annotation's name, for messages."""
    return f"annotation {note['id']}" if "id" in note else "one without an id"


def brief(entry: object) -> str:
    """What stands in the file, cut to a line, for messages."""
    try:
        text = json.dumps(entry)
    except RecursionError:
        text = "nested too deeply"
    return text if len(text) <= 80 else text[:79] + "…"


def _crowd_mark(value: object) -> bool:
    return value in (0, 1)


def _area_size(value: object) -> bool:
    return _finite(value) and value >= 0


def _area(box: Sequence[float]) -> float:
    return box[2] * box[3]


def _finite(value: object) -> TypeGuard[float]:
    """Whether it is a number that a float can hold; Python's integers may be larger."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def _fault(note: Json, image: ImageEntry) -> str:
    box: object = note.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_finite(x) for x in box):
        return "are not four finite numbers"
    x, y, width, height = box
    # A polygon drawn without area, of which train2017 has two, is counted by COCO and so here.
    if width < 0 or height < 0 or (not (width and height) and not _flat_outline(note)):
        return "have no area"
    known = image.width and image.height
    before = x + (width or 1) <= 0 or y + (height or 1) <= 0
    if known and (before or x >= image.width or y >= image.height):
        return _OUTSIDE
    return ""


def _flat_outline(note: Json) -> bool:
    outline = note.get("segmentation")
    if not isinstance(outline, list) or not outline or not isinstance(outline[0], list):
        return False
    return any(len({float(x) for p in outline for x in p[start::2]}) == 1 for start in (0, 1))


def _sized(image: ImageEntry, image_size: Callable[[str], tuple[int, int] | None]) -> bool:
    """Whether an image has the size that the file says.

    If not, the size is wrong and not the box, and `CocoInstances.check` says so.
    """
    return image_size(image.file_name) in (None, (image.width, image.height))


def _placed(note: Json, image: ImageEntry) -> PlacedBox:
    x, y, width, height = note["bbox"]
    return PlacedBox(
        label=which(note),
        written=(x, y, width, height),
        corners=(x, y, x + width, y + height),
        size=(image.width, image.height) if image.width and image.height else None,
    )


def _loose_notice(name: str, notes: Sequence[Json]) -> str:
    """What to tell where most boxes do not lie round the polygons beside them, or nothing."""
    outlined = [(note, extent) for note in notes if (extent := _extent(note)) is not None]
    loose = [(note, extent) for note, extent in outlined if not _fits(note["bbox"], extent)]
    if 2 * len(loose) <= len(outlined):
        return ""
    note, (x0, y0, x1, y1) = loose[0]
    form = "are [x1, y1, x2, y2]" if _fits_corners(note["bbox"], (x0, y0, x1, y1)) else "differ"
    return (
        f"{name}: {len(loose)} of {len(outlined)} boxes do not lie round their outlines, "
        f"{which(note)} first: bbox {form}: it is {note['bbox']}, and [x, y, width, height] of its "
        f"outline is [{x0:g}, {y0:g}, {x1 - x0:g}, {y1 - y0:g}]; they count as they are."
    )


def _extent(note: Json) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of an annotation's polygons; None where it has none."""
    outline = note.get("segmentation")
    if not isinstance(outline, list) or not outline or note.get("iscrowd"):
        return None
    if not all(isinstance(polygon, list) and len(polygon) >= 2 for polygon in outline):
        return None
    if not all(_finite(number) for polygon in outline for number in polygon):
        return None
    across = [number for polygon in outline for number in polygon[0::2]]
    down = [number for polygon in outline for number in polygon[1::2]]
    return min(across), min(down), max(across), max(down)


def _fits(box: Sequence[float], extent: Sequence[float]) -> bool:
    x, y, width, height = box
    return _fits_corners((x, y, x + width, y + height), extent)


def _fits_corners(corners: Sequence[float], extent: Sequence[float]) -> bool:
    longer = max(extent[2] - extent[0], extent[3] - extent[1])
    allowed = max(2 * ROUNDING, _TIGHT * longer)
    return all(abs(one - other) <= allowed for one, other in zip(corners, extent, strict=True))
