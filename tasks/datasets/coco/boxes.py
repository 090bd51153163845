"""Annotations of COCO instances files: what is wrong with their boxes, areas and crowds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from harness.errors import UserError
from harness.plugins import Json
from tasks.datasets.coco.schema import ImageEntry

ROUNDING = 1.0
"""Pixels by which a box may reach over the border without a word."""


def check_boxes(path: Path, notes: Sequence[Json], images: Mapping[int | str, ImageEntry]) -> str:
    """Refuse boxes that make no sense.

    Args:
        path: the file, for messages.
        notes: annotations.
        images: what their ``image_id`` means.

    Returns:
        What to tell about boxes that make little sense, or nothing.

    Raises:
        UserError: boxes that are none, have no area or lie outside their images.
    """
    wrong: dict[str, list[Json]] = {}
    reaching = []
    for note in notes:
        image = images[note["image_id"]]
        reason = _fault(note, image)
        if reason:
            wrong.setdefault(reason, []).append(note)
        elif image.width and _reaches_out(note["bbox"], image):
            reaching.append(note)
    if wrong:
        reason, culprits = next(iter(wrong.items()))
        image = images[culprits[0]["image_id"]]
        raise UserError(
            f"{path}: the boxes of {len(culprits)} of {len(notes)} annotations {reason}, "
            f"{which(culprits[0])} first, on {image.file_name} "
            f"({image.width}×{image.height}): bbox is {culprits[0].get('bbox')}, "
            "and should be [x, y, width, height] in pixels of that image."
        )
    if not reaching:
        return ""
    # Corners read as sizes reach out of most images, and no other mistake does.
    corners = ". If they are [x1, y1, x2, y2]: COCO's are [x, y, width, height]"
    return (
        f"{path.name}: {len(reaching)} of {len(notes)} boxes reach more than a pixel beyond their "
        f"image, {which(reaching[0])} first; they count as they are"
        + (corners if 2 * len(reaching) > len(notes) else "")
        + "."
    )


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


def which(note: Json) -> str:
    """An annotation's name, for messages."""
    return f"annotation {note['id']}" if "id" in note else "one without an id"


def brief(entry: object) -> str:
    """What stands in the file, cut to a line, for messages."""
    text = json.dumps(entry)
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
        return "lie outside their images"
    return ""


def _flat_outline(note: Json) -> bool:
    outline = note.get("segmentation")
    if not isinstance(outline, list) or not outline or not isinstance(outline[0], list):
        return False
    return any(len({float(x) for p in outline for x in p[start::2]}) == 1 for start in (0, 1))


def _reaches_out(box: Sequence[float], image: ImageEntry) -> bool:
    x, y, width, height = box
    return (
        min(x, y) < -ROUNDING
        or x + width > image.width + ROUNDING
        or y + height > image.height + ROUNDING
    )
