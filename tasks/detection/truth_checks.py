"""Boxes of data sets that come as objects: what would make a wrong number is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.errors import UserError
from harness.plugins import Json
from tasks.datasets.common.box_checks import PlacedBox, check_fractions


def check_truth(name: str, truth: Json) -> None:
    """Refuse ground truth that pycocotools takes and counts wrong.

    Args:
        name: of the data set, for messages.
        truth: what its ``coco`` gave.

    Raises:
        UserError: it is no COCO instances object; a box is not four finite numbers, or all are
            fractions of their images' sizes; an ``iscrowd`` is neither 0 nor 1.
    """
    notes = truth.get("annotations") if isinstance(truth, dict) else None
    if not isinstance(notes, list | tuple):
        raise UserError(
            f"The data set {name}: coco() gives no COCO instances object, a dictionary with the "
            "lists images, annotations and categories."
        )
    boxes = []
    for place, note in enumerate(notes):
        label = f"annotation {note.get('id', place)}"
        mark = note.get("iscrowd", 0)
        # pycocotools takes the text "0" for a crowd.
        if isinstance(mark, str) or mark not in (0, 1):
            raise UserError(
                f"The data set {name}: the iscrowd of {label} is {mark!r}; it must be 0 or 1."
            )
        x, y, width, height = _numbers(name, label, note.get("bbox", ()))
        boxes.append(
            PlacedBox(
                label=label,
                written=(x, y, width, height),
                corners=(x, y, x + width, y + height),
                size=None,
            )
        )
    check_fractions(f"The data set {name}", boxes, "[x, y, width, height] in pixels of the image")


def _numbers(name: str, label: str, box: Iterable[float]) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(number) for number in box)
    except (TypeError, ValueError):
        x = y = width = height = math.nan
    if not all(map(math.isfinite, (x, y, width, height))):
        raise UserError(
            f"The data set {name}: the bbox of {label} is {box!r}; it must be four finite numbers, "
            "[x, y, width, height] in pixels of the image."
        )
    return x, y, width, height
