"""Any COCO instances JSON, by path."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.errors import UserError
from harness.plugins import DataSet, DataSetFormat, Json
from tasks.classes import COCO
from tasks.datasets.coco.annotation_file import checked, image_entries, load
from tasks.datasets.coco.boxes import which
from tasks.datasets.coco.images_folder import images_folder
from tasks.datasets.coco.instances import CocoInstances
from tasks.datasets.common.file_names import mended_notice
from tasks.datasets.common.listing import list_images, passed_over_notice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CocoFile(CocoInstances, DataSetFormat):
    """Any COCO instances JSON, by path.

    With COCO's own categories and outlines it has VOC-labelled masks too
    (`tasks.datasets.coco.masks`).

    Args:
        path: the ``.json`` file.
        images: the folder of the images; by default it is looked for near the file.

    Raises:
        UserError: see `CocoInstances.content`; there are no images where they are looked for.
    """

    options: ClassVar[tuple[str, ...]] = ("images",)

    @classmethod
    def accepts(cls, path: Path, options: Mapping[str, str]) -> bool:
        """Whether ``path`` is a JSON file."""
        return path.suffix.lower() == ".json" and path.is_file()

    @classmethod
    def open(cls, path: Path, **options: str) -> DataSet:
        """The data set of a file; ``images`` as of the class."""
        return cls(path, **options)

    def __init__(self, path: str | Path, images: str | None = None) -> None:
        from tasks.datasets.coco.masks import LABELS, VERSION, drawable, thin_polygons

        file = Path(path).expanduser().resolve()
        split = file.stem.removeprefix("instances_").strip("_.")
        above = file.parent.parent if file.parent.name == "annotations" else file.parent
        name = "-".join(part for part in (above.name, split) if part)
        raw = load(file)
        names = [image.file_name for image in image_entries(file, raw.images)]
        folder, self._mended = images_folder(file, split, names, images)
        super().__init__(file, folder, name)
        self.content = checked(file, raw, self.image_size)
        self.notice = self.content.notice
        self.tell(
            mended_notice(file.name, self._mended, len(names)),
            self._idle_notice(),
            self._unlisted_notice(),
        )
        notes = [note for notes in self.content.annotations.values() for note in notes]
        self._labels: tuple[str, ...] = ("background", *self.classes)
        self._masks_version = ""
        if drawable(self.content.categories, notes):
            self.tasks = ("detection", "segmentation", "fidelity")
            self._labels, self._masks_version = LABELS, VERSION
            self.tell(self._outlines_notice(thin_polygons(notes), len(notes)))

    def image_path(self, file_name: str) -> Path:
        """The file that a ``file_name`` means, though it may be called a little otherwise."""
        return self.folder / self._mended.get(file_name, file_name)

    @property
    def labels(self) -> tuple[str, ...]:
        """VOC's, where there are masks."""
        return self._labels

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """The VOC-labelled mask, see `tasks.datasets.coco.masks.voc_mask`.

        Raises:
            KeyError: the id is not of this data set.
        """
        return self.voc_mask(image_id) if self._masks_version else super().mask(image_id)

    def identity(self) -> dict[str, str]:
        """The sha256 of the JSON, and how masks are drawn from it."""
        version = {"masks": self._masks_version} if self._masks_version else {}
        return {**super().identity(), **version}

    def _outlines_notice(self, thin: Sequence[Json], count: int) -> str:
        """What to tell about outlines that cannot be drawn, or nothing."""
        if not thin:
            return ""
        return (
            f"{self.annotations.name}: {len(thin)} of {count} outlines have a polygon of fewer "
            f"than 3 points, {which(thin[0])} first, and a polygon needs 3: no mask is drawn of "
            "their images."
        )

    def _idle_notice(self) -> str:
        """What to tell about classes that have no annotation, or nothing."""
        notes = (note for notes in self.content.annotations.values() for note in notes)
        used = {note["category_id"] for note in notes}
        idle = [entry["name"] for entry in self.content.categories if entry["id"] not in used]
        # Few files with COCO's own list have something of all its 80 classes.
        if not used or set(idle) <= set(COCO):
            return ""
        return (
            f"{self.annotations.name}: {len(idle)} of {len(self.classes)} categories have no "
            f"annotation, {idle[0]} first; they are in no mean."
        )

    def _unlisted_notice(self) -> str:
        """What to tell about images beside those of the file, or nothing."""
        listing = list_images(self.folder)
        listed = {Path(os.path.relpath(ref.path, self.folder)).as_posix() for ref in self.listed}
        folders = {posixpath.dirname(name) for name in listed}
        others = [
            name
            for name in listing.images
            if name not in listed and posixpath.dirname(name) in folders
        ]
        what = f"images that {self.annotations.name} does not list"
        return passed_over_notice(self.name, {**listing.passed_over, what: others})

    def advice(self, limit: int | None) -> str:
        """What to do about missing images."""
        return "put them there, or name another folder with --images"


class CocoFolder(DataSetFormat):
    """A folder in COCO's layout: ``annotations/instances_NAME.json`` and the images of each name.

    ``split`` is the name; by default the only one there is, or the only one that begins with
    ``val``. ``images`` is as of `CocoFile`.
    """

    options: ClassVar[tuple[str, ...]] = ("images", "split")

    @classmethod
    def accepts(cls, path: Path, options: Mapping[str, str]) -> bool:
        """Whether ``path`` is such a folder, and no masks are named."""
        return path.is_dir() and "masks" not in options and bool(_instances_in(path))

    @classmethod
    def open(cls, path: Path, split: str | None = None, **options: str) -> DataSet:
        """The data set of a split.

        Raises:
            UserError: there is no such split, or several and none is named.
        """
        files = _instances_in(path.expanduser().resolve())
        chosen = [name for name in files if split in (None, name)]
        if len(chosen) > 1:
            chosen = [name for name in chosen if name.startswith("val")]
        if len(chosen) != 1:
            raise UserError(
                f"{path} has annotations of {', '.join(files)}: name one with --split."
                if split is None
                else f"--split {split}: {path} has annotations of {', '.join(files)} alone."
            )
        data_set = CocoFile(files[chosen[0]], **options)
        if split is None and len(files) > 1:
            data_set.tell(
                f"{path} has annotations of {', '.join(files)}: {chosen[0]} is taken; --split "
                "names another."
            )
        return data_set


def _instances_in(folder: Path) -> dict[str, Path]:
    """The instances files of a folder in COCO's layout, by the name of the split."""
    files = sorted((folder / "annotations").glob("instances_*.json"))
    return {path.stem.removeprefix("instances_"): path for path in files}
