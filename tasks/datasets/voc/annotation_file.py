"""Boxes in PASCAL VOC's XML (Everingham et al., "The PASCAL VOC Challenge", IJCV 2010)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from harness.errors import UserError
from tasks.datasets.common.files import size_text

VERSION = "1"
"""Bumped whenever a box can be read otherwise."""


@dataclass(frozen=True)
class AnnotatedObject:
    """One object of an image.

    Attributes:
        name: its class.
        box: x, y, width, height in pixels from 0, as COCO counts.
        difficult: VOC's mark for what neither counts when found nor when missed.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


def read_things(path: Path) -> tuple[AnnotatedObject, ...]:
    """The objects of one annotation file; its parts of objects (heads, hands) are no objects.

    VOC counts pixels from 1 and its corners belong to the box: ``xmin = 1, xmax = width`` is the
    whole width, as in detectron2's loader.

    Raises:
        UserError: it cannot be read, or an object has no name or no box.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # or its encoding is none
        raise UserError(f"{path} is not XML: {error}.") from error
    return tuple(_thing(path, element) for element in root.findall("object"))


def check_things(
    path: Path, things: tuple[AnnotatedObject, ...], size: tuple[int, int] | None
) -> None:
    """Refuse boxes without area or outside the image.

    Args:
        path: the file they are from, for messages.
        things: see `read_things`.
        size: width and height of the image, None if unknown.

    Raises:
        UserError: the first.
    """
    for thing in things:
        x, y, width, height = thing.box
        corners = f"xmin {x + 1:g}, ymin {y + 1:g}, xmax {x + width:g}, ymax {y + height:g}"
        if width <= 0 or height <= 0:
            raise UserError(f"{path}: the box of a {thing.name} has no area: {corners}.")
        if size and (x >= size[0] or y >= size[1] or x + width <= 0 or y + height <= 0):
            raise UserError(
                f"{path}: the box of a {thing.name} lies outside the image of {size_text(size)}: "
                f"{corners}."
            )


def _thing(path: Path, element: ElementTree.Element) -> AnnotatedObject:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise UserError(f"{path}: an object has no name.")
    corners = []
    for corner in ("xmin", "ymin", "xmax", "ymax"):
        text = element.findtext(f"bndbox/{corner}")
        try:
            corners.append(float(text or ""))
        except ValueError:
            corners.append(math.nan)
    if not all(map(math.isfinite, corners)):
        raise UserError(
            f"{path}: the box of a {name} needs the numbers xmin, ymin, xmax and ymax in a bndbox."
        )
    x0, y0, x1, y1 = corners
    difficult = (element.findtext("difficult") or "0").strip() not in ("0", "")
    return AnnotatedObject(name, (x0 - 1, y0 - 1, x1 - x0 + 1, y1 - y0 + 1), difficult)
