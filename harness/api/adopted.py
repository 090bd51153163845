"""A caller's objects that have the parts of an interface without deriving from it.

What they have is theirs; what they lack of the interface is the base class's default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.plugins import (
    RGB,
    Compressed,
    DataSet,
    Expected,
    ImageRef,
    Json,
    Restored,
    Restorer,
    VisionModel,
)


def adopt_restorer(given: Any) -> Restorer:
    """The object itself where it is a `Restorer`, else one that hands everything on to it."""
    return given if isinstance(given, Restorer) else _AdoptedRestorer(given)


def adopt_data_set(given: Any) -> DataSet:
    """The object itself where it is a `DataSet`, else one that hands everything on to it."""
    return given if isinstance(given, DataSet) else _AdoptedDataSet(given)


def adopt_model(given: Any) -> VisionModel:
    """The object itself where it is a `VisionModel`, else one that hands everything on to it."""
    return given if isinstance(given, VisionModel) else _AdoptedModel(given)


class _AdoptedRestorer(Restorer):
    def __init__(self, given: Any) -> None:
        self._given = given
        self.name, self.multi_model = given.name, given.multi_model
        self.year, self.reference = given.year, given.reference
        self.needs_jpeg = getattr(given, "needs_jpeg", False)
        self.thread_safe = getattr(given, "thread_safe", False)

    def place(self, device: str) -> str:
        place = getattr(self._given, "place", None)
        return "cpu" if place is None else str(place(device))

    def prepare(self, qf: int) -> None:
        self._given.prepare(qf)

    def fingerprint(self, qf: int) -> dict[str, str]:
        parts: dict[str, str] = self._given.fingerprint(qf)
        return parts

    def restore(self, compressed: Compressed) -> RGB | Restored:
        restored: RGB | Restored = self._given.restore(compressed)
        return restored


class _AdoptedDataSet(DataSet):
    def __init__(self, given: Any) -> None:
        self._given = given
        self.name, self.tasks, self.classes = given.name, given.tasks, given.classes
        self.notice, self.default_models = given.notice, given.default_models
        self.fallback = getattr(given, "fallback", False)  # type: ignore[misc]
        self.unread = getattr(given, "unread", "")
        self.named = getattr(given, "named", True)
        self.highest = getattr(given, "highest", 0)
        self.unused = getattr(given, "unused", frozenset())

    @property
    def categories(self) -> tuple[int, ...]:
        return tuple(getattr(self._given, "categories", super().categories))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(getattr(self._given, "labels", super().labels))

    def images(self) -> Sequence[ImageRef]:
        images: Sequence[ImageRef] = self._given.images()
        return images

    def fingerprint(self) -> dict[str, str]:
        parts: dict[str, str] = self._given.fingerprint()
        return parts

    def coco(self, ids: Sequence[str]) -> Json:
        truth: Json = self._given.coco(ids)
        return truth

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        truth: NDArray[np.uint8] = self._given.mask(image_id)
        return truth

    def label(self, image_id: str) -> int:
        return int(self._given.label(image_id))


class _AdoptedModel(VisionModel):
    def __init__(self, given: Any) -> None:
        self._given = given
        self.name, self.classes = given.name, given.classes
        self.task = given.task  # type: ignore[misc]
        self.thread_safe = getattr(given, "thread_safe", False)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(getattr(self._given, "labels", super().labels))

    def expected(self, data_set: DataSet, metric: str) -> Expected | None:
        ask = getattr(self._given, "expected", None)
        return None if ask is None else ask(data_set, metric)

    def place(self, device: str) -> str:
        place = getattr(self._given, "place", None)
        return "cpu" if place is None else str(place(device))

    def prepare(self) -> None:
        self._given.prepare()

    def fingerprint(self) -> dict[str, str]:
        parts: dict[str, str] = self._given.fingerprint()
        return parts

    def predict(self, image: RGB) -> Any:
        return self._given.predict(image)
