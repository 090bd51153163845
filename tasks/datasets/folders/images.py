"""Any folder of images, as a data set; its folders are the classes, if every image is in one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from harness.assets.cards import file_sha256
from harness.errors import UserError
from harness.plugins import DataSet, DataSetFormat, ImageRef

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".jp2"),
)
"""What counts as an image, in lower or upper case."""


class ImageFolder(DataSet, DataSetFormat):
    """The images in a folder and below it, for fidelity, and for classification if sorted so.

    Files are told by their suffix (`SUFFIXES`); hidden ones (a leading dot in any part of the
    path) are passed over. Ids are paths relative to the folder with ``/``, and images come in
    the order of their ids, the same on every machine.

    Where every image lies in a sub-folder, the names of the first-level folders that hold images
    are the classes, in the order of their names (torchvision's ``ImageFolder``), and each image
    is of its folder's class. There are no boxes and no masks.

    Args:
        path: the folder; ``~`` is the home directory.

    Attributes:
        fallback: it opens any folder, so it is asked after the formats that know their own; and
            knows no ground truth, so agreement stands in for it.

    Raises:
        UserError: there is no such folder, or no image in it.
    """

    tasks: tuple[str, ...] = ("fidelity",)
    default_models = MappingProxyType(
        {
            "detection": "fasterrcnn_resnet50_fpn",
            "segmentation": "pspnet_r50-d8_40k_voc12aug",
            "classification": "resnet50",
        }
    )
    fallback: ClassVar[bool] = True

    @classmethod
    def accepts(cls, path: Path, options: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Whether ``path`` is a folder."""
        return path.is_dir()

    @classmethod
    def open(cls, path: Path, **options: str) -> DataSet:
        """The images in a folder and below it; there are no options."""
        return cls(path, **options)

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_dir():
            what = "is a file" if self.path.exists() else "does not exist"
            raise UserError(f"{path} {what}: --dataset takes a data set's name or a folder.")
        self.name = self.path.name or str(self.path)
        self._images = _images_below(self.path)
        if not self._images:
            raise UserError(f"No image in {path}: none of its files ends in {' '.join(SUFFIXES)}.")
        folders = {_folder(image.id) for image in self._images}
        if "" not in folders:
            self.tasks = ("classification", "fidelity")
            self.classes = tuple(sorted(folders))

    def images(self) -> Sequence[ImageRef]:
        """All images, in the order of their ids."""
        return self._images

    def label(self, image_id: str) -> int:
        """The image's class, by its first-level folder: index into `classes`, from 0."""
        if not self.classes:
            return super().label(image_id)
        return self._places[_folder(image_id)]

    def fingerprint(self) -> dict[str, str]:
        """The sha256 over every image's id and content; where the folder lies is not in it.

        Files are read at the first call; later ones give the same answer. One that cannot be
        read is marked so: the run then names it and counts it as failed.
        """
        return {"images": self._sha256}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.classes)}

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for image in self._images:
            try:
                content = file_sha256(image.path)
            except OSError:
                content = "unreadable"
            line = f"{image.id}\0{content}\n"
            # File names need not be UTF-8 on Linux.
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _folder(image_id: str) -> str:
    """The first-level folder of an image; empty for one that lies in none."""
    return image_id.rpartition("/")[0].partition("/")[0]


def _images_below(folder: Path) -> tuple[ImageRef, ...]:
    images = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        # A link that leads nowhere is listed too, so that the run names it.
        if path.suffix.lower() in SUFFIXES and not hidden and (path.is_file() or _dangling(path)):
            images.append(ImageRef(id=relative.as_posix(), path=path))
    return tuple(sorted(images, key=lambda image: image.id))


def _dangling(path: Path) -> bool:
    return path.is_symlink() and not path.exists()
