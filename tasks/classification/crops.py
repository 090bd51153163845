"""Pictures of one thing each, cut out of `scenes`; on disk all or nothing, like the scenes."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.assets.cards import cache_root, file_sha256
from harness.assets.reading import load_json
from harness.errors import UserError
from tasks.scenes import CLASSES
from tasks.scenes import VERSION as RENDERER

if TYPE_CHECKING:
    from harness.plugins import ImageRef
    from tasks.scenes.data_set import Scenes

VERSION = "1"
"""Bumped whenever another picture can be cut out of the same scene."""

INDEX = "index.json"
CONTEXT = 1.25
"""Side of a picture over the longer side of its thing's box."""
UNIT = 16
"""Sides are multiples of it: the block of JPEG 4:2:0, so that no picture is padded."""
SMALLEST = 48
"""The least side of a picture, pixels."""
LEAST_PIXELS = 300
"""A thing with fewer visible pixels is left out."""
LEAST_SHARE = 0.1
"""A thing that covers less of its picture is left out."""
OTHERS = 0.5
"""A thing is left out where one other class covers more than this share of its own pixels."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crop:
    """A square of a scene and the thing it shows.

    Attributes:
        label: class of the thing, from 1.
        left: first column.
        top: first row.
        side: pixels.
    """

    label: int
    left: int
    top: int
    side: int


@dataclass(frozen=True)
class CropEntry:
    """What the index says of a picture.

    Attributes:
        id: the picture is ``<id>.png``.
        label: class of its thing, from 1.
        side: pixels.
        sha256: of the pixels.
        file: sha256 of the PNG file.
    """

    id: str
    label: int
    side: int
    sha256: str
    file: str


@dataclass(frozen=True)
class CropIndex:
    """The index of all pictures; ``sha256`` is of all pixels and labels, see `digest`."""

    sha256: str
    images: tuple[CropEntry, ...]


def crops(
    mask: NDArray[np.uint8],
    boxes: Iterable[tuple[int, int, int, int]],
    labels: Iterable[int],
    areas: Iterable[int],
) -> list[Crop]:
    """The squares around those things of a scene that a picture can be of.

    Args:
        mask: (height, width) class of every pixel, 0 background, 255 along outlines.
        boxes: x0, y0, x1, y1 of the visible extents in pixels, x1 and y1 exclusive.
        labels: classes of the things, from 1.
        areas: visible pixels of the things.

    Returns:
        Squares of `CONTEXT` times the longer side, rounded up to `UNIT`; at the scene's border
        they are moved inside, so that nothing is made up and no pixel is resampled.
    """
    height, width = mask.shape
    squares = []
    for (x0, y0, x1, y1), label, area in zip(boxes, labels, areas, strict=True):
        wanted = int(np.ceil(CONTEXT * max(x1 - x0, y1 - y0) / UNIT)) * UNIT
        side = min(max(wanted, SMALLEST), height, width)
        left = min(max((x0 + x1 - side) // 2, 0), width - side)
        top = min(max((y0 + y1 - side) // 2, 0), height - side)
        seen = np.bincount(mask[top : top + side, left : left + side].ravel(), minlength=256)
        rivals = [int(seen[k]) for k in range(1, len(CLASSES) + 1) if k != label]
        if (
            area >= LEAST_PIXELS
            and area >= LEAST_SHARE * side * side
            and max(rivals) <= OTHERS * area
        ):
            squares.append(Crop(label, left, top, side))
    return squares


def prepared(scenes: Scenes) -> tuple[Path, CropIndex]:
    """The folder of the pictures cut out of ``scenes`` and its index, cutting them first if needed.

    Returns:
        The folder, and its index.

    Raises:
        UserError: the cache cannot be written.
    """
    name = f"scenes-things-{scenes.split}-v{RENDERER}.{VERSION}-{scenes.count}"
    folder = cache_root() / name
    index = _read_index(folder)
    if index is None:
        scenes.images()  # renders them, with an error of its own
        try:
            index = _cut_all(folder, scenes)
        except OSError as error:
            raise UserError(
                f"The pictures of things cannot be written to {folder}: "
                f"{error.strerror or error}. Set HARNESS_CACHE to a directory that can be written."
            ) from error
    return folder, index


def digest(images: Iterable[CropEntry]) -> str:
    """One sha256 over all pictures' pixel hashes and labels."""
    facts = [[entry.id, entry.label, entry.side, entry.sha256] for entry in images]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def _read_index(folder: Path) -> CropIndex | None:
    """The index of a complete folder; None where it is missing or was changed since."""
    try:
        content = load_json((folder / INDEX).read_text(encoding="utf-8"))
        index = CropIndex(
            sha256=content["sha256"],
            images=tuple(CropEntry(**entry) for entry in content["images"]),
        )
        intact = index.sha256 == digest(index.images) and all(
            file_sha256(folder / f"{entry.id}.png") == entry.file for entry in index.images
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if intact else None


def _cut_all(folder: Path, scenes: Scenes) -> CropIndex:
    """Cut into a temporary folder beside ``folder`` and rename it when it is complete."""
    log.info("Cutting the things out of %d scenes into %s: done once.", scenes.count, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        images = tuple(
            entry for image in scenes.images() for entry in _cut(scenes, image, temporary)
        )
        index = CropIndex(sha256=digest(images), images=images)
        (temporary / INDEX).write_text(json.dumps(asdict(index)), encoding="utf-8")
        temporary.chmod(0o755)
        if folder.exists() and _read_index(folder) is None:
            shutil.rmtree(folder)
        try:
            temporary.rename(folder)
        except OSError:  # another process may have finished first
            if _read_index(folder) is None:
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return index


def _cut(scenes: Scenes, image: ImageRef, folder: Path) -> list[CropEntry]:
    """Cut one scene's things into ``folder``; their entries of the index."""
    from PIL import Image

    notes = scenes.coco([image.id])["annotations"]
    boxes = [(x, y, x + width, y + height) for x, y, width, height in (n["bbox"] for n in notes)]
    labels, areas = [n["category_id"] for n in notes], [n["area"] for n in notes]
    with Image.open(image.path) as file:
        pixels = np.asarray(file)
    entries = []
    for number, crop in enumerate(crops(scenes.mask(image.id), boxes, labels, areas)):
        rows = slice(crop.top, crop.top + crop.side)
        cut = np.ascontiguousarray(pixels[rows, crop.left : crop.left + crop.side])
        name = f"{image.id}-{number}"
        Image.fromarray(cut).save(folder / f"{name}.png", compress_level=1)
        entries.append(
            CropEntry(
                id=name,
                label=crop.label,
                side=crop.side,
                sha256=hashlib.sha256(cut.tobytes()).hexdigest(),
                file=file_sha256(folder / f"{name}.png"),
            )
        )
    return entries
