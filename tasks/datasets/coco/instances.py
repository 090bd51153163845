"""Boxes from a COCO instances JSON, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.assets.cards import file_sha256
from harness.errors import UserError
from harness.plugins import ImageRef, Json
from tasks.datasets.coco.annotation_file import Instances, checked, load
from tasks.datasets.coco.schema import CocoImage, ImageEntry
from tasks.datasets.common.files import size_advice, size_text, upright_size
from tasks.datasets.common.stored import FileDataSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CocoInstances(FileDataSet):
    """A COCO instances JSON and the folder of its images, in the order of their ids.

    Images without annotations count, crowds are kept (the metric ignores what they hide), and
    category ids, names and order are the file's.

    Args:
        annotations: the JSON; read when first asked for, once.
        folder: what the file names in it are relative to.
        name: what tables print.
    """

    tasks: tuple[str, ...] = ("detection", "fidelity")
    default_models: Mapping[str, str] = MappingProxyType(
        {
            "detection": "fasterrcnn_resnet50_fpn",
            "segmentation": "pspnet_r50-d8_40k_voc12aug",
        }
    )

    def __init__(self, annotations: Path, folder: Path, name: str) -> None:
        self.annotations = annotations
        self.folder = folder
        self.name = name

    @cached_property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of `categories`."""
        return tuple(category["name"] for category in self.content.categories)

    @property
    def categories(self) -> tuple[int, ...]:
        """The file's category ids, in their order."""
        return tuple(category["id"] for category in self.content.categories)

    @cached_property
    def content(self) -> Instances:
        """The JSON, read and checked.

        Raises:
            UserError: it is missing, or not as it should be.
        """
        return checked(self.annotations, load(self.annotations), self.image_size)

    @cached_property
    def listed(self) -> tuple[ImageRef, ...]:
        """Every image of the JSON, in the order of their ids."""
        names = (image.file_name for image in self.content.images)
        return tuple(ImageRef(name, self.image_path(name)) for name in names)

    def check(self, refs: Sequence[ImageRef]) -> None:
        """Refuse images that are not of the size that the JSON says.

        Raises:
            UserError: how many, and the first.
        """
        wrong = []
        for ref in refs:
            image, size = self._entries[ref.id], upright_size(ref.path)
            if size not in (None, (image.width, image.height)):
                wrong.append((ref, size, (image.width, image.height)))
        if wrong:
            ref, size, stated = wrong[0]
            advice = size_advice(ref.path, size or (0, 0), stated)
            raise UserError(
                f"{len(wrong)} of {len(refs)} images are not of the size that {self.annotations} "
                f"says, {ref.path} first: it is {size_text(size or ())} and should be "
                f"{size_text(stated)}; {advice}."
            )

    def identity(self) -> dict[str, str]:
        """The sha256 of the JSON, and whether its categories have other ids here."""
        ids = {"ids": "renumbered"} if self.content.renumbered else {}
        return {"annotations": self._annotations_sha256, **ids}

    def coco(self, ids: Sequence[str]) -> Json:
        """Boxes in COCO instances format, without outlines.

        Raises:
            KeyError: an id is not of this data set.
        """
        images = [self._entries[image_id] for image_id in ids]
        kept = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
        return {
            "images": [
                CocoImage(
                    id=image.id,
                    file_name=image.file_name,
                    width=image.width,
                    height=image.height,
                    harness_id=image.file_name,
                )
                for image in images
            ],
            "annotations": [
                {key: note[key] for key in kept if key in note}
                for image in images
                for note in self.content.annotations[image.id]
            ],
            "categories": list(self.content.categories),
        }

    def image_path(self, file_name: str) -> Path:
        """The file that a ``file_name`` means."""
        return self.folder / file_name

    def image_size(self, file_name: str) -> tuple[int, int] | None:
        """Width and height by an image's header, None if it cannot be read."""
        return upright_size(self.image_path(file_name))

    def voc_mask(self, image_id: str) -> NDArray[np.uint8]:
        """The VOC-labelled mask, see `tasks.datasets.coco.masks`.

        Raises:
            KeyError: the id is not of this data set.
        """
        from tasks.datasets.coco.masks import voc_mask

        image = self._entries[image_id]
        notes = self.content.annotations[image.id]
        return voc_mask(notes, image.width, image.height, str(self.annotations))

    @cached_property
    def _entries(self) -> dict[str, ImageEntry]:
        return {image.file_name: image for image in self.content.images}

    @cached_property
    def _annotations_sha256(self) -> str:
        return file_sha256(self.annotations)
