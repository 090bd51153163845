"""Ids in COCO instances files: what they may be, and what refers to what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.errors import UserError
from harness.plugins import Json
from tasks.datasets.coco.boxes import which
from tasks.datasets.coco.schema import CocoCategory, ImageEntry, InstancesFile

_IDS = ("id", "image_id", "category_id")

LARGEST = 2**63 - 1
"""What numpy holds; below 0, a label would mean a class that the data set has not."""


def whole_ids(entry: Json) -> Json:
    """An entry whose ids are integers where they are whole, as tables write them: 1.0 is 1."""
    whole = {
        name: int(entry[name])
        for name in _IDS
        if isinstance(entry.get(name), float) and entry[name].is_integer()
    }
    return {**entry, **whole} if whole else entry


def same_kind(notes: Sequence[Json], name: str, ids: Iterable[int | str]) -> list[Json]:
    """Annotations that refer to 1 where the file lists "1", or the other way round, mended."""
    listed = set(ids)
    by_text = {str(key): key for key in listed}
    return [
        {**note, name: by_text[str(note[name])]}
        if name in note and _key(note, name) not in listed and str(note[name]) in by_text
        else note
        for note in notes
    ]


def check_references(
    path: Path,
    notes: Sequence[Json],
    images: Sequence[ImageEntry],
    categories: Sequence[CocoCategory],
) -> None:
    """Refuse annotations of no image or no category, and those that have one id.

    Raises:
        UserError: how many, and the first.
    """
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
    refuse_twins(path, "annotations", "id", [note for note in notes if "id" in note])


def placeholders(content: InstancesFile) -> set[int | str]:
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


def renumbering(categories: Sequence[CocoCategory]) -> dict[int, int]:
    """What stands for category ids of which one is no label: 1, 2, … in their order; or nothing."""
    ids = [entry["id"] for entry in categories]
    if all(0 <= number <= LARGEST for number in ids):
        return {}
    return {number: place for place, number in enumerate(ids, start=1)}


def refuse_twins(path: Path, what: str, key: str, entries: Sequence[Mapping[str, object]]) -> None:
    """Refuse entries that have one ``key``; ``what`` they are, for the message.

    Raises:
        UserError: how many values are had more than once, and the first.
    """
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
    return value if isinstance(value, int | str) and not isinstance(value, bool) else str(value)
