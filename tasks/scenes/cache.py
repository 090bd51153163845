"""The rendered splits on disk: PNG images, PNG masks and one annotation file, all or nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.assets.cards import cache_root, file_sha256
from harness.assets.reading import load_json
from harness.errors import UserError

INDEX = "index.json"
SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SceneEntry:
    """What the index says of an image.

    Attributes:
        id: the image is ``<id>.png``, its mask ``<id>.mask.png``.
        width: pixels.
        height: pixels.
        files: sha256 of the PNG files, by what their names end with.
        sha256: of the image's pixels.
        mask_sha256: of the mask's.
        boxes: x0, y0, x1, y1 of the visible extents in pixels, x1 and y1 exclusive.
        labels: classes of the things, from 1.
        areas: visible pixels of the things.
    """

    id: str
    width: int
    height: int
    files: dict[str, str]
    sha256: str
    mask_sha256: str
    boxes: list[list[int]]
    labels: list[int]
    areas: list[int]


@dataclass(frozen=True)
class SceneIndex:
    """The index of a rendered split.

    Attributes:
        sha256: of all pixels and annotations, see `digest`.
        images: in order.
    """

    sha256: str
    images: tuple[SceneEntry, ...]


def prepared(split: str, count: int, version: str) -> tuple[Path, SceneIndex]:
    """The folder of a rendered split and its index, rendering it first where it is not there.

    Args:
        split: a split of `tasks.scenes.render`.
        count: number of images.
        version: the renderer's version; another one is another folder.

    Returns:
        The folder, and its index.

    Raises:
        UserError: the cache cannot be written.
    """
    folder = cache_root() / f"scenes-{split}-v{version}-{count}"
    index = _read_index(folder)
    if index is None:
        try:
            index = _render_all(folder, split, count)
        except OSError as error:
            raise UserError(
                f"The rendered data set cannot be written to {folder}: {error.strerror or error}. "
                "Set HARNESS_CACHE to a directory that can be written."
            ) from error
    return folder, index


def _read_index(folder: Path) -> SceneIndex | None:
    """The index of a complete folder; None where it is missing or was changed since."""
    try:
        content = load_json((folder / INDEX).read_text(encoding="utf-8"))
        index = SceneIndex(
            sha256=content["sha256"],
            images=tuple(SceneEntry(**entry) for entry in content["images"]),
        )
        intact = index.sha256 == digest(index.images) and all(
            file_sha256(folder / f"{entry.id}{ending}") == entry.files[ending]
            for entry in index.images
            for ending in (".png", ".mask.png")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if intact else None


def digest(images: Iterable[SceneEntry]) -> str:
    """One sha256 over all images' pixel hashes and annotations."""
    keys = ("id", "width", "height", "sha256", "mask_sha256", "boxes", "labels", "areas")
    facts = [[getattr(entry, key) for key in keys] for entry in images]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def _render_all(folder: Path, split: str, count: int) -> SceneIndex:
    """Render into a temporary folder beside ``folder`` and rename it when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        jobs = [(split, index, str(temporary)) for index in range(count)]
        workers = min(os.cpu_count() or 1, 8)
        # Other ways to start a process would run the caller's main module once more.
        if workers > 1 and count > 8 and "fork" in multiprocessing.get_all_start_methods():
            with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
                images = tuple(_announced(pool.map(_render_one, jobs, chunksize=4), count, folder))
        else:
            images = tuple(_announced(map(_render_one, jobs), count, folder))
        index = SceneIndex(sha256=digest(images), images=images)
        (temporary / INDEX).write_text(json.dumps(asdict(index)), encoding="utf-8")
        _swap_in(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return index


def _announced(entries: Iterator[SceneEntry], count: int, folder: Path) -> Iterator[SceneEntry]:
    """The entries as they come, saying now and then how far the rendering is."""
    began = last_line = time.monotonic()
    log.info("Rendering %d scenes into %s: done once.", count, folder)
    for done, entry in enumerate(entries, start=1):
        yield entry
        if time.monotonic() - last_line > SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            left = (last_line - began) / done * (count - done)
            log.info("%d/%d scenes rendered, %.0f s left", done, count, left)


def _swap_in(temporary: Path, folder: Path) -> None:
    """Move the finished folder to its place; one that another process finished first may stay."""
    temporary.chmod(0o755)
    if folder.exists() and _read_index(folder) is None:
        shutil.rmtree(folder)
    try:
        temporary.rename(folder)
    except OSError:
        if _read_index(folder) is None:
            raise


def _render_one(job: tuple[str, int, str]) -> SceneEntry:
    """Render one scene into a folder; its entry of the index."""
    from PIL import Image

    from tasks.scenes.render import render

    split, index, folder = job
    scene = render(split, index)
    name = f"{split}-{index:05d}"
    image, mask = Path(folder) / f"{name}.png", Path(folder) / f"{name}.mask.png"
    Image.fromarray(scene.image).save(image, compress_level=1)
    Image.fromarray(scene.mask).save(mask)
    return SceneEntry(
        id=name,
        width=scene.image.shape[1],
        height=scene.image.shape[0],
        files={".png": file_sha256(image), ".mask.png": file_sha256(mask)},
        sha256=hashlib.sha256(scene.image.tobytes()).hexdigest(),
        mask_sha256=hashlib.sha256(scene.mask.tobytes()).hexdigest(),
        boxes=scene.boxes.tolist(),
        labels=scene.labels.tolist(),
        areas=scene.areas.tolist(),
    )
