"""What a data set is: images, and the ground truth of the tasks it is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.assets.cards import Download
from harness.plugins.types import Json


@dataclass(frozen=True)
class ImageRef:
    """One image of a data set.

    Attributes:
        id: unique within the data set, stable over time; names the image in records.
        path: the file the harness reads (never read by the data set itself).
    """

    id: str
    path: Path


class DataSet(ABC):
    """Images and what is known about them.

    A named data set is made without arguments; one that is opened by path, by a `DataSetFormat`.

    Attributes:
        name: what tables print.
        tasks: names of the tasks it has ground truth for; none unless it says.
        classes: class names, in the order of `categories`; none unless it says.
        notice: what the user must read before the numbers, a sentence a line; nothing unless it
            says.
        unread: of a `fallback`: what lies beside the images and may be ground truth, and how to
            name it; told where a task finds none. Nothing unless it says.
        default_models: the vision model of each task when the user names none.
        fallback: it is any images, without annotations: a task that it has no ground truth for
            is replaced by the agreement of the vision model with itself, instead of refused.
            False unless it says.
        named: whether the values of `mask` have names, which are matched with the model's; else
            they are taken for the model's own labels. True unless it says.
        highest: the largest value of the masks but for 255; asked where they are not `named`. 0
            unless it says.
        unused: values of `labels` that are known to be in no mask of the run; a model need not know
            the background then. None unless it says.
    """

    name: str = ""
    tasks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notice: str = ""
    unread: str = ""
    default_models: Mapping[str, str] = MappingProxyType({})
    fallback: ClassVar[bool] = False
    named: bool = True
    highest: int = 0
    unused: frozenset[int] = frozenset()

    @property
    def categories(self) -> tuple[int, ...]:
        """The category ids of `classes` in `coco`; 1, 2, … unless a data set has its own."""
        return tuple(range(1, len(self.classes) + 1))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of `mask` mean, value 0 first."""
        return ("background", *self.classes)

    @classmethod
    def cards(cls) -> list[Path]:
        """Cards of files that come with it or that ``harness fetch`` brings; none by default."""
        return []

    def available(self, limit: int | None = None) -> None:  # noqa: B027 - nothing can be missing
        """Check that the images of a run are here, before `images`; by default they are.

        A data set that may be here in part is asked for no more than the run needs.

        Args:
            limit: of only the first images.

        Raises:
            UserError: too few are here; which, and how to get them.
        """

    @classmethod
    def prepared(cls) -> bool:
        """Whether it is on this machine, whole; the data set ``auto`` asks."""
        return True

    @classmethod
    def downloads(cls, limit: int | None = None) -> Iterator[Download]:
        """What ``harness fetch`` brings, in order, each asked for when the last one is here.

        Args:
            limit: only the first images, if the data set can be had in parts.

        Raises:
            UserError: it cannot be had in parts.
        """
        yield from ()

    @abstractmethod
    def images(self) -> Sequence[ImageRef]:
        """All images, always in the same order."""

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """What identifies the data (version, hash of the annotations...)."""

    def coco(self, ids: Sequence[str]) -> Json:
        """Detection ground truth of ``ids`` in COCO instances format.

        Every image entry has ``id`` (int), ``file_name``, ``width``, ``height`` and
        ``harness_id`` (our string id). Annotations need no segmentation.
        """
        raise NotImplementedError(f"{self.name} has no boxes")

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """Segmentation ground truth: (height, width), index into `labels`, 255 = ignored."""
        raise NotImplementedError(f"{self.name} has no masks")

    def label(self, image_id: str) -> int:
        """Classification ground truth: index into `classes`, from 0."""
        raise NotImplementedError(f"{self.name} has no class of an image")


class DataSetFormat(ABC):
    """Data sets opened by path: ``--dataset path/to/them``.

    Declared under the entry-point group ``harness.formats``. The class of the data set may be its
    own format: ``class Mine(DataSet, DataSetFormat)``.

    Attributes:
        options: what it takes of the study's ``images``, ``masks``, ``classes`` and ``split``;
            nothing unless it says. Another one that the user gives is refused.
        fallback: it opens nearly everything, so it is asked after the others; False unless it
            says.
    """

    options: ClassVar[tuple[str, ...]] = ()
    fallback: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def accepts(cls, path: Path, options: Mapping[str, str]) -> bool:
        """Whether a file or folder is of this kind; a look, no more.

        Args:
            path: there is something.
            options: those the user gave, by name.
        """

    @classmethod
    @abstractmethod
    def open(cls, path: Path, **options: str) -> DataSet:
        """The data set at a path that `accepts` accepts.

        Args:
            path: of the file or folder.
            **options: those the user gave, all of them among `options`.

        Raises:
            UserError: it is damaged, or an option does not fit.
        """
