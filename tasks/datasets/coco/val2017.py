"""COCO val2017: its boxes, and its instances as masks of VOC's labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.cards import Download, data_root
from harness.errors import UserError
from harness.plugins import Json
from tasks.classes import COCO, COCO_IDS, VOC
from tasks.datasets.coco.annotation_file import Instances, image_entries, load
from tasks.datasets.coco.instances import CocoInstances
from tasks.datasets.common.files import present

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LICENCE = "annotations CC BY 4.0; images under the terms of their owners on Flickr"

ANNOTATIONS = Download(
    url="http://images.cocodataset.org/annotations/annotations_trainval2017.zip",
    file="annotations_trainval2017.zip",
    size=252_907_541,
    sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    unpack="coco",
    members=("annotations/instances_val2017.json",),
    licence=LICENCE,
)
IMAGES = Download(
    url="http://images.cocodataset.org/zips/val2017.zip",
    file="val2017.zip",
    size=815_585_330,
    sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
    unpack="coco",
    members=("val2017/",),
    licence=LICENCE,
)
IMAGE_URL = "http://images.cocodataset.org/val2017/"
"""Where one image can be had; the project publishes no checksums of them."""


class CocoVal2017(CocoInstances):
    """COCO val2017: 5000 images, 36 781 boxes of 80 classes (Lin et al., ECCV 2014).

    Below the data root: ``coco/annotations/instances_val2017.json`` and ``coco/val2017``.
    """

    name = "coco-val2017"
    classes: tuple[str, ...] = COCO

    def __init__(self) -> None:
        folder = data_root() / "coco"
        super().__init__(_json_in(folder), folder / "val2017", self.name)

    @property
    def categories(self) -> tuple[int, ...]:
        """COCO's ids, 1..90 with gaps."""
        return COCO_IDS

    @cached_property
    def content(self) -> Instances:
        """The JSON, read and checked.

        Raises:
            UserError: it is missing, or not COCO's.
        """
        if not self.annotations.is_file():
            root = data_root()
            raise UserError(
                f"{self.name} is not on this machine: {self.advice(None)} to {root}, "
                "or name the data root with --data-root."
            )
        try:
            instances = super().content
        except UserError as error:
            raise _damaged(self.name, error) from error
        official = [{"id": i, "name": name} for i, name in zip(COCO_IDS, COCO, strict=True)]
        if list(instances.categories) != official:
            raise UserError(
                f"{self.annotations} is not COCO's: its categories are others. Delete it and "
                f"`harness fetch {self.name}`, or give the file itself as --dataset."
            )
        return instances

    @classmethod
    def prepared(cls) -> bool:
        """Whether the annotations and all images are here; their contents are not looked at."""
        return _json_in(data_root() / "coco").is_file() and not any(_missing(None))

    @classmethod
    def downloads(cls, limit: int | None = None) -> Iterator[Download]:
        """The archive of the annotations and that of the images, or the first images one by one."""
        file = _json_in(data_root() / "coco")
        if not file.is_file():
            yield ANNOTATIONS
        if limit is None:
            if not cls.prepared():
                yield IMAGES
            return
        for name in _missing(limit):
            yield Download(IMAGE_URL + name, f"coco/val2017/{name}", licence=LICENCE)

    def advice(self, limit: int | None) -> str:
        """What brings the missing images."""
        if limit is not None:
            return f"`harness fetch {self.name} --limit {limit}` brings them"
        size = sum(item.size or 0 for item in (ANNOTATIONS, IMAGES))
        return f"`harness fetch {self.name}` ({size / 1e9:.2f} GB) brings it"


class CocoVal2017Voc(CocoVal2017):
    """COCO val2017's instances as masks of VOC's 21 labels; see `tasks.datasets.coco.masks`.

    All 5000 images count, as torchvision's ``--test-only`` counts them; those without any of the
    classes (torchvision leaves such out of training alone) are background throughout.
    """

    name = "coco-val2017-voc"
    tasks: tuple[str, ...] = ("segmentation", "fidelity")
    classes: tuple[str, ...] = VOC

    @property
    def categories(self) -> tuple[int, ...]:
        """The values of `classes` in `mask`."""
        return tuple(range(1, len(VOC) + 1))

    def coco(self, ids: Sequence[str]) -> Json:
        """There are no boxes here: `CocoVal2017` has them."""
        raise NotImplementedError(f"{self.name} has no boxes")

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """The mask of an image: (height, width) uint8, index into `labels`, 255 = ignored.

        Raises:
            KeyError: the id is not of this data set.
        """
        return self.voc_mask(image_id)

    def identity(self) -> dict[str, str]:
        """The sha256 of the JSON, and how masks are drawn from it."""
        from tasks.datasets.coco.masks import VERSION

        return {**super().identity(), "masks": VERSION}


def _json_in(folder: Path) -> Path:
    return folder / "annotations" / "instances_val2017.json"


def _damaged(name: str, error: UserError) -> UserError:
    return UserError(f"{error} It should be COCO's own: delete it and `harness fetch {name}`.")


def _missing(limit: int | None) -> Iterator[str]:
    """The file names of val2017's first images that are not below the data root."""
    folder = data_root() / "coco"
    file = _json_in(folder)
    try:
        names = [image.file_name for image in image_entries(file, load(file).images)][:limit]
    except UserError as error:
        raise _damaged(CocoVal2017.name, error) from error
    here = present(folder / "val2017" / name for name in names)
    return (name for name in names if folder / "val2017" / name not in here)
