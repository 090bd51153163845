"""COCO: boxes from an instances JSON, of val2017 or of any file in that format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.assets.cards import Download, data_root
from harness.errors import UserError
from tasks.classes import COCO, COCO_IDS
from tasks.datasets.coco.annotation_file import Instances, checked, image_entries, load
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


class CocoFile(CocoInstances):
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

    @staticmethod
    def accepts(path: Path, options: Mapping[str, str]) -> bool:
        """Whether ``path`` is a JSON file."""
        return path.suffix.lower() == ".json" and path.is_file()

    def __init__(self, path: str | Path, images: str | None = None) -> None:
        from tasks.datasets.coco.masks import LABELS, VERSION, drawable

        file = Path(path).expanduser().resolve()
        split = file.stem.removeprefix("instances_").strip("_.")
        above = file.parent.parent if file.parent.name == "annotations" else file.parent
        name = "-".join(part for part in (above.name, split) if part)
        raw = load(file)
        names = [entry["file_name"] for entry in image_entries(file, raw["images"])]
        super().__init__(file, _images_folder(file, split, names, images), name)
        self.content = checked(file, raw, self.image_size)
        self.notice = self.content.notice
        notes = [note for notes in self.content.annotations.values() for note in notes]
        self._labels: tuple[str, ...] = ("background", *self.classes)
        self._masks_version = ""
        if drawable(self.content.categories, notes):
            self.tasks = ("detection", "segmentation", "fidelity")
            self._labels, self._masks_version = LABELS, VERSION

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

    def advice(self, limit: int | None) -> str:
        """What to do about missing images."""
        return "put them there, or name another folder with --images"


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
            found = super().content
        except UserError as error:
            raise _damaged(self.name, error) from error
        official = [{"id": i, "name": name} for i, name in zip(COCO_IDS, COCO, strict=True)]
        if list(found.categories) != official:
            raise UserError(
                f"{self.annotations} is not COCO's: its categories are others. Delete it and "
                f"`harness fetch {self.name}`, or give the file itself as --dataset."
            )
        return found

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


def _json_in(folder: Path) -> Path:
    return folder / "annotations" / "instances_val2017.json"


def _damaged(name: str, error: UserError) -> UserError:
    return UserError(f"{error} It should be COCO's own: delete it and `harness fetch {name}`.")


def _missing(limit: int | None) -> Iterator[str]:
    """The file names of val2017's first images that are not below the data root."""
    folder = data_root() / "coco"
    file = _json_in(folder)
    try:
        names = [entry["file_name"] for entry in image_entries(file, load(file)["images"])][:limit]
    except UserError as error:
        raise _damaged(CocoVal2017.name, error) from error
    here = present(folder / "val2017" / name for name in names)
    return (name for name in names if folder / "val2017" / name not in here)


def _images_folder(file: Path, split: str, names: Sequence[str], images: str | None) -> Path:
    """The folder that holds most of the images, of those where they usually are.

    Raises:
        UserError: none holds any, or the one that was named does not.
    """
    if images is not None:
        places = [Path(images).expanduser()]
        if not places[0].is_dir():
            what = "is a file" if places[0].exists() else "does not exist"
            raise UserError(f"--images {images} {what}: it takes the folder of the images.")
    else:
        beside, above = file.parent, file.parent.parent
        places = [beside / split, beside / "images" / split, beside / "images", beside]
        places += [above / split, above / "images" / split, above / "images", above]
    found = [len(present(place / name for name in names)) for place in places]
    if not any(found):
        raise UserError(
            f"None of the {len(names)} images that {file} lists, {names[0]} first, is in "
            f"{', '.join(map(str, dict.fromkeys(places)))}: name their folder with --images."
        )
    return places[found.index(max(found))].resolve()
