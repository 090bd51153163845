"""COCO's instances as class masks with PASCAL VOC's labels, as torchvision's segmenters learn them.

Source: ``references/segmentation/coco_utils.py`` of torchvision (``FilterAndRemapCocoCategories``,
``ConvertCocoPolysToMask``): instances of VOC's twenty classes are drawn, crowds too; pixels of two
or more instances are ignored; everything else, other classes included, is background; an image
without any of these classes is background throughout and counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.plugins import Json
from tasks.classes import COCO, COCO_IDS, VOC
from tasks.datasets.coco.schema import CocoCategory

CATEGORIES = (5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72)
"""COCO's category ids of `VOC`, in its order: the mask value ``i + 1`` is ``CATEGORIES[i]``."""

LABELS = ("background", *VOC)
"""What the values of a mask mean."""

_LEAST = 6
"""Numbers of the smallest polygon."""

VERSION = "1"
"""Bumped whenever a pixel of a mask can change."""


def drawable(categories: Sequence[CocoCategory], annotations: Sequence[Json]) -> bool:
    """Whether a file's categories are COCO's own, and its instances of VOC's classes have outlines.

    Args:
        categories: the file's.
        annotations: all of the file's.
    """
    official = dict(zip(COCO_IDS, COCO, strict=True))
    names = {category["id"]: category["name"] for category in categories}
    return all(names.get(number) == official[number] for number in CATEGORIES) and all(
        note.get("segmentation") for note in annotations if note["category_id"] in CATEGORIES
    )


def thin_polygons(annotations: Sequence[Json]) -> list[Json]:
    """The annotations with a polygon of fewer than three points, which pycocotools takes wrong."""
    return [note for note in annotations if _thin(note.get("segmentation"))]


def _thin(outline: object) -> bool:
    return isinstance(outline, list) and any(
        isinstance(polygon, list) and len(polygon) < _LEAST for polygon in outline
    )


def voc_mask(
    annotations: Sequence[Json], width: int, height: int, source: str = "the annotations file"
) -> NDArray[np.uint8]:
    """The class mask of one image.

    Args:
        annotations: of this image, in COCO's format and with COCO's category ids.
        width: of the image, pixels.
        height: of the image, pixels.
        source: the file that they are from, for messages.

    Returns:
        (height, width) uint8, index into `LABELS`, 255 where instances overlap.

    Raises:
        UserError: an outline is none.
    """
    mask = np.zeros((height, width), np.uint8)
    instances = np.zeros((height, width), np.int32)
    for note in annotations:
        if note["category_id"] in CATEGORIES:
            inside = _filled(note, width, height, source)
            value = CATEGORIES.index(note["category_id"]) + 1
            mask = np.maximum(mask, inside * np.uint8(value))
            instances += inside
    mask[instances > 1] = 255
    return mask


def _filled(note: Json, width: int, height: int, source: str) -> NDArray[np.bool_]:
    """The pixels of one instance: polygons, or a run-length encoding as crowds have."""
    from pycocotools import mask as coco

    outline = note["segmentation"]
    fewest = min((len(part) // 2 for part in outline), default=0) if _thin(outline) else 0
    try:
        if _thin(outline):
            raise ValueError(f"a polygon needs 3 points, and one has {fewest}")
        packed = isinstance(outline, dict) and isinstance(outline["counts"], str | bytes)
        encoded = outline if packed else coco.frPyObjects(outline, height, width)
        inside: NDArray[np.bool_] = np.asarray(coco.decode(encoded)).astype(bool)
        if inside.shape[:2] != (height, width):
            raise ValueError(f"it is of an image of {inside.shape[1]}×{inside.shape[0]}")
    except Exception as error:  # pycocotools takes what it is given and fails in any way
        raise UserError(
            f"{source}: the outline of annotation {note.get('id')} is neither polygons nor a "
            f"run-length encoding ({error}): mend it."
        ) from error
    if inside.ndim == 3:  # a mask for each polygon
        inside = np.asarray(inside.any(axis=2))
    return inside
