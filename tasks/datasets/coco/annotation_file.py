"""COCO instances files: read, checked, and put into one form (https://cocodataset.org/#format-data).

What pycocotools itself does not mind, but makes a wrong number, is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.plugins import Json
from tasks.classes import composed
from tasks.datasets.coco.boxes import brief, check_boxes, complete, ignore_notice, which
from tasks.datasets.coco.schema import CocoCategory, ImageEntry, InstancesFile

KEYS = ("images", "annotations", "categories")

_IDS = ("id", "image_id", "category_id")


@dataclass(frozen=True)
class Instances:
    """What a COCO instances file says.

    Attributes:
        images: in the order of their ids.
        annotations: of every image, by its id; as in the file, with ``iscrowd`` (0 or 1) and
            ``area`` (square pixels).
        categories: in the order of their ids.
        notice: what the user should know about the boxes, or nothing.
    """

    images: tuple[ImageEntry, ...]
    annotations: Mapping[int, list[Json]]
    categories: tuple[CocoCategory, ...]
    notice: str


def load(path: Path) -> InstancesFile:
    """The three lists of a COCO instances file.

    Raises:
        UserError: it cannot be read, is no JSON or no COCO instances file.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
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
    return InstancesFile(**{key: [_whole_ids(entry) for entry in content[key]] for key in KEYS})


def _whole_ids(entry: Json) -> Json:
    """An entry whose ids are integers where they are whole, as tables write them: 1.0 is 1."""
    whole = {
        name: int(entry[name])
        for name in _IDS
        if isinstance(entry.get(name), float) and entry[name].is_integer()
    }
    return {**entry, **whole} if whole else entry


def _same_kind(notes: Sequence[Json], name: str, ids: Iterable[int | str]) -> list[Json]:
    """Annotations that refer to 1 where the file lists "1", or the other way round, mended."""
    listed = set(ids)
    by_text = {str(key): key for key in listed}
    return [
        {**note, name: by_text[str(note[name])]}
        if name in note and _key(note, name) not in listed and str(note[name]) in by_text
        else note
        for note in notes
    ]


def image_entries(path: Path, entries: Sequence[Json]) -> list[ImageEntry]:
    """The images of a file in the order of their ids, as pycocotools and detectron2 take them.

    Ids that are no integers are replaced by 1, 2, … in the order of the file; ``key`` keeps them.

    Raises:
        UserError: there are none, an entry has no id or file name, or two have the same.
    """
    if not entries:
        raise UserError(f"{path} lists no image.")
    for entry in entries:
        if not isinstance(entry.get("id"), int | str) or not isinstance(
            entry.get("file_name"), str
        ):
            raise UserError(
                f"{path}: an image needs an id and a file_name, and one is {brief(entry)}."
            )
    for key in ("id", "file_name"):
        _refuse_twins(path, "images", key, entries)
    plain = all(isinstance(entry["id"], int) for entry in entries)
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
        UserError: there are none, one has no integer id or no name, or two have the same id.
    """
    if not entries:
        raise UserError(f"{path} lists no category.")
    for entry in entries:
        if not isinstance(entry.get("id"), int) or not isinstance(entry.get("name"), str):
            raise UserError(
                f"{path}: a category needs an integer id and a name, and one is {brief(entry)}."
            )
    _refuse_twins(path, "categories", "id", entries)
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
    notes = _same_kind(content.annotations, "category_id", (entry["id"] for entry in every))
    placeholders = _placeholders(replace(content, annotations=notes))
    categories = tuple(entry for entry in every if entry["id"] not in placeholders)
    _refuse_twins(path, "categories", "name", categories)
    notes = _same_kind(notes, "image_id", (image.key for image in images))
    _check_references(path, notes, images, categories)
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
    )


def _measured(image: ImageEntry, image_size: Callable[[str], tuple[int, int] | None]) -> ImageEntry:
    """An image with its size, asked of its file where the annotations do not say."""
    if image.width and image.height:
        return image
    width, height = image_size(image.file_name) or (0, 0)
    return replace(image, width=width, height=height)


def _check_references(
    path: Path,
    notes: Sequence[Json],
    images: Sequence[ImageEntry],
    categories: Sequence[CocoCategory],
) -> None:
    known = {image.key for image in images}
    strays = [note for note in notes if _key(note, "image_id") not in known]
    if strays:
        raise UserError(
            f"{path}: {len(strays)} of {len(notes)} annotations are of no image that is listed, "
            f"{which(strays[0])} first, of image_id {strays[0].get('image_id')!r}."
        )
    ids = {entry["id"] for entry in categories}
    strays = [note for note in notes if _key(note, "category_id") not in ids]
    if strays:
        raise UserError(
            f"{path}: {len(strays)} of {len(notes)} annotations are of no category that is "
            f"listed, {which(strays[0])} first, of category_id {strays[0].get('category_id')!r}."
        )
    _refuse_twins(path, "annotations", "id", [note for note in notes if "id" in note])


def _placeholders(content: InstancesFile) -> set[int | str]:
    """Categories that only group others, as some exporters write them: nothing is of them.

    Their names may be those of the others too.
    """
    used = {_key(note, "category_id") for note in content.annotations}
    names = {entry["name"] for entry in content.categories if entry["id"] in used}
    groups = {
        entry["supercategory"]
        for entry in content.categories
        if isinstance(entry.get("supercategory"), str) and entry["supercategory"] != entry["name"]
    }
    idle = [entry for entry in content.categories if entry["id"] not in used]
    return {entry["id"] for entry in idle if entry["name"] in groups | names}


def _refuse_twins(path: Path, what: str, key: str, entries: Sequence[Mapping[str, object]]) -> None:
    counts = Counter(_key(entry, key) for entry in entries)
    twins = [value for value, count in counts.items() if count > 1]
    if twins:
        raise UserError(
            f"{path}: {len(twins)} times two or more {what} have one {key}, {twins[0]!r} first: "
            "give each its own."
        )


def _key(entry: Mapping[str, object], name: str) -> int | str:
    """A value as a key; what cannot be one is the key of nothing."""
    value = entry.get(name)
    return value if isinstance(value, int | str) else str(value)


def _side(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
