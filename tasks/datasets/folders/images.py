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
from tasks.classes import composed
from tasks.datasets.common.listing import SUFFIXES, list_images, passed_over_notice
from tasks.datasets.folders.labels_beside import labels_beside, paired_folders


class ImageFolder(DataSet, DataSetFormat):
    """The images in a folder and below it, for fidelity, and for classification if sorted so.

    Files are told by their suffix (`SUFFIXES`), and linked folders are read too; hidden ones (a
    leading dot in any part of the path) are passed over, and `notice` says what else is. Ids are
    paths relative to the folder with ``/``, and images come in the order of their ids, the same on
    every machine.

    Where every image lies in a sub-folder, the names of the first-level folders that hold images
    are the classes, in the order of their names (torchvision's ``ImageFolder``), and each image
    is of its folder's class. There are no boxes and no masks.

    Args:
        path: the folder; ``~`` is the home directory.

    Attributes:
        listing: what is in the folder.
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
        self.listing = list_images(self.path)
        self._images = tuple(
            ImageRef(id=key, path=file) for key, file in self.listing.images.items()
        )
        others = passed_over_notice(self.name, self.listing.passed_over)
        if not self._images:
            raise UserError(
                f"No image in {path}: none of its files ends in {' '.join(SUFFIXES)}."
                + (f" {others}" if others else "")
            )
        folders = {_folder(image.id) for image in self._images}
        if "" not in folders:
            self.tasks = ("classification", "fidelity")
            self.classes = tuple(sorted(folders))
        self.notice = "\n".join(filter(None, (others, self._classes_notice(folders))))

    @cached_property
    def unread(self) -> str:  # type: ignore[override]
        """What lies beside the images and looks like ground truth, and how to name it."""
        return labels_beside(self.path, [image.id for image in self._images])

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

    def _classes_notice(self, folders: set[str]) -> str:
        """What to tell about folders that are no classes; nothing where none was meant to be."""
        if not folders - {""}:
            return ""
        pair = paired_folders(self.listing.images)
        if pair is not None:
            return (
                f"{self.name}: the folders {pair[0]} and {pair[1]} hold pictures of the same names "
                f"and are taken for classes; if {pair[1]} are masks, name --dataset "
                f"{self.path / pair[0]} --masks {self.path / pair[1]}."
            )
        if "" not in folders:
            empty = [name for name in self.listing.folders if "/" not in name]
            empty = [name for name in empty if composed(name) not in folders]
            if not empty:
                return ""
            return (
                f"{self.name}: {len(empty)} of {len(folders) + len(empty)} folders hold no image "
                f"and are no classes, {empty[0]} first."
            )
        strays = [image.id for image in self._images if not _folder(image.id)]
        if len(folders) <= 2 or 2 * len(strays) >= len(self._images):
            return ""
        return (
            f"{self.name}: {len(strays)} of {len(self._images)} images lie beside the folders, "
            f"{strays[0]} first, so the {len(folders) - 1} folders are not taken for classes: if "
            "they are, take these images away or put them into one."
        )

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
    """The first-level folder of an image, in NFC; empty for one that lies in none."""
    return composed(image_id.rpartition("/")[0].partition("/")[0])
