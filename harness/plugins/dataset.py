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

    A named data set is made without arguments. One that is opened by path (a *format*) is a class
    with ``accepts(path, options)`` and ``__init__(path, **options)``, where ``options`` are those
    of the study's ``images``, ``masks``, ``classes`` and ``split`` that the user gave.

    Attributes:
        name: what tables print.
        tasks: names of the tasks it has ground truth for.
        classes: class names, in the order of `categories`.
        notice: a sentence the user must read before the numbers, or nothing.
        default_models: the vision model of each task when the user names none.
        options: the options a format takes, of ``images``, ``masks``, ``classes``, ``split``.
    """

    name: str
    tasks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notice: str = ""
    default_models: Mapping[str, str] = MappingProxyType({})
    options: ClassVar[tuple[str, ...]] = ()

    @property
    def categories(self) -> tuple[int, ...]:
        """The category ids of `classes` in `coco`; 1, 2, … unless a data set has its own."""
        return tuple(range(1, len(self.classes) + 1))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of `mask` mean, value 0 first."""
        return ("background", *self.classes)

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
