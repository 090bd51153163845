"""PASCAL VOC 2012, and any folder in its layout by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from harness.assets.cards import Download, data_root
from harness.errors import UserError
from harness.plugins import DataSet, DataSetFormat, ImageRef
from tasks.classes import VOC
from tasks.datasets.common.class_names import is_background, names_file, read_names
from tasks.datasets.common.files import present
from tasks.datasets.folders.mask_files import NamedMasks
from tasks.datasets.voc.files import BOXES, MASKS, read_list, truth_folder
from tasks.datasets.voc.layout import VocLayout
from tasks.datasets.voc.lists import in_all, list_stems, lists_notice

ARCHIVE = Download(
    url="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    file="VOCtrainval_11-May-2012.tar",
    size=1_999_639_040,
    md5="6cd6e144f989b92b3379bac3b3de84fd",
    unpack=".",
    members=tuple(
        f"VOCdevkit/VOC2012/{folder}/"
        for folder in ("Annotations", "ImageSets", "JPEGImages", "SegmentationClass")
    ),
    licence="images from Flickr under its terms, for research",
)

PLACES = (
    "VOCdevkit/VOC2012",
    "VOC2012",
    "VOCtrainval_11-May-2012/VOCdevkit/VOC2012",
    "VOC2012/VOCdevkit/VOC2012",
)
"""Where VOC 2012 may lie below the data root; ``harness fetch`` takes the first."""


class Voc2012(VocLayout):
    """PASCAL VOC 2012's segmentation val: 1449 images, 21 labels, 255 ignored."""

    name = "voc2012"
    tasks: tuple[str, ...] = ("segmentation", "fidelity")
    classes: tuple[str, ...] = VOC
    masks = True
    image_set = "Segmentation"

    def __init__(self) -> None:
        self.root = _root()

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The ids of ``ImageSets/…/val.txt``.

        Raises:
            UserError: it is not on this machine.
        """
        file = self.root / "ImageSets" / self.image_set / "val.txt"
        if not file.is_file():
            raise UserError(
                f"{self.name} is not on this machine: {self.advice(None)} to {data_root()}, "
                "or name the data root with --data-root."
            )
        return read_list(file)

    @classmethod
    def prepared(cls) -> bool:
        """Whether the list is here, and images and annotations of all that it names."""
        data_set = cls()
        if not (data_set.root / "ImageSets" / cls.image_set / "val.txt").is_file():
            return False
        needed = [path for ref in data_set.listed for path in data_set.files(ref)]
        return len(present(needed)) == len(set(needed))

    @classmethod
    def downloads(cls, limit: int | None = None) -> Iterator[Download]:
        """The archive of all of VOC 2012's training and validation data."""
        if limit is not None:
            raise UserError(
                f"{cls.name} comes in one archive: `harness fetch {cls.name}` without --limit."
            )
        if not cls.prepared():
            yield ARCHIVE

    def advice(self, limit: int | None) -> str:
        """What brings the missing files."""
        return f"`harness fetch {self.name}` ({(ARCHIVE.size or 0) / 1e9:.2f} GB) brings it"


class Voc2012Detection(Voc2012):
    """PASCAL VOC 2012's detection val: the 5823 images of ``ImageSets/Main/val.txt``, 20 classes.

    Scored by COCO's metric, not by VOC's own.
    """

    name = "voc2012-detection"
    tasks: tuple[str, ...] = ("detection", "fidelity")
    masks = False
    boxes = True
    image_set = "Main"


class VocFolder(VocLayout, NamedMasks, DataSetFormat):
    """Any folder in VOC's layout, by path.

    With masks and XML files, both tasks are offered on the images that have both.

    Args:
        path: the folder with ``JPEGImages``.
        split: the list in ``ImageSets``; ``Main/val`` or ``Segmentation/val`` for one task alone.
            By default ``val``, or the only list, or without lists every annotated image.
        classes: a file of class names, one a line; by default ``classes.txt`` or ``labelmap.txt``
            in the folder, else the names in the XML files. Where masks are offered it names value
            0 first, as everywhere, and in this layout that is ``background``.

    Attributes:
        named: whether the values of the masks have names; otherwise they are the model's.

    Raises:
        UserError: there is no such list, no image with what is asked for, or the masks' names do
            not begin with the background.
    """

    options: ClassVar[tuple[str, ...]] = ("split", "classes")

    @classmethod
    def accepts(cls, path: Path, options: Mapping[str, str]) -> bool:
        """Whether ``path`` is a folder in VOC's layout."""
        truths = (truth_folder(path, kind) for kind in (MASKS, BOXES))
        return (path / "JPEGImages").is_dir() and any(folder.is_dir() for folder in truths)

    @classmethod
    def open(cls, path: Path, **options: str) -> DataSet:
        """The data set of a folder; ``split`` and ``classes`` as of the class."""
        return cls(path, **options)

    def __init__(
        self, path: str | Path, split: str | None = None, classes: str | None = None
    ) -> None:
        self.root = Path(path).expanduser().resolve()
        self.name = self.root.name or str(self.root)
        lists = list_stems(self.root, split)
        self.masks, self.boxes = MASKS in lists, BOXES in lists
        self.tasks = tuple(
            task
            for task, offered in (
                ("detection", self.boxes),
                ("segmentation", self.masks),
                ("fidelity", True),
            )
            if offered
        )
        self.stems, self.notice = in_all(self.name, lists)
        self.tell(*lists_notice(self.name, self.root, split, lists).splitlines())
        file = names_file(classes, self.root)
        names = self._names_of_boxes() if file is None else read_names(file)
        self.classes = tuple(name for name in names if not is_background(name))
        self.named = file is not None or names == VOC
        if file is None:
            self._labels = ("background", *VOC) if self.named else ()
        elif self.masks:
            self._labels = self._names_of_masks(file, names)

    def check(self, refs: Sequence[ImageRef]) -> None:
        """See `VocLayout.check`; the values of masks are looked at too.

        Raises:
            UserError: which image, and why.
        """
        super().check(refs)
        if self.masks:
            self.check_masks(refs)

    def _names_of_boxes(self) -> tuple[str, ...]:
        """The names in the XML files; with masks, VOC's where all are VOC's."""
        if not self.boxes:
            return ()
        names = {thing.name for stem in self.stems for thing in self._things(stem)}
        return VOC if self.masks and names <= set(VOC) else tuple(sorted(names))

    def _names_of_masks(self, file: Path, names: tuple[str, ...]) -> tuple[str, ...]:
        """The names, refused if value 0 is not the background, as VOC defines it.

        Such a list is most likely one of the boxes' classes, and every value would be one off.
        """
        if is_background(names[0]):
            return names
        alone = "; for the boxes alone, name --split Main" if self.boxes else ""
        raise UserError(
            f"{file} begins with '{names[0]}', and in VOC's layout value 0 of a mask is the "
            f"background: put background in the first line{alone}; if value 0 is "
            f"'{names[0]}', open it as --dataset {self.root / 'JPEGImages'} --masks "
            f"{truth_folder(self.root, MASKS)}."
        )


def _root() -> Path:
    places = [data_root() / place for place in PLACES]
    return next((place for place in places if (place / "ImageSets").is_dir()), places[0])
