"""COCO instances files: read, checked, and put into one form (https://cocodataset.org/#format-data).

What pycocotools itself does not mind, but makes a wrong number, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.assets.reading import load_json, read_regular
from harness.errors import UserError
from harness.plugins import Json
from tasks.classes import composed
from tasks.datasets.coco.boxes import brief, check_boxes, complete, ignore_notice
from tasks.datasets.coco.ids import (
    LARGEST,
    check_references,
    placeholders,
    refuse_twins,
    renumbering,
    same_kind,
    whole_ids,
)
from tasks.datasets.coco.schema import CocoCategory, ImageEntry, InstancesFile

KEYS = ("images", "annotations", "categories")

MOST_CATEGORIES = 100_000
"""Categories of a file; the arrays of the metric are as long."""


@dataclass(frozen=True)
class Instances:
    """What a COCO instances file says.

    Attributes:
        images: in the order of their ids.
        annotations: of every image, by its id; as in the file, with ``iscrowd`` (0 or 1) and
            ``area`` (square pixels).
        categories: in the order of their ids.
        notice: what the user should know about the boxes, or nothing.
        renumbered: the file's category ids are negative, or beyond 64 bits: here they are 1, 2, ….
    """

    images: tuple[ImageEntry, ...]
    annotations: Mapping[int, list[Json]]
    categories: tuple[CocoCategory, ...]
    notice: str
    renumbered: bool = False


def load(path: Path) -> InstancesFile:
    """The three lists of a COCO instances file.

    Raises:
        UserError: it cannot be read, is no JSON or no COCO instances file.
    """
    try:
        content = load_json(read_regular(path))
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): give a COCO instances file.") from error
    lacking = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if lacking:
        raise UserError(
            f"{path} is no COCO instances file: it has no {', '.join(lacking)}. "
            "Such a file is one JSON object with the lists images, annotations and categories."
        )
    for key in KEYS:
        entries = content[key]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{path} is no COCO instances file: {key} is no list of objects.")
    return InstancesFile(**{key: [whole_ids(entry) for entry in content[key]] for key in KEYS})


def image_entries(path: Path, entries: Sequence[Json]) -> list[ImageEntry]:
    """The images of a file in the order of their ids, as pycocotools and detectron2 take them.

    Ids that are no integers of 64 bits are replaced by 1, 2, … in the order of the file; ``key``
    keeps them.

    Raises:
        UserError: there are none, an entry has no id or file name, or two have the same.
    """
    if not entries:
        raise UserError(f"{path} lists no image.")
    for entry in entries:
        named = isinstance(entry.get("file_name"), str)
        if not named or not isinstance(entry.get("id"), int | str) or isinstance(entry["id"], bool):
            raise UserError(
                f"{path}: an image needs an id and a file_name, and one is {brief(entry)}."
            )
    for key in ("id", "file_name"):
        refuse_twins(path, "images", key, entries)
    plain = all(isinstance(i["id"], int) and abs(i["id"]) <= LARGEST for i in entries)
    images = [
        ImageEntry(
            id=entry["id"] if plain else number,
            key=entry["id"],
            file_name=entry["file_name"],
            width=_side(entry.get("width")),
            height=_side(entry.get("height")),
        )
        for number, entry in enumerate(entries, start=1)
    ]
    return sorted(images, key=lambda image: image.id)


def check_categories(path: Path, entries: Sequence[Json]) -> tuple[CocoCategory, ...]:
    """The categories of a file in the order of their ids.

    Raises:
        UserError: there are none, or too many, one has no integer id or no name, or two have the
            same id.
    """
    if len(entries) > MOST_CATEGORIES:
        raise UserError(
            f"{path} lists {len(entries)} categories, and {MOST_CATEGORIES} are the most that are "
            "scored: leave out those without annotations."
        )
    if not entries:
        raise UserError(f"{path} lists no category.")
    for entry in entries:
        named = isinstance(entry.get("name"), str)
        if not named or not isinstance(entry.get("id"), int) or isinstance(entry["id"], bool):
            raise UserError(
                f"{path}: a category needs an integer id and a name, and one is {brief(entry)}."
            )
    refuse_twins(path, "categories", "id", entries)
    ordered = sorted(entries, key=lambda entry: int(entry["id"]))
    return tuple(CocoCategory(id=entry["id"], name=composed(entry["name"])) for entry in ordered)


def checked(
    path: Path,
    content: InstancesFile,
    image_size: Callable[[str], tuple[int, int] | None],
) -> Instances:
    """Check what a COCO instances file holds.

    Args:
        path: the file, for messages.
        content: what `load` gave.
        image_size: width and height of an image by its ``file_name``, None if unknown; asked where
            the file does not say.

    Raises:
        UserError: see `image_entries` and `check_categories`; two categories of one name;
            annotations of no image or no category, of the same id, of an area or an iscrowd that
            is none, or with a box that is none, has no area or lies outside its image. The first
            of each kind is named.
    """
    images = [_measured(image, image_size) for image in image_entries(path, content.images)]
    every = check_categories(path, content.categories)
    notes = same_kind(content.annotations, "category_id", (entry["id"] for entry in every))
    groups = placeholders(replace(content, annotations=notes))
    categories = tuple(entry for entry in every if entry["id"] not in groups)
    refuse_twins(path, "categories", "name", categories)
    notes = same_kind(notes, "image_id", (image.key for image in images))
    check_references(path, notes, images, categories)
    numbers = renumbering(categories)
    if numbers:
        categories = tuple(CocoCategory(id=numbers[c["id"]], name=c["name"]) for c in categories)
        notes = [{**note, "category_id": numbers[note["category_id"]]} for note in notes]
    by_key = {image.key: image for image in images}
    notice = check_boxes(path, notes, by_key, image_size)
    annotations: dict[int, list[Json]] = {image.id: [] for image in images}
    completed = complete(path, notes)
    ignored = ignore_notice(path.name, completed)
    for note in completed:
        number = by_key[note["image_id"]].id
        annotations[number].append({**note, "image_id": number})
    return Instances(
        images=tuple(images),
        annotations=annotations,
        categories=categories,
        notice="\n".join(filter(None, (notice, ignored))),
        renumbered=bool(numbers),
    )


def _measured(image: ImageEntry, image_size: Callable[[str], tuple[int, int] | None]) -> ImageEntry:
    """An image with its size, asked of its file where the annotations do not say."""
    if image.width and image.height:
        return image
    width, height = image_size(image.file_name) or (0, 0)
    return replace(image, width=width, height=height)


def _side(value: object) -> int:
    return value if isinstance(value, int) and 0 < value <= LARGEST else 0
