"""COCO instances format (https://cocodataset.org/#format-data) as typed dictionaries.

What `harness.plugins.DataSet.coco` gives, and pycocotools takes, is JSON; this says what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from harness.plugins import Json


class CocoImage(TypedDict):
    """An image.

    Attributes:
        id: number, unique in the file.
        file_name: of the image.
        width: pixels; 0: unknown.
        height: pixels; 0: unknown.
        harness_id: the image's id in records.
    """

    id: int
    file_name: str
    width: int
    height: int
    harness_id: str


class CocoAnnotation(TypedDict):
    """A box of an image.

    Attributes:
        id: number, unique in the file.
        image_id: `CocoImage` it is of.
        category_id: `CocoCategory` it is of.
        bbox: x, y, width, height in pixels, from the upper left corner of the image.
        area: square pixels: of the object where it is known, else of the box.
        iscrowd: 1: a group; what it hides counts neither as found nor as missed.
    """

    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int


class CocoCategory(TypedDict):
    """A class: its number and its name."""

    id: int
    name: str


@dataclass(frozen=True)
class ImageEntry:
    """An image of a file that somebody wrote, checked.

    Attributes:
        id: number, unique in the file.
        key: its id as the file has it, a number or a text, which annotations refer to.
        file_name: of the image.
        width: pixels; 0: unknown.
        height: pixels; 0: unknown.
    """

    id: int
    key: int | str
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class InstancesFile:
    """The three lists of a COCO instances file, as somebody wrote them: nothing is checked."""

    images: list[Json]
    annotations: list[Json]
    categories: list[Json]


def numbered_categories(names: Iterable[str]) -> list[CocoCategory]:
    """Categories of class names, numbered from 1."""
    return [CocoCategory(id=number, name=name) for number, name in enumerate(names, start=1)]


def coco_json(
    images: Sequence[CocoImage],
    annotations: Sequence[CocoAnnotation],
    classes: Sequence[CocoCategory],
) -> Json:
    """Images, annotations and categories as one JSON object."""
    return {
        "images": list(images),
        "annotations": list(annotations),
        "categories": list(classes),
    }
